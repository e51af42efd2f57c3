"""While jobs run Python does not look through the objects that were there before."""

import gc
from collections.abc import Iterator

import pytest
from pytestqt.qtbot import QtBot

from napari_dpvae.viewer.dock import garbage


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch, qtbot: QtBot) -> Iterator[None]:
    # Jobs of other tests have ended.
    qtbot.waitUntil(lambda: not gc.get_freeze_count(), timeout=2 * garbage.AFTERWARDS_MS)
    monkeypatch.setattr(garbage, "AFTERWARDS_MS", 20)
    yield
    gc.unfreeze()


def test_objects_are_set_aside_until_the_last_job_has_ended(qtbot: QtBot) -> None:
    garbage.set_aside()
    garbage.set_aside()
    assert gc.get_freeze_count() > 0
    garbage.take_back()
    qtbot.wait(60)
    assert gc.get_freeze_count() > 0
    garbage.take_back()
    qtbot.waitUntil(lambda: not gc.get_freeze_count(), timeout=2000)


def test_what_somebody_else_set_aside_stays_so(qtbot: QtBot) -> None:
    gc.freeze()
    garbage.set_aside()
    garbage.take_back()
    qtbot.wait(60)
    assert gc.get_freeze_count() > 0


def test_cycles_that_a_job_leaves_are_collected_after_it(qtbot: QtBot) -> None:
    from weakref import ref

    class Cycle:
        def __init__(self) -> None:
            self.own = self

    garbage.set_aside()
    left = ref(Cycle())
    garbage.take_back()
    qtbot.waitUntil(lambda: not gc.get_freeze_count(), timeout=2000)
    gc.collect()
    assert left() is None
