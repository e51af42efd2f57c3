"""Step 3: place the query's cells."""

from __future__ import annotations

import anndata as ad
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton

from napari_dpvae.data.keys import RADIUS, STATUS
from napari_dpvae.data.write import write_placed
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.viewer.session import Session
from napari_dpvae.viewer.widgets.forms import FoldedForm, SettingsForm
from napari_dpvae.viewer.widgets.job_row import JobRow
from napari_dpvae.viewer.widgets.step import Step
from napari_dpvae.viewer.workers import Steps, sentence


class PlaceStep(Step):
    """One button that places the cells, and one that saves them."""

    folds_when_done = True

    def __init__(self, session: Session) -> None:
        super().__init__(3, "Place", session)
        self.place = QPushButton("Place cells")
        self.place.setProperty("main", True)
        self.place.setToolTip("Solve where each cell of the query lies in the reference.")
        self.save = QPushButton("Save…")
        self.save.setToolTip("Keep the placed cells as .h5ad, or as .csv with their barcodes.")
        self.place.clicked.connect(self.start)
        self.save.clicked.connect(self._choose_save)
        buttons = QHBoxLayout()
        buttons.addWidget(self.place)
        buttons.addWidget(self.save)
        self.form = SettingsForm(PlacementSettings)
        self.progress = JobRow()
        self.body.insertLayout(0, buttons)
        self.body.insertWidget(1, FoldedForm(self.form))
        self.body.insertWidget(2, self.progress)
        for signal in (session.query_changed, session.model_changed, session.placed_changed):
            self.follow(signal, self._refresh)
        self._refresh()

    def start(self) -> None:
        """Place with the form's settings, in the background."""
        model, query = self.session.model, self.session.query
        if model is None or query is None or self.progress.running:
            return
        try:
            settings = self.form.take()
        except ValueError as error:
            self.complain(sentence(error))
            return

        def steps() -> Steps:
            placed = yield from model.place_chunks(query, settings)
            return placed

        job = self.progress.run(steps, "placing")
        job.progressed.connect(self._on_progress)
        job.done.connect(self._on_placed)
        job.failed.connect(self._on_failed)
        job.stopped.connect(self._refresh)
        self._enable()

    def _on_progress(self, share: float) -> None:
        self.progress.show_share(share, f"placing · {share:.0%}")

    def _on_placed(self, placed: ad.AnnData) -> None:
        self.session.placed = placed
        model = self.session.model
        if self.session.gene is None and model is not None:
            # The panel is sorted: its first gene is the most spatial one.
            self.session.gene = model.genes[0]

    def _on_failed(self, text: str) -> None:
        self._refresh()
        self.complain(text)

    def _choose_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the placed cells", "", "Placed cells (*.h5ad *.csv)"
        )
        if path:
            self.save_to(path)

    def save_to(self, path: str) -> None:
        """Save the placed cells, in the background."""
        placed = self.session.placed
        if placed is None or self.progress.running:
            return

        def steps() -> Steps:
            yield "saving"
            write_placed(placed, path)
            return path

        job = self.progress.run(steps, "saving")
        job.done.connect(self._on_saved)
        job.failed.connect(self._on_failed)
        job.stopped.connect(self._refresh)
        self._enable()

    def _on_saved(self, path: str) -> None:
        self._refresh()
        self.tell(f"saved {path}")

    def _enable(self) -> None:
        idle = not self.progress.running
        ready = self.session.model is not None and self.session.query is not None
        self.place.setEnabled(idle and ready)
        self.save.setEnabled(idle and self.session.placed is not None)

    def _refresh(self) -> None:
        self._enable()
        placed = self.session.placed
        self.set_done(placed is not None)
        if placed is not None:
            self.tell(_summary(placed))
        elif self.session.query is None:
            self.tell("needs a query")
        elif self.session.model is None:
            self.tell("needs a model")
        else:
            self.tell("ready to place")


def _summary(placed: ad.AnnData) -> str:
    text = f"{placed.n_obs:,} cells placed"
    if STATUS in placed.obs:
        counts = placed.obs[STATUS].value_counts()
        text = " · ".join(f"{n:,} {status}" for status, n in counts.items() if n)
    if RADIUS in placed.obs:
        text += f" · median radius {placed.obs[RADIUS].median():.4g} units"
    return text
