"""A button that opens a session that was saved."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QPushButton, QWidget

from napari_dpvae.viewer.dock.job import Steps, sentence
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.style import column
from napari_dpvae.viewer.dock.unsaved import Unsaved
from napari_dpvae.viewer.state.memory import remember_folder, remembered_folder
from napari_dpvae.viewer.state.session import Session
from napari_dpvae.viewer.state.session_file import SUFFIX, SavedSession


class SessionRow(QWidget):
    """Opens a session file in the background, in place of what there is.

    Parameters
    ----------
    session
        That it is put into.
    unsaved
        Asks before placed cells go that are in no file yet.
    """

    refused = Signal(str)
    """What went wrong."""

    def __init__(self, session: Session, unsaved: Unsaved) -> None:
        super().__init__()
        self._session, self._unsaved = session, unsaved
        self.button = QPushButton("Open session…")
        self.button.setToolTip("Go on where a session was saved: data, model, placed cells, look.")
        self.button.clicked.connect(self._choose)
        self.progress = JobRow()
        self.setLayout(column(self.button, self.progress))

    def open(self, path: str) -> None:
        """Read a session file, and put it in place of what there is."""
        if self.progress.running:
            return

        def steps() -> Steps:
            yield "opening"
            return SavedSession(path)

        job = self.progress.run(steps, "opening the session", only_reads=True)
        job.done.connect(self._take)
        job.done.connect(lambda: remember_folder(path))
        job.failed.connect(self.refused)

    def _take(self, saved: SavedSession) -> None:
        self._unsaved.before(lambda: self._put(saved), self, "Another session")

    def _put(self, saved: SavedSession) -> None:
        try:
            with self._session.look.unhurriedly():
                saved.put_into(self._session)
        except (KeyError, TypeError, ValueError) as error:
            self.refused.emit(sentence(error))

    def _choose(self) -> None:
        kinds = f"dp-VAE session (*{SUFFIX})"
        path, _ = QFileDialog.getOpenFileName(self, "Open a session", remembered_folder(), kinds)
        if path:
            self.open(path)
