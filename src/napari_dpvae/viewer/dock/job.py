"""Long jobs in the background: progress, pause, stop, errors."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

from napari.qt.threading import GeneratorWorker, create_worker
from qtpy.QtCore import QObject, Signal

from napari_dpvae.viewer.canvas.background import OutlivesWindow

logger = logging.getLogger(__name__)

Steps = Generator[Any, None, Any]


class Job(QObject):
    """One run of a generator in a thread.

    What it yields is progress and what it returns is the result; it can be paused and stopped
    wherever it yields. It ends with exactly one of ``done``, ``failed`` and ``stopped``, and all
    signals arrive in the window's thread. When the parent goes, the job stops unheard.

    Parameters
    ----------
    steps
        Makes the generator.
    parent
        The widget that the job works for.
    name
        What is going on, for the question when the window is closed.
    """

    progressed = Signal(object)
    done = Signal(object)
    failed = Signal(str)
    stopped = Signal()

    def __init__(self, steps: Callable[[], Steps], parent: QObject, name: str = "a job") -> None:
        super().__init__(parent)
        self._name = name
        self._paused = threading.Event()
        self._result: Any = None
        self._error: Exception | None = None
        self._completed = False
        self._abandoned = False
        self.running = False
        self.stopping = False
        # Made by napari, it is known to the window: that asks before it closes, and stops it then.
        self._worker = create_worker(
            self._guarded,
            steps,
            _start_thread=False,
            _ignore_errors=True,
            _worker_class=_Worker,
        )
        self._worker.yielded.connect(self._on_yielded)
        self._worker.finished.connect(self._on_finished)
        worker = self._worker
        parent.destroyed.connect(lambda: worker.quit())

    def __repr__(self) -> str:
        return f"dp-VAE: {self._name}"

    def start(self) -> None:
        """Begin."""
        self.running = True
        self._worker.start()

    def stop(self) -> None:
        """Ask for an end at the next yield; ``stopped`` follows, also if it was the last one."""
        self.stopping = True
        self._worker.quit()

    def abandon(self) -> None:
        """End at once, unheard: for work that yields too seldom, and changes nothing."""
        self.stop()
        self._abandoned = True
        self.running = False
        self.stopped.emit()

    @property
    def paused(self) -> bool:
        """Whether it waits at its next yield until it is set to False."""
        return self._paused.is_set()

    @paused.setter
    def paused(self, paused: bool) -> None:
        if paused:
            self._paused.set()
        else:
            self._paused.clear()

    def _guarded(self, steps: Callable[[], Steps]) -> Steps:
        """The steps, in the thread: waits while paused, and keeps the result or the error.

        Errors do not leave the generator, because the worker takes any RuntimeError (torch raises
        many) for its own deletion and says nothing.
        """
        try:
            work = steps()
            while True:
                try:
                    report = next(work)
                except StopIteration as end:
                    self._result = end.value
                    break
                yield report
                while self._paused.is_set():
                    time.sleep(0.02)
                    yield None
        except Exception as error:
            logger.debug("A background job failed.", exc_info=True)
            self._error = error
        self._completed = True

    def _on_yielded(self, report: Any) -> None:
        if report is not None and not self._abandoned:
            self.progressed.emit(report)

    def _on_finished(self) -> None:
        self.running = False
        self.deleteLater()
        result, error = self._result, self._error
        # napari keeps each worker, and so this job, for as long as the window is open.
        self._result = self._error = None
        if self._abandoned:
            return
        if error is not None:
            self.failed.emit(sentence(error))
        elif self._completed and not self.stopping:
            self.done.emit(result)
        else:
            self.stopped.emit()


class _Worker(OutlivesWindow, GeneratorWorker):
    """Ends what was stopped in the thread that it ran in, and lets go of what that held."""

    def work(self) -> Any:
        try:
            found = super().work()
        finally:
            self._gen.close()
        # The job keeps the work's own errors: this one is of signals that are gone.
        return None if isinstance(found, RuntimeError) else found


def sentence(error: Exception) -> str:
    """What to tell a person: our own words as they are, others with the kind of error."""
    text = " ".join(str(error).split())
    return text if isinstance(error, ValueError) and text else f"{type(error).__name__}: {text}"
