"""How long work runs: in steps that report, and on many items at once.

Results of many items come in the items' order: they do not depend on how many are under way.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Generic, Protocol, TypeVar

from threadpoolctl import ThreadpoolController

MOST_THREADS = 8
"""Each holds a chunk of cells: bounds memory."""
Report = TypeVar("Report")
Said = TypeVar("Said")
Item = TypeVar("Item")
Result = TypeVar("Result")
Awaited = TypeVar("Awaited", covariant=True)


class _Kept(Generic[Report, Result]):
    """Steps to go through, and what they returned once they are done."""

    result: Result

    def __init__(self, steps: Generator[Report, None, Result]) -> None:
        self._steps = steps

    def __iter__(self) -> Iterator[Report]:
        self.result = yield from self._steps


def drain(
    steps: Generator[Report, None, Result], progress: Callable[[Report], None] | None = None
) -> Result:
    """Run to the end; ``progress`` is called with every report."""
    kept = _Kept(steps)
    for report in kept:
        if progress is not None:
            progress(report)
    return kept.result


def told(
    steps: Generator[Report, None, Result], say: Callable[[Report], Said]
) -> Generator[Said, None, Result]:
    """Steps of which whoever drains them hears what ``say`` makes of each report."""
    kept = _Kept(steps)
    for report in kept:
        yield say(report)
    return kept.result


class Future(Protocol[Awaited]):
    """A result to wait for."""

    def result(self) -> Awaited:
        """Wait for it."""
        ...

    def cancel(self) -> object:
        """It is not needed any more."""
        ...


def in_order(
    submit: Callable[[Item], Future[Result]], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Results in the order of their items, of which so many are under way at most."""
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(submit(item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def by_threads(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """Results of work on each item, as many at once as there are cores.

    numpy, torch, h5py and scikit-learn let other threads run while they compute; each then computes
    on one.
    """
    threads = min(n_cores(), MOST_THREADS)
    # On one thread where there is one core as well: sums come out the same to the last bit.
    with _linear_algebra().limit(limits=1, user_api="blas"):
        if threads == 1:
            yield from map(work, items)
            return
        with ThreadPoolExecutor(threads, "napari-dpvae") as pool:
            yield from in_order(lambda item: pool.submit(work, item), items, threads + 1)


@cache
def _linear_algebra() -> ThreadpoolController:
    """What numpy and scipy compute with: to find it among all libraries takes a while."""
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()


def n_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
