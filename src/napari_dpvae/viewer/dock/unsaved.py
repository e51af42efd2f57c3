"""Placed cells that are in no file yet are not let go without a question."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QMessageBox, QWidget

from napari_dpvae.viewer.dock.saving import SaveButton
from napari_dpvae.viewer.state.session import Session

ASKED = QMessageBox.StandardButton


class Unsaved(QObject):
    """Asks a person, once, whether to save placed cells before they go.

    Only what a person does asks: a script that sets the session's data, or closes the viewer, is
    not held up. As an event filter of a window it asks before that is closed.

    Parameters
    ----------
    session
        Whose placed cells they are.
    save
        Writes them.
    """

    def __init__(self, session: Session, save: SaveButton) -> None:
        super().__init__(save)
        self._session, self._save = session, save
        self._then: Callable[[], None] | None = None
        save.saved.connect(self._go_on)
        save.failed.connect(self._give_up)
        save.ended.connect(self._give_up)

    def before(self, then: Callable[[], None], parent: QWidget, why: str) -> None:
        """Do something that lets the placed cells go: at once, after saving, or not at all."""
        if not self._session.unsaved or self._session.placed is None:
            then()
            return
        n = self._session.placed.n_obs
        answer = QMessageBox.question(
            parent,
            "Placed cells are not saved",
            f"{why} takes away the {n:,} placed cells, which are in no file yet. Save them first?",
            ASKED.Save | ASKED.Discard | ASKED.Cancel,
            ASKED.Save,
        )
        if answer == ASKED.Discard:
            then()
        elif answer == ASKED.Save:
            self._then = then
            if not self._save.choose():
                self._then = None

    def eventFilter(self, window: QObject, event: QEvent) -> bool:
        """Hold a window that a person closes until the answer is there."""
        closed = event.type() == QEvent.Type.Close and event.spontaneous()
        if not (closed and self._session.unsaved and isinstance(window, QMainWindow)):
            return False
        event.ignore()
        self.before(window.close, window, "Closing the window")
        return True

    def _go_on(self) -> None:
        then, self._then = self._then, None
        if then is not None:
            then()

    def _give_up(self) -> None:
        self._then = None
