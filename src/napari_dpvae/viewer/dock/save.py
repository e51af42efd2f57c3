"""Step 6: keep the placed cells and the model as files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtWidgets import QGridLayout

from napari_dpvae.data.spatial_data import write_spatialdata
from napari_dpvae.data.write import write_placed
from napari_dpvae.report.report import write_report
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.saving import SaveButton, Write, figure_button
from napari_dpvae.viewer.dock.step import Step
from napari_dpvae.viewer.state.session import Session
from napari_dpvae.viewer.state.session_file import SUFFIX, write_session


class SaveStep(Step):
    """A button for each kind of file."""

    def __init__(self, session: Session) -> None:
        super().__init__(6, "Save", session)
        self.progress = JobRow()
        self.cells = self._kept(
            "Cells…",
            "Placed cells with all they know, as AnnData",
            "placed_cells",
            ".h5ad",
            self._write_cells,
        )
        self.table = self._kept(
            "Table…",
            "Barcode, place, radius and status of each placed cell, as CSV; named .loupe.csv or "
            ".xenium.csv, groups for Loupe Browser or Xenium Explorer",
            "placed_cells",
            ".csv",
            self._write_cells,
        )
        self.spatial = self._kept(
            "SpatialData…",
            "Placed cells, reference spots and images, for napari-spatialdata and squidpy",
            "placed_cells",
            ".zarr",
            self._write_spatialdata,
        )
        self.model = self._kept(
            "Model…",
            "The trained model in one file, with the reference's places and image",
            "model",
            ".safetensors",
            lambda: session.model.save if session.model is not None else None,
        )
        self.whole = self._kept(
            "Session…",
            "All of it in one file, to go on later: data, model, placed cells, groups, colours",
            "session",
            SUFFIX,
            self._write_session,
        )
        self.report = self._kept(
            "Report…",
            "One page for a browser: what was done, how sure it is, maps, what to look twice at",
            "report",
            ".html",
            self._write_report,
        )
        self.figure = self._followed(figure_button(session, self.progress))
        files = (self.cells, self.table, self.spatial, self.model)
        self._buttons = (*files, self.report, self.figure, self.whole)
        for button in (self.cells, self.spatial, self.whole):
            button.saved.connect(self._on_kept)
        self.give_way(self.progress)
        self._edits = session.edits
        """That what is being written has."""
        self.progress.began.connect(self._on_writing)
        grid = QGridLayout()
        for i, button in enumerate(self._buttons):
            grid.addWidget(button, i // 2, i % 2)
        self.body.insertLayout(0, grid)
        self.body.insertWidget(1, self.progress)
        for name in ("reference", "query", "placed", "model"):
            self.follow(getattr(session, f"{name}_changed"), self._refresh)
        self._refresh()

    def _kept(
        self, label: str, help: str, proposed: str, suffix: str, writer: Callable[[], Write | None]
    ) -> SaveButton:
        return self._followed(SaveButton(label, help, proposed, (suffix,), writer, self.progress))

    def _followed(self, button: SaveButton) -> SaveButton:
        button.saved.connect(self._on_saved)
        button.failed.connect(self.complain)
        return button

    def _on_writing(self) -> None:
        self._edits = self.session.edits

    def _on_kept(self) -> None:
        """What was made while the file was written is not in it."""
        self.session.keep(self._edits)

    def _write_cells(self) -> Write | None:
        placed = self.session.placed
        return None if placed is None else partial(write_placed, placed)

    def _write_spatialdata(self) -> Write | None:
        placed = self.session.placed
        if placed is None:
            return None
        return partial(write_spatialdata, placed, reference=self.session.reference)

    def _write_session(self) -> Write | None:
        session = self.session
        held = (session.reference, session.query, session.model, session.placed)
        return partial(write_session, session) if any(part is not None for part in held) else None

    def _write_report(self) -> Write | None:
        session = self.session
        if session.placed is None:
            return None
        # A model that was trained since is not the one that placed the cells.
        model = None if session.placed_by == "another model" else session.model
        table = None if session.evaluation is None else session.evaluation.table
        return partial(
            write_report,
            session.placed,
            reference=session.reference,
            model=model,
            evaluation=table,
        )

    def _refresh(self) -> None:
        for button in self._buttons:
            button.enable()
        ready = self.session.placed is not None or self.session.model is not None
        if not self.busy:
            self.tell("" if ready else "needs placed cells, or a model")
