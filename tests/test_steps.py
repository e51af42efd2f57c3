"""Results come in the order of their items, whoever is done first."""

import threading
from collections.abc import Iterator

import pytest

from napari_dpvae.steps import by_threads


@pytest.mark.parametrize("cores", [1, 3])
def test_results_come_in_order_whoever_is_done_first(
    cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_dpvae.steps.n_cores", lambda: cores)
    second = threading.Event()

    def work(item: int) -> int:
        if item == 0 and cores > 1:
            # Waits for a later item: with one thread it would wait for ever.
            assert second.wait(10)
        if item == 1:
            second.set()
        return item**2

    assert list(by_threads(work, range(20))) == [item**2 for item in range(20)]


def test_no_more_items_are_taken_than_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_dpvae.steps.n_cores", lambda: 2)
    taken = []

    def items() -> Iterator[int]:
        for item in range(100):
            taken.append(item)
            yield item

    results = by_threads(lambda item: item, items())
    assert next(results) == 0
    assert len(taken) <= 4


def test_what_goes_wrong_with_an_item_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_dpvae.steps.n_cores", lambda: 2)
    with pytest.raises(ZeroDivisionError):
        list(by_threads(lambda item: 1 / item, [2, 1, 0]))
