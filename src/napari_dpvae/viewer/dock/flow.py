"""Which step is open: the next one unfolds when what it needs is there."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QObject, Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QAbstractButton, QApplication, QShortcut, QWidget

from napari_dpvae.viewer.dock.step import Step


class Flow(QObject):
    """Leads through the steps; what a person unfolds stays so.

    Parameters
    ----------
    steps
        From first to last.
    dock
        Where they are; Alt and a step's number open it from anywhere in its window.
    """

    def __init__(self, steps: Sequence[Step], dock: QWidget) -> None:
        super().__init__(dock)
        self._steps = steps
        for step in steps:
            step.unfolded = False
            step.finished.connect(lambda step=step: self._go_on_from(step))
            keys = QShortcut(QKeySequence(f"Alt+{step.number}"), dock)
            keys.setContext(Qt.ShortcutContext.WindowShortcut)
            keys.activated.connect(lambda step=step: self.open(step))
        self._next().unfolded = True

    def open(self, step: Step) -> None:
        """Unfold a step and put the keyboard there."""
        step.unfolded = True
        step.title.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def press(self, step: Step, button: QAbstractButton) -> None:
        """Press a button of a step; where it cannot be pressed the step is opened and says why."""
        step.unfolded = True
        if button.isEnabled():
            button.click()
        else:
            self.open(step)

    def _go_on_from(self, done: Step) -> None:
        if not done.folds_when_done:
            return
        following = self._next()
        was_here = done.isAncestorOf(QApplication.focusWidget())
        done.unfolded = False
        following.unfolded = True
        if was_here:
            self.open(following)

    def _next(self) -> Step:
        """The first step where there is something left to do."""
        return next(step for step in self._steps if not (step.done and step.folds_when_done))
