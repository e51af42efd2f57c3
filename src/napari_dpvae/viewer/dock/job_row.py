"""A running job: how far it is, how long it takes still, and buttons to hold and to end it."""

from __future__ import annotations

import time
from collections.abc import Callable

from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_dpvae.viewer.dock.job import Job, Steps


class JobRow(QWidget):
    """Shows the one job that runs in it, and is hidden when there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(8)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.pause = QPushButton("Pause")
        self.pause.setCheckable(True)
        self.pause.setToolTip("Wait here; press again to go on.")
        self.pause.hide()
        self.pause.toggled.connect(self._set_paused)
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("End now; what there was before stays.")
        self.stop.clicked.connect(self._on_stop)
        self.buttons = QHBoxLayout()
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.pause)
        self.buttons.addWidget(self.stop)
        layout = QVBoxLayout()
        layout.setContentsMargins(0, 2, 0, 2)
        layout.addWidget(self.bar)
        layout.addWidget(self.text)
        layout.addLayout(self.buttons)
        self.setLayout(layout)
        self.hide()
        self.job: Job | None = None
        self._only_reads = False
        self._clock = _Stopwatch()

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
        job = Job(steps, self)
        self.job = job
        self._only_reads = only_reads
        self.pause.setVisible(pausable)
        self.stop.setText("Stop")
        self._clock = _Stopwatch()
        self.bar.setRange(0, 0)
        self.text.setText(text)
        for ending in (job.done, job.failed, job.stopped):
            ending.connect(self._on_end)
        self.show()
        job.start()
        return job

    def show_share(self, share: float, text: str) -> None:
        """How far it is, 0 to 1, and in words; the time left is added."""
        if self.job is None or self.job.stopping:
            return
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * share))
        left = self._clock.left(share)
        self.text.setText(f"{text} · {left}" if left else text)

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
        self.text.setText("stopping…")
        self.setEnabled(False)

    def _on_end(self) -> None:
        self.job = None
        self.pause.setChecked(False)
        self.setEnabled(True)
        self.hide()


class _Stopwatch:
    """Seconds since it was made, without those on hold."""

    def __init__(self) -> None:
        self._start = time.monotonic()
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
        if share <= 0:
            return ""
        return f"{duration((time.monotonic() - self._start) * (1 - share) / share)} left"


def duration(seconds: float) -> str:
    """A time as a person says it: 8 s, 3 min, 1 h 20 min."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
