"""Step 1: choose the reference and the query."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anndata as ad
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.phantom import sample_folder
from napari_dpvae.data.read import read_query, read_reference
from napari_dpvae.viewer.session import Session
from napari_dpvae.viewer.widgets.job_row import JobRow
from napari_dpvae.viewer.widgets.step import Step
from napari_dpvae.viewer.workers import Steps, sentence

if TYPE_CHECKING:
    from napari import Viewer


class Source(QWidget):
    """Where a reference or a query comes from: a path typed, a file chosen, or an open layer.

    Parameters
    ----------
    name
        ``Reference`` or ``Query``.
    read
        Opens and checks a path.
    accept
        Takes the data.
    complain
        Told what went wrong.
    viewer
        Whose layers are offered.
    sample
        Name of the file in the sample data.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[str], ad.AnnData],
        accept: Callable[[ad.AnnData], None],
        complain: Callable[[str], None],
        viewer: Viewer,
        sample: str,
    ) -> None:
        super().__init__()
        self._name, self._read, self._accept = name, read, accept
        self._complain, self._viewer, self._sample = complain, viewer, sample
        self.path = QLineEdit()
        self.path.setPlaceholderText("path of a file or folder")
        self.path.setToolTip(f"Type or paste the path of the {name.lower()}, then press Enter.")
        self.path.returnPressed.connect(self.load)
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.button = QToolButton()
        self.button.setText("Open")
        self.button.setToolTip(f"Choose the {name.lower()}: a file, a folder or an open layer.")
        self.button.setMenu(self.menu)
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.summary = QLabel("none yet")
        self.summary.setWordWrap(True)
        self.progress = JobRow()

        label = QLabel(name)
        label.setMinimumWidth(64)
        row = QHBoxLayout()
        row.addWidget(label)
        row.addWidget(self.path, 1)
        row.addWidget(self.button)
        layout = QVBoxLayout()
        layout.setContentsMargins(0, 0, 0, 4)
        layout.addLayout(row)
        layout.addWidget(self.progress)
        layout.addWidget(self.summary)
        self.setLayout(layout)

    def load(self) -> None:
        """Read what the path names, in the background."""
        path = self.path.text().strip()
        if not path or self.progress.running:
            return

        def steps() -> Steps:
            yield "reading"
            return self._read(path)

        job = self.progress.run(steps, f"reading {Path(path).name}")
        job.done.connect(self._take)
        job.failed.connect(self._complain)

    def _take(self, cells: ad.AnnData) -> None:
        try:
            self._accept(cells)
        except ValueError as error:
            self._complain(sentence(error))

    def _fill_menu(self) -> None:
        """Offer files, folders, the sample, and the layers that carry an AnnData."""
        self.menu.clear()
        self.menu.addAction("File…", self._choose_file)
        self.menu.addAction("Folder…", self._choose_folder)
        self.menu.addAction("Sample", lambda: self._open(str(sample_folder() / self._sample)))
        for layer in self._viewer.layers:
            cells = layer.metadata.get("adata")
            if isinstance(cells, ad.AnnData):
                self.menu.addAction(f"Layer: {layer.name}", lambda cells=cells: self._take(cells))

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, f"Open the {self._name.lower()}", self._folder(), "Cells (*.h5ad *.h5 *.mtx *.gz)"
        )
        self._open(path)

    def _choose_folder(self) -> None:
        title = f"Open the {self._name.lower()}: a Space Ranger or 10x folder"
        self._open(QFileDialog.getExistingDirectory(self, title, self._folder()))

    def _folder(self) -> str:
        return str(Path(self.path.text() or ".").parent)

    def _open(self, path: str) -> None:
        if path:
            self.path.setText(path)
            self.load()


class DataStep(Step):
    """Reference and query, with what is in them."""

    folds_when_done = True

    def __init__(self, session: Session, viewer: Viewer) -> None:
        super().__init__(1, "Data", session)
        self.reference = Source(
            "Reference",
            read_reference,
            self._set_reference,
            self.complain,
            viewer,
            "phantom_reference.h5ad",
        )
        self.query = Source(
            "Query", read_query, self._set_query, self.complain, viewer, "phantom_query.h5ad"
        )
        self.body.insertWidget(0, self.reference)
        self.body.insertWidget(1, self.query)
        self.follow(session.reference_changed, self._refresh)
        self.follow(session.query_changed, self._refresh)
        self._refresh()

    def _set_reference(self, reference: ad.AnnData) -> None:
        self.session.reference = reference

    def _set_query(self, query: ad.AnnData) -> None:
        self.session.query = query

    def _refresh(self) -> None:
        reference, query = self.session.reference, self.session.query
        self.set_done(reference is not None and query is not None)
        self.tell("")
        if reference is not None:
            self.reference.summary.setText(_reference_summary(reference))
        if query is not None:
            self.query.summary.setText(f"{query.n_obs:,} cells · {query.n_vars:,} genes")
        if reference is not None and query is not None:
            shared = len(reference.var_names.intersection(query.var_names))
            self.tell(f"{shared:,} genes shared")


def _reference_summary(reference: ad.AnnData) -> str:
    dims = reference.obsm[SPATIAL].shape[1]
    images = [entry for entry in reference.uns.get(SPATIAL, {}).values() if entry.get("images")]
    parts = [
        f"{reference.n_obs:,} spots",
        f"{reference.n_vars:,} genes",
        f"{dims}-D",
        "histology" if images else "no image",
    ]
    return " · ".join(parts)
