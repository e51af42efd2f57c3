"""Step 6: keep the placed cells and the model as files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtWidgets import QGridLayout

from napari_dpvae.data.spatial_data import write_spatialdata
from napari_dpvae.data.write import write_placed
from napari_dpvae.figure.figure import FORMATS, write_figure
from napari_dpvae.viewer.canvas.present_figure import present_figure
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.saving import SaveButton, Write
from napari_dpvae.viewer.dock.step import Step
from napari_dpvae.viewer.state.session import Session


class SaveStep(Step):
    """A button for each kind of file."""

    def __init__(self, session: Session) -> None:
        super().__init__(6, "Save", session)
        self.progress = JobRow()
        self.cells = self._button(
            "Cells…", "Placed cells with all they know, as AnnData", (".h5ad",), self._write_cells
        )
        self.table = self._button(
            "Table…",
            "Barcode, place, radius and status of each placed cell, as CSV",
            (".csv",),
            self._write_cells,
        )
        self.spatial = self._button(
            "SpatialData…",
            "Placed cells, reference spots and images, for napari-spatialdata and squidpy",
            (".zarr",),
            self._write_spatialdata,
        )
        self.model = self._button(
            "Model…",
            "The trained model in one file, with the reference's places and image",
            (".safetensors",),
            lambda: session.model.save if session.model is not None else None,
        )
        self.figure = self._button(
            "Figure…", "What is shown, for print: .png, .svg or .pdf", FORMATS, self._write_figure
        )
        self._buttons = (self.cells, self.table, self.spatial, self.model, self.figure)
        grid = QGridLayout()
        for i, button in enumerate(self._buttons):
            grid.addWidget(button, i // 2, i % 2)
        self.body.insertLayout(0, grid)
        self.body.insertWidget(1, self.progress)
        for signal in (session.reference_changed, session.placed_changed):
            self.follow(signal, self._refresh)
        self.follow(session.model_changed, self._refresh)
        self._refresh()

    def _button(
        self, label: str, help: str, suffixes: tuple[str, ...], writer: Callable[[], Write | None]
    ) -> SaveButton:
        button = SaveButton(label, help, suffixes, writer, self.progress)
        button.clicked.connect(self._enable)
        button.saved.connect(self._on_saved)
        button.failed.connect(self._on_failed)
        button.ended.connect(self._refresh)
        return button

    def _write_cells(self) -> Write | None:
        placed = self.session.placed
        return None if placed is None else partial(write_placed, placed)

    def _write_spatialdata(self) -> Write | None:
        placed = self.session.placed
        if placed is None:
            return None
        return partial(write_spatialdata, placed, reference=self.session.reference)

    def _write_figure(self) -> Write | None:
        session = self.session
        if session.placed is None and session.reference is None:
            return None
        return lambda path: write_figure(present_figure(session), path)

    def _enable(self) -> None:
        for button in self._buttons:
            button.enable()

    def _refresh(self) -> None:
        self._enable()
        ready = self.session.placed is not None or self.session.model is not None
        self.tell("" if ready else "needs placed cells, or a model")
