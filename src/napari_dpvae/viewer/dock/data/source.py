"""Where a reference or a query comes from: a path typed, a file dropped or chosen, a layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import anndata as ad
from qtpy.QtCore import Signal
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QWidget,
)

from napari_dpvae.data.paths import found_at
from napari_dpvae.data.phantom import sample_folder
from napari_dpvae.viewer.canvas.open_layers import layer_tables
from napari_dpvae.viewer.dock.job import Steps, sentence
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.style import LABEL_WIDTH, column, note, row
from napari_dpvae.viewer.state.memory import remember_folder, remembered_folder

if TYPE_CHECKING:
    from napari import Viewer

FILES = "Cells (*.h5ad *.h5mu *.h5 *.loom *.mtx *.csv *.tsv *.txt *.gz);;All files (*)"
BETWEEN = "; "
"""Paths in one line."""


class Door(NamedTuple):
    """How cells come in. All but the last is done in the background."""

    read: Callable[[Any], ad.AnnData]
    """Opens a path, or several."""
    check: Callable[[ad.AnnData], ad.AnnData]
    """Refuses what is wrong."""
    accept: Callable[[ad.AnnData], None]
    """Takes the data."""


class Source(QWidget):
    """A row that opens a reference or a query, and says what is in it.

    Parameters
    ----------
    name
        ``Reference`` or ``Query``.
    door
        How its cells come in.
    viewer
        Whose layers are offered.
    sample
        Name of the file in the sample data.
    sections
        Whether several files are taken as the sections of one.
    """

    refused = Signal(str)
    """What went wrong."""
    opened = Signal()
    """What was read has been handed over."""

    def __init__(
        self,
        name: str,
        door: Door,
        viewer: Viewer,
        sample: str,
        *,
        sections: bool = False,
    ) -> None:
        super().__init__()
        self._name, self._door = name, door
        self._viewer, self._sample, self._sections = viewer, sample, sections
        self.setAcceptDrops(True)
        self.path = QLineEdit()
        self.path.setPlaceholderText("type, paste or drop a path")
        several = f" Several, with '{BETWEEN.strip()}' between, are its sections." * sections
        self.path.setToolTip(f"The {name.lower()}'s file or folder; Enter opens it.{several}")
        self.path.setAcceptDrops(False)
        self.path.returnPressed.connect(self.load)
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.button = QPushButton("Open")
        self.button.setToolTip(f"Choose the {name.lower()}: a file, a folder or an open layer.")
        self.button.setMenu(self.menu)
        self.summary = note("muted")
        self.progress = JobRow()
        self._opened: tuple[ad.AnnData | None, str] = (None, "")
        """What there is, and where it came from; no path where it came from elsewhere."""
        self._offered = self._opened
        """What was read last, which may not be wanted yet, or at all."""
        self._lay_out()

    def _lay_out(self) -> None:
        label = QLabel(self._name)
        label.setFixedWidth(LABEL_WIDTH)
        label.setBuddy(self.path)
        line = row(label, self.path, self.button, wide=self.path)
        parts = (line, self.progress, self.summary)
        self.setLayout(column(*parts, margins=(0, 0, 0, 4), spacing=2))

    def open(self, path: str | Sequence[str], door: Door | None = None) -> None:
        """Read a path, in the background.

        Parameters
        ----------
        path
            A file or a folder; or several, which are sections.
        door
            In place of the row's own, where it is not known yet what the path holds.
        """
        self.path.setText(path if isinstance(path, str) else BETWEEN.join(path))
        self._load(door or self._door)

    def load(self) -> None:
        """Read what the path names, in the background."""
        self._load(self._door)

    def show_cells(self, cells: ad.AnnData | None, summary: str) -> None:
        """Say what there is now; the path stays while it is that of these cells."""
        self.summary.setText(summary)
        if cells is not self._opened[0]:
            self._opened = self._offered if cells is self._offered[0] else (cells, "")
        if not self.progress.running:
            self.path.setText(self._opened[1])

    def came_from(self, path: str, cells: ad.AnnData) -> None:
        """Name the path of cells that may come to be shown."""
        self._offered = (cells, path)

    def _load(self, door: Door) -> None:
        path = self.path.text().strip()
        if not path or self.progress.running:
            return
        paths = self._paths(path)

        def steps() -> Steps:
            yield "reading"
            return door.check(door.read(paths[0] if len(paths) == 1 else paths))

        names = ", ".join(Path(each).name for each in paths)
        job = self.progress.run(steps, f"reading {names}", only_reads=True)
        job.done.connect(lambda cells: self._on_read(cells, path, door))
        job.failed.connect(self._refuse)
        job.stopped.connect(self._restore_path)

    def _take_layer(self, name: str, cells: ad.AnnData) -> None:
        """Take what a layer carries."""
        if self.progress.running:
            return

        def steps() -> Steps:
            yield "looking"
            return self._door.check(cells)

        job = self.progress.run(steps, f"looking at {name}", only_reads=True)
        job.done.connect(lambda checked: self._take(checked, "", self._door))
        job.failed.connect(self._refuse)

    def _paths(self, text: str) -> list[str]:
        """One, or the sections."""
        if not self._sections or found_at(text) is not None:
            return [text]
        return [path.strip() for path in text.split(BETWEEN.strip()) if path.strip()]

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what is dropped here."""
        event.acceptProposedAction()
        paths = [url.toLocalFile() for url in event.mimeData().urls()]
        if len(paths) > 1 and not self._sections:
            self.refused.emit(f"A {self._name.lower()} is one file or folder: drop one.")
            return
        self.open(paths)

    def _on_read(self, cells: ad.AnnData, path: str, door: Door) -> None:
        remember_folder(self._paths(path)[0])
        self._take(cells, path, door)

    def _take(self, cells: ad.AnnData, path: str, door: Door) -> None:
        self.came_from(path, cells)
        try:
            door.accept(cells)
        except ValueError as error:
            self._refuse(sentence(error))
            return
        self._restore_path()
        self.opened.emit()

    def _refuse(self, text: str) -> None:
        """The line names what there is: the sentence names what was refused."""
        self._restore_path()
        self.refused.emit(text)

    def _restore_path(self) -> None:
        self.path.setText(self._opened[1])

    def _fill_menu(self) -> None:
        """Offer files, folders, the sample, and the layers that carry an AnnData."""
        self.menu.clear()
        self.menu.addAction("&File…", self._choose_file)
        self.menu.addAction("F&older…", self._choose_folder)
        self.menu.addAction("&Sample", lambda: self.open(str(sample_folder() / self._sample)))
        for name, cells in layer_tables(self._viewer.layers):
            self.menu.addAction(f"Layer: {name}", partial(self._take_layer, name, cells))

    def _choose_file(self) -> None:
        title = f"Open the {self._name.lower()}"
        if self._sections:
            title += "; several files are its sections"
            paths, _ = QFileDialog.getOpenFileNames(self, title, remembered_folder(), FILES)
        else:
            path, _ = QFileDialog.getOpenFileName(self, title, remembered_folder(), FILES)
            paths = [path] if path else []
        if paths:
            self.open(paths)

    def _choose_folder(self) -> None:
        title = f"Open the {self._name.lower()}: the folder of an instrument, or a .zarr store"
        path = QFileDialog.getExistingDirectory(self, title, remembered_folder())
        if path:
            self.open(path)
