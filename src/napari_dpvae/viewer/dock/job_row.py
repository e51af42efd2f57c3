"""A running job: how far it is, how long it takes still, and buttons to hold and to end it."""

from __future__ import annotations

import time
from collections.abc import Callable

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QPushButton, QWidget

from napari_dpvae.viewer.dock.drawing import draw_later
from napari_dpvae.viewer.dock.job import Job, Steps
from napari_dpvae.viewer.dock.style import column, note, row, when_laid_out


class JobRow(QWidget):
    """Shows the one job that runs in it, and is hidden when there is none."""

    began = Signal()
    told = Signal(str)
    """How far it is, in words."""
    ended = Signal()
    """However it ended, and before whoever waits for its result hears of it."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.text = note()
        self.pause = QPushButton("Pause")
        self.pause.setCheckable(True)
        self.pause.setToolTip("Wait here; press again to go on.")
        self.pause.hide()
        self.pause.toggled.connect(self._set_paused)
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("End now; what there was before stays.")
        self.stop.clicked.connect(self._on_stop)
        self.buttons = row(self.pause, self.stop)
        self.buttons.insertStretch(0, 1)
        self.setLayout(column(self.bar, self.text, self.buttons, margins=(0, 2, 0, 2)))
        self.hide()
        self.job: Job | None = None
        self._only_reads = False
        self._clock = _Stopwatch()
        self._appeared = when_laid_out(self)

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return self.job is not None

    def run(
        self,
        steps: Callable[[], Steps],
        text: str,
        *,
        pausable: bool = False,
        only_reads: bool = False,
    ) -> Job:
        """Start a job and show it until it ends.

        Parameters
        ----------
        steps
            Makes the generator: see :class:`napari_dpvae.viewer.dock.job.Job`.
        text
            What is going on.
        pausable
            Whether it can be held for a while.
        only_reads
            Whether it changes nothing, so that Stop need not wait for its next yield.
        """
        job = Job(steps, self, text)
        self.job = job
        self._only_reads = only_reads
        self.pause.setVisible(pausable)
        self.stop.setText("Stop")
        self._clock = _Stopwatch()
        self.began.emit()
        self._tell(text)
        self.bar.setRange(0, 0)
        for ending in (job.done, job.failed, job.stopped):
            ending.connect(self._on_end)
        self.show()
        self._appeared.start()
        job.start()
        return job

    def show_busy(self, text: str) -> None:
        """What is going on, where there is no telling how far it is."""
        if self.job is not None and not self.job.stopping:
            self.bar.setRange(0, 0)
            self._tell(text)

    def show_share(self, share: float, text: str) -> None:
        """How far it is, 0 to 1, and in words; the time left is added, from the second time on."""
        if self.job is None or self.job.stopping:
            return
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * share))
        left = self._clock.left(share)
        self._tell(f"{text} · {left}" if left else text)

    def _tell(self, text: str) -> None:
        self.text.setText(text)
        self.told.emit(text)

    def _set_paused(self, paused: bool) -> None:
        self.pause.setText("Resume" if paused else "Pause")
        if self.job is not None:
            self.job.paused = paused
            self._clock.hold(paused)

    def _on_stop(self) -> None:
        if self.job is None:
            return
        if self._only_reads:
            self.job.abandon()
            return
        self.job.stop()
        self._tell("stopping…")
        self.setEnabled(False)

    def _on_end(self) -> None:
        draw_later(self.window())
        self.job = None
        self.pause.setChecked(False)
        self.setEnabled(True)
        self.hide()
        self.ended.emit()


class _Stopwatch:
    """Seconds since the first share that it is told, without those on hold."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._first: float | None = None
        self._held_at: float | None = None

    def hold(self, held: bool) -> None:
        now = time.monotonic()
        if held:
            self._held_at = now
        elif self._held_at is not None:
            self._start += now - self._held_at
            self._held_at = None

    def left(self, share: float) -> str:
        """How long the rest takes at this pace; empty when there is no telling yet."""
        if self._first is None:
            # What came before, such as the choice of genes, tells nothing of the pace.
            self._first, self._start = share, time.monotonic()
        done = share - self._first
        if done <= 0:
            return ""
        return f"{duration((time.monotonic() - self._start) * (1 - share) / done)} left"


def duration(seconds: float) -> str:
    """A time as a person says it: 8 s, 3 min, 1 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
