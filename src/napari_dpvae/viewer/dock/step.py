"""What the steps of the dock are made of: a title that folds, a tick, one line, a status."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from psygnal import SignalInstance
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QToolButton, QWidget
from superqt import QElidingLabel

from napari_dpvae.viewer.dock.fold import Fold
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.style import column, note, say, set_tone, when_laid_out
from napari_dpvae.viewer.state.session import Session


class Step(Fold):
    """A part of the flow: folded it is one line, with a tick when it is done.

    Parameters
    ----------
    number, name
        Its title.
    session
        What it shows and changes.
    """

    finished = Signal()
    """What the next step needs has just come to be there."""
    folds_when_done = False
    """Whether there is nothing left to do in it then."""

    def __init__(self, number: int, name: str, session: Session) -> None:
        content = QWidget()
        self.body = column(margins=(14, 0, 2, 6))
        content.setLayout(self.body)
        super().__init__("", content, unfolded=True)
        self.title.setStyleSheet("font-weight: bold; padding: 1px;")
        self.title.setToolTip(f"Open or fold this step; Alt+{number} opens it.")
        self.session = session
        self.number = number
        self._name = f"{number}  {name}"
        self._done = False
        self._job_rows: tuple[JobRow, ...] = ()
        self._add_headline()
        self.status = note()
        self.status.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.status.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.status.hide()
        self.body.addWidget(self.status)
        self._complained = when_laid_out(self.status)
        self.set_done(False)

    def _add_headline(self) -> None:
        self.headline = QElidingLabel()
        self.headline.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        set_tone(self.headline, "muted")
        self.change = QToolButton()
        self.change.setText("Change")
        self.change.setToolTip(f"Open this step again (Alt+{self.number}).")
        self.change.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.change.clicked.connect(lambda: self.title.setChecked(True))
        self.header.addWidget(self.headline, 1)
        self.header.addWidget(self.change)
        self.title.toggled.connect(self._show_headline)

    @property
    def done(self) -> bool:
        """Whether it has what the next step needs."""
        return self._done

    def set_done(self, done: bool) -> None:
        """Tick the title, and say so when it was not done before."""
        new, self._done = done and not self._done, done
        self.title.setText(f"{self._name} {'✓' if done else ''}")
        self._show_headline()
        if new:
            self.finished.emit()

    def tell(self, text: str) -> None:
        """Say what there is, or what is missing."""
        self._say(text, "plain")

    def warn(self, text: str) -> None:
        """Say what to look twice at, in the colour of warnings."""
        self._say(f"⚠ {text}", "warning")

    def complain(self, text: str) -> None:
        """Say what went wrong, in the colour of errors and where it is seen."""
        self._say(text, "error")
        self.unfolded = True
        self._complained.start()

    def give_way(self, *rows: JobRow) -> None:
        """While a job runs in one of these, nothing else is said: old words are not of it."""
        self._job_rows = rows
        for row in rows:
            row.began.connect(self._on_began)
            row.told.connect(self.headline.setText)
            row.ended.connect(self._refresh)

    @property
    def busy(self) -> bool:
        """Whether one of its jobs is under way."""
        return any(row.running for row in self._job_rows)

    def summarise(self, line: str) -> None:
        """What to say in a few words while folded, where the status is longer."""
        self.headline.setText(line)
        self.headline.setToolTip(self.status.text() or line)

    def follow(self, signal: SignalInstance, slot: Callable[..., Any]) -> None:
        """Call a slot on a session's signal for as long as this widget is there."""
        follow(self, signal, slot)

    def _refresh(self) -> None:
        """Show what the session holds now, and what can be done with it; in words when idle."""

    def _on_began(self) -> None:
        self.tell("")
        self._refresh()

    def _on_saved(self, path: str) -> None:
        self.tell(f"saved {path}")

    def _say(self, text: str, tone: str) -> None:
        say(self.status, text, tone)
        self.summarise(text)

    def _show_headline(self) -> None:
        self.headline.setVisible(not self.unfolded)
        self.change.setVisible(self._done and not self.unfolded)


def follow(widget: QWidget, signal: SignalInstance, slot: Callable[..., Any]) -> None:
    """Call a slot on a session's signal for as long as a widget is there."""
    signal.connect(slot)
    widget.destroyed.connect(lambda: signal.disconnect(slot, missing_ok=True))
