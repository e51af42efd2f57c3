"""Step 4: look at a gene, or at what is known of the cells, on the tissue."""

from __future__ import annotations

from functools import partial

import anndata as ad
import numpy as np
from qtpy.QtWidgets import QComboBox, QWidget
from superqt.utils import signals_blocked

from napari_dpvae.analysis.gene_sets import gene_set_score, score_name
from napari_dpvae.colours.categories import is_numeric
from napari_dpvae.data.features import has_feature
from napari_dpvae.viewer.dock.explore.ask import Ask
from napari_dpvae.viewer.dock.explore.blend_row import BlendRow
from napari_dpvae.viewer.dock.explore.cell_list import CellList
from napari_dpvae.viewer.dock.explore.gene_row import GeneRow
from napari_dpvae.viewer.dock.explore.groups import Groups
from napari_dpvae.viewer.dock.explore.latent_view import LatentView
from napari_dpvae.viewer.dock.explore.legend import Legend
from napari_dpvae.viewer.dock.explore.look_form import StatusRow, look_form
from napari_dpvae.viewer.dock.explore.scale_row import ColormapBox, LimitsRow
from napari_dpvae.viewer.dock.fold import Fold
from napari_dpvae.viewer.dock.job import Steps
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.saving import figure_button
from napari_dpvae.viewer.dock.step import Step
from napari_dpvae.viewer.dock.style import column, elastic, form
from napari_dpvae.viewer.state.look import CHOICES
from napari_dpvae.viewer.state.session import Session

NONE = "–"


class ExploreStep(Step):
    """What colours spots and cells, and how they are shown."""

    def __init__(self, session: Session) -> None:
        super().__init__(4, "Explore", session)
        self.gene = GeneRow(session)
        self.gene.told.connect(self.tell)
        self.gene.refused.connect(self.complain)
        self.gene.scored.connect(self.score)
        self.blend = BlendRow(session.colouring)
        self.blend.refused.connect(self.complain)
        self.column = elastic(QComboBox())
        self.column.setToolTip("Colour by what is known of each cell, in place of a gene.")
        self.column.currentTextChanged.connect(self._choose_column)
        self.colormap = elastic(ColormapBox())
        self.colormap.currentTextChanged.connect(self._choose_colormap)
        self.limits = LimitsRow(session.colouring)
        self.legend = Legend(session)
        self.statuses = StatusRow(session)
        self.look = look_form(session.look)
        self.latent = LatentView(session)
        self.groups, self.cells, self.ask = Groups(session), CellList(session), Ask(session)
        self.progress = JobRow()
        self.figure = figure_button(session, self.progress)
        self.figure.saved.connect(self._on_saved)
        self.figure.failed.connect(self.complain)
        self._lay_out()
        for signal in (session.reference_changed, session.placed_changed):
            self.follow(signal, self._list)
        self.follow(session.selection.grouped, self._list)
        self.follow(session.model_changed, self._refresh)
        self.follow(session.colouring.changed, self._refresh)
        for name in (*CHOICES, "statuses"):
            self.follow(getattr(session.look, f"{name}_changed"), self._refresh_look)
        self.give_way(self.progress, self.groups.progress, self.ask.progress)
        self._list()

    def _lay_out(self) -> None:
        rows = form(
            gene=self.gene, with_others=self.blend, or_column=self.column, colormap=self.colormap
        )
        rows.addRow(self.limits.kind, self.limits)
        label = rows.labelForField(self.colormap)
        self._scale_rows = (label, self.colormap, self.limits.kind, self.limits)
        shown = QWidget()
        shown.setLayout(form(**{box.name: box.native for box in self.look}))
        shown.layout().setContentsMargins(0, 0, 0, 0)
        parts: dict[str, QWidget] = {
            "how it is shown": shown,
            "list of cells": self.cells,
            "groups of cells": self.groups,
            "latent space": self.latent,
            "ask the placement": self.ask,
        }
        self.folds = {title: Fold(title, part, unfolded=False) for title, part in parts.items()}
        # What takes time is read only while it is seen.
        for title in ("list of cells", "latent space"):
            self.folds[title].title.toggled.connect(partial(setattr, parts[title], "looked_at"))
        below = (*self.folds.values(), self.figure, self.progress)
        self.controls = QWidget()
        self.controls.setLayout(column(rows, self.legend, self.statuses, *below, spacing=6))
        self.body.insertWidget(0, self.controls)

    def score(self) -> None:
        """Colour by how much cells express the list of markers together, in the background."""
        genes, data = self.session.colouring.markers, self.session.data()
        if not genes or self.progress.running:
            return

        def steps() -> Steps:
            found = []
            for cells in data:
                yield f"scoring {len(genes)} genes"
                if any(gene in cells.var_names for gene in genes):
                    found.append((cells, gene_set_score(cells, genes)))
            return found

        job = self.progress.run(steps, "scoring", only_reads=True)
        job.progressed.connect(self.progress.show_busy)
        job.done.connect(partial(self._show_scores, score_name(genes)))
        job.failed.connect(self.complain)

    def _show_scores(self, name: str, scores: list[tuple[ad.AnnData, np.ndarray]]) -> None:
        for cells, values in scores:
            cells.obs[name] = values
        self._list()
        if name in self.session.columns:
            self.session.colouring.column = name

    def _choose_column(self, column: str) -> None:
        self.session.colouring.column = None if column == NONE else column

    def _choose_colormap(self, colormap: str) -> None:
        self.session.colormap = colormap

    def _list(self) -> None:
        genes = self.session.genes
        self.gene.box.set_names(genes)
        self.blend.set_names(genes)
        with signals_blocked(self.column):
            self.column.clear()
            self.column.addItems([NONE, *self.session.columns])
        self.statuses.refresh()
        self._refresh()

    def _refresh(self) -> None:
        session, colouring = self.session, self.session.colouring
        self.controls.setEnabled(bool(session.data()))
        self.gene.refresh()
        self.blend.refresh()
        with signals_blocked(self.column), signals_blocked(self.colormap):
            self.column.setCurrentText(colouring.column or NONE)
            self.colormap.show_colormap(colouring.colormap)
        self.limits.refresh(colouring.drawn)
        categorical = colouring.column is not None and any(
            not is_numeric(cells.obs[colouring.column])
            for cells in session.with_column(colouring.column)
        )
        self.legend.refresh(colouring.column if categorical else None)
        for widget in self._scale_rows:
            widget.setVisible(not categorical and not colouring.genes)
        self.set_done(colouring.shown is not None)
        if not self.busy:
            lacking = self._lacking()
            self.tell(lacking)
            self.summarise(lacking or " · ".join(colouring.genes) or colouring.shown or "")

    def _refresh_look(self) -> None:
        self.look.update({name: getattr(self.session.look, name) for name in self.look.asdict()})
        self.statuses.refresh()

    def _lacking(self) -> str:
        """Where the gene was not measured, in words."""
        session = self.session
        if session.gene is None:
            return "" if session.data() else "needs placed cells or a reference"
        if session.placed is not None and not has_feature(session.placed, session.gene):
            return "not measured in the placed cells"
        if session.reference is not None and not has_feature(session.reference, session.gene):
            drawn = (
                "" if session.placed is None else ": virtual, from the placed cells around a spot"
            )
            return f"not measured in the reference{drawn}"
        return ""
