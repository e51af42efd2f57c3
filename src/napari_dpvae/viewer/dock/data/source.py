"""Where a reference or a query comes from: a path typed, a file dropped or chosen, a layer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anndata as ad
from qtpy.QtCore import Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_dpvae.data.phantom import sample_folder
from napari_dpvae.viewer.canvas.open_layers import layer_tables
from napari_dpvae.viewer.dock.job import Steps, sentence
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.style import LABEL_WIDTH, set_tone
from napari_dpvae.viewer.state.memory import remember_folder, remembered_folder

if TYPE_CHECKING:
    from napari import Viewer

FILES = "Cells (*.h5ad *.h5 *.mtx *.gz);;All files (*)"


class Source(QWidget):
    """A row that opens a reference or a query, and says what is in it.

    Parameters
    ----------
    name
        ``Reference`` or ``Query``.
    read
        Opens and checks a path.
    accept
        Takes the data.
    viewer
        Whose layers are offered.
    sample
        Name of the file in the sample data.
    """

    refused = Signal(str)
    """What went wrong."""

    def __init__(
        self,
        name: str,
        read: Callable[[str], ad.AnnData],
        accept: Callable[[ad.AnnData], None],
        viewer: Viewer,
        sample: str,
    ) -> None:
        super().__init__()
        self._name, self._read, self._accept = name, read, accept
        self._viewer, self._sample = viewer, sample
        self.setAcceptDrops(True)
        self.path = QLineEdit()
        self.path.setPlaceholderText("type, paste or drop a path")
        self.path.setToolTip(f"The {name.lower()}'s file or folder; press Enter to open it.")
        self.path.setAcceptDrops(False)
        self.path.returnPressed.connect(self.load)
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.button = QPushButton("Open")
        self.button.setToolTip(f"Choose the {name.lower()}: a file, a folder or an open layer.")
        self.button.setMenu(self.menu)
        self.summary = QLabel("none yet")
        self.summary.setWordWrap(True)
        set_tone(self.summary, "muted")
        self.progress = JobRow()
        self._lay_out()

    def _lay_out(self) -> None:
        label = QLabel(self._name)
        label.setFixedWidth(LABEL_WIDTH)
        label.setBuddy(self.path)
        row = QHBoxLayout()
        row.addWidget(label)
        row.addWidget(self.path, 1)
        row.addWidget(self.button)
        layout = QVBoxLayout()
        layout.setContentsMargins(0, 0, 0, 4)
        layout.setSpacing(2)
        layout.addLayout(row)
        layout.addWidget(self.progress)
        layout.addWidget(self.summary)
        self.setLayout(layout)

    def open(self, path: str) -> None:
        """Read a path, in the background."""
        self.path.setText(path)
        self.load()

    def load(self) -> None:
        """Read what the path names, in the background."""
        path = self.path.text().strip()
        if not path or self.progress.running:
            return

        def steps() -> Steps:
            yield "reading"
            return self._read(path)

        job = self.progress.run(steps, f"reading {Path(path).name}", only_reads=True)
        job.done.connect(lambda cells: self._on_read(cells, path))
        job.failed.connect(self.refused)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what is dropped here."""
        event.acceptProposedAction()
        self.open(event.mimeData().urls()[0].toLocalFile())

    def _on_read(self, cells: ad.AnnData, path: str) -> None:
        remember_folder(path)
        self._take(cells)

    def _take(self, cells: ad.AnnData) -> None:
        try:
            self._accept(cells)
        except ValueError as error:
            self.refused.emit(sentence(error))

    def _fill_menu(self) -> None:
        """Offer files, folders, the sample, and the layers that carry an AnnData."""
        self.menu.clear()
        self.menu.addAction("&File…", self._choose_file)
        self.menu.addAction("F&older…", self._choose_folder)
        self.menu.addAction("&Sample", lambda: self.open(str(sample_folder() / self._sample)))
        for name, cells in layer_tables(self._viewer.layers):
            self.menu.addAction(f"Layer: {name}", lambda cells=cells: self._take(cells))

    def _choose_file(self) -> None:
        title = f"Open the {self._name.lower()}"
        path, _ = QFileDialog.getOpenFileName(self, title, remembered_folder(), FILES)
        if path:
            self.open(path)

    def _choose_folder(self) -> None:
        title = f"Open the {self._name.lower()}: a Space Ranger or 10x folder"
        path = QFileDialog.getExistingDirectory(self, title, remembered_folder())
        if path:
            self.open(path)
