"""Work in a thread of its own, which may end after the window has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from superqt.utils import FunctionWorker, WorkerBase, create_worker

Result = TypeVar("Result")


class OutlivesWindow(WorkerBase):
    """For workers: when Qt has taken the signals away, nobody is left to be told."""

    def run(self) -> None:
        """Work, and tell whoever is there still."""
        with suppress(RuntimeError):
            super().run()


class _Worker(OutlivesWindow, FunctionWorker):
    pass


def in_background(
    work: Callable[..., Result], *arguments: Any, then: Callable[[Result], object]
) -> None:
    """Call ``work`` in a thread, and ``then`` with its result in the window's own."""
    worker = create_worker(work, *arguments, _worker_class=_Worker)
    worker.returned.connect(then)
    worker.start()
