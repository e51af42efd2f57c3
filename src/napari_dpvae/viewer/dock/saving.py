"""A button that asks for a path and writes there in the background."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QMessageBox, QPushButton

from napari_dpvae.figure.figure import FORMATS, write_figure
from napari_dpvae.viewer.canvas.present_figure import present_figure
from napari_dpvae.viewer.dock.job import Steps
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.state.memory import SAVED, remember_folder, remembered_folder
from napari_dpvae.viewer.state.session import Session

Write = Callable[[str], None]
BUSY = "Another file is being saved still: try again when it is there."


def figure_button(session: Session, row: JobRow) -> SaveButton:
    """What a session shows, as a file for print."""

    def writer() -> Write | None:
        if session.placed is None and session.reference is None:
            return None
        return lambda path: write_figure(present_figure(session), path)

    help = "What is shown, for print: histology, cells, colour bar and scale bar"
    return SaveButton("Figure…", help, "figure", FORMATS, writer, row)


class SaveButton(QPushButton):
    """Asks for a path and writes there in the background.

    Parameters
    ----------
    label, help
        What it says.
    proposed
        The name that the dialog begins with, without a suffix.
    suffixes
        Of the files that it writes; the first one is added to a path that has none of them.
    writer
        Gives what writes to a path, or None while there is nothing to write.
    row
        Shows the job.
    """

    saved = Signal(str)
    failed = Signal(str)
    ended = Signal()

    def __init__(
        self,
        label: str,
        help: str,
        proposed: str,
        suffixes: tuple[str, ...],
        writer: Callable[[], Write | None],
        row: JobRow,
    ) -> None:
        super().__init__(label)
        self.setToolTip(help)
        self._proposed, self._suffixes, self._writer = proposed, suffixes, writer
        self._row = row
        self.clicked.connect(self.choose)

    def enable(self) -> None:
        """Be there to be pressed while there is something to write, and no job is under way."""
        self.setEnabled(self._writer() is not None and not self._row.running)

    def save_to(self, path: str) -> None:
        """Write there, in the background."""
        write, target = self._writer(), self._with_suffix(path)
        if write is None or self._row.running:
            return

        def steps() -> Steps:
            yield "saving"
            write(target)
            return target

        job = self._row.run(steps, f"saving {Path(target).name}")
        job.done.connect(self._on_saved)
        job.failed.connect(self.failed)
        job.stopped.connect(self.ended)

    def choose(self) -> bool:
        """Ask for a path and write there; tells whether it is being written."""
        if self._row.running:
            self.failed.emit(BUSY)
            return False
        kinds = " ".join(f"*{suffix}" for suffix in self._suffixes)
        proposed = str(Path(remembered_folder(SAVED)) / (self._proposed + self._suffixes[0]))
        path, _ = QFileDialog.getSaveFileName(self, self.toolTip(), proposed, kinds)
        if not path or not self._may_write(path):
            return False
        self.save_to(path)
        return self._row.running

    def _with_suffix(self, path: str) -> str:
        return path if path.endswith(self._suffixes) else path + self._suffixes[0]

    def _may_write(self, path: str) -> bool:
        """Ask where the dialog did not: it knows no suffix that is added, and no folders."""
        target = Path(self._with_suffix(path))
        if not target.exists() or (str(target) == path and not target.is_dir()):
            return True
        text = f"{target.name} is there already. Replace it?"
        return bool(QMessageBox.question(self, "Save", text) == QMessageBox.StandardButton.Yes)

    def _on_saved(self, path: str) -> None:
        remember_folder(path, SAVED)
        self.saved.emit(path)
