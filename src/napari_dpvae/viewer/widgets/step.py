"""What the steps of the dock are made of: a title that folds, a status, a running job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psygnal import SignalInstance
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_dpvae.viewer.session import Session
from napari_dpvae.viewer.workers import Job, Steps


class Fold(QWidget):
    """Content under a title that shows and hides it."""

    def __init__(self, title: str, content: QWidget, *, unfolded: bool) -> None:
        super().__init__()
        self.title = QToolButton()
        self.title.setText(title)
        self.title.setCheckable(True)
        self.title.setChecked(unfolded)
        self.title.setAutoRaise(True)
        self.title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.title.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.title.toggled.connect(self._set_unfolded)
        self.content = content
        layout = QVBoxLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.title)
        layout.addWidget(content)
        self.setLayout(layout)
        self._set_unfolded(unfolded)

    def _set_unfolded(self, unfolded: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow
        self.title.setArrowType(arrow)
        self.content.setVisible(unfolded)


class Step(Fold):
    """A part of the flow that folds.

    Parameters
    ----------
    number, name
        Its title.
    session
        What it shows and changes.
    """

    def __init__(self, number: int, name: str, session: Session) -> None:
        content = QWidget()
        self.body = QVBoxLayout()
        self.body.setContentsMargins(14, 0, 2, 6)
        content.setLayout(self.body)
        super().__init__("", content, unfolded=True)
        self.title.setStyleSheet("font-weight: bold;")
        self.session = session
        self._name = f"{number}  {name}"
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.body.addWidget(self.status)
        self.set_done(False)

    def set_done(self, done: bool) -> None:
        """Tick the title."""
        self.title.setText(f"{self._name}  {'✓' if done else ''}")

    def tell(self, text: str) -> None:
        """Say what there is, or what is missing."""
        self.status.setStyleSheet("")
        self.status.setText(text)

    def complain(self, text: str) -> None:
        """Say what went wrong, in the colour of errors."""
        self.status.setStyleSheet("color: #e8604c;")
        self.status.setText(text)

    def follow(self, signal: SignalInstance, slot: Callable[..., Any]) -> None:
        """Call a slot on a session's signal for as long as this widget is there."""
        signal.connect(slot)
        self.destroyed.connect(lambda: signal.disconnect(slot, missing_ok=True))


class JobRow(QWidget):
    """A progress bar with its text, pause and stop, and the one job that it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.text = QLabel()
        self.pause = QPushButton("Pause")
        self.pause.setCheckable(True)
        self.pause.setToolTip("Wait after this epoch; press again to go on.")
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("End now.")
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.pause)
        row.addWidget(self.stop)
        layout = QVBoxLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)
        layout.addWidget(self.text)
        self.setLayout(layout)
        self.pause.hide()
        self.hide()
        self.job: Job | None = None

    @property
    def running(self) -> bool:
        """Whether a job is under way."""
        return self.job is not None

    def run(self, steps: Callable[[], Steps], text: str) -> Job:
        """Start a job and show it until it ends."""
        job = Job(steps, self)
        self.job = job
        self.bar.setRange(0, 0)
        self.text.setText(text)
        self.pause.setChecked(False)
        self.stop.clicked.connect(job.stop)
        self.pause.toggled.connect(self._set_paused)
        for ending in (job.done, job.failed, job.stopped):
            ending.connect(self._on_end)
        self.show()
        job.start()
        return job

    def show_share(self, share: float, text: str) -> None:
        """How far it is, 0 to 1, and in words."""
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * share))
        self.text.setText(text)

    def _set_paused(self, paused: bool) -> None:
        if self.job is not None:
            self.job.paused = paused
            self.pause.setText("Resume" if paused else "Pause")

    def _on_end(self) -> None:
        self.job = None
        self.pause.setText("Pause")
        self.hide()
