"""A button that asks for a path and writes there in the background."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_dpvae.viewer.dock.job import Steps
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.state.memory import remember_folder, remembered_folder

Write = Callable[[str], None]


class SaveButton(QPushButton):
    """Asks for a path and writes there in the background.

    Parameters
    ----------
    label, help
        What it says.
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
        suffixes: tuple[str, ...],
        writer: Callable[[], Write | None],
        row: JobRow,
    ) -> None:
        super().__init__(label)
        self.setToolTip(help)
        self._suffixes, self._writer, self._row = suffixes, writer, row
        self.clicked.connect(self._choose)

    def enable(self) -> None:
        """Be there to be pressed while there is something to write, and no job is under way."""
        self.setEnabled(self._writer() is not None and not self._row.running)

    def save_to(self, path: str) -> None:
        """Write there, in the background."""
        write = self._writer()
        if write is None or self._row.running:
            return
        target = path if path.endswith(self._suffixes) else path + self._suffixes[0]

        def steps() -> Steps:
            yield "saving"
            write(target)
            return target

        job = self._row.run(steps, f"saving {Path(target).name}")
        job.done.connect(self._on_saved)
        job.failed.connect(self.failed)
        job.stopped.connect(self.ended)

    def _choose(self) -> None:
        kinds = " ".join(f"*{suffix}" for suffix in self._suffixes)
        path, _ = QFileDialog.getSaveFileName(self, self.toolTip(), remembered_folder(), kinds)
        if path:
            self.save_to(path)

    def _on_saved(self, path: str) -> None:
        remember_folder(path)
        self.saved.emit(path)
