"""Paints what is drawn by the session's gene or column."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import ref

import anndata as ad
import numpy as np

from napari_dpvae.analysis.virtual import VIRTUAL
from napari_dpvae.colours.blend import blended, in_words
from napari_dpvae.colours.categories import category_colours, is_numeric
from napari_dpvae.colours.scale import colour_limits
from napari_dpvae.figure.marks import name_of
from napari_dpvae.viewer.canvas.cells import Cells, Numbers
from napari_dpvae.viewer.canvas.virtual_genes import VirtualGenes

if TYPE_CHECKING:
    from napari import Viewer

    from napari_dpvae.viewer.state.session import Session


class Painter:
    """Colours, colour bars and caption of the cells that are drawn.

    Parameters
    ----------
    viewer
        Where they are.
    session
        Tells what to show.
    drawn
        Gives the cells that are drawn, the reference first.
    """

    def __init__(self, viewer: Viewer, session: Session, drawn: Callable[[], list[Cells]]) -> None:
        self._viewer = ref(viewer)
        self._session = session
        self._drawn = drawn
        self._units: list[str | None] = []
        self._virtual = VirtualGenes(session)
        self._virtual.ready.connect(self.paint)
        session.colouring.changed.connect(self.paint)
        session.look.uncertainty_changed.connect(self._weigh)
        session.look.statuses_changed.connect(self._filter)

    def _weigh(self) -> None:
        repaint = [cells.weigh(self._session.look.uncertainty) for cells in self._drawn()]
        if any(repaint):
            self.paint()

    def paint(self) -> None:
        """Colour by the session's gene or column."""
        colouring = self._session.colouring
        holders = self._session.with_column(colouring.column)
        if colouring.genes:
            self._paint_blend(colouring.genes)
        elif holders and not is_numeric(holders[0].obs[colouring.column]):
            self._paint_categories(str(colouring.column), holders)
        else:
            self._paint_numbers()
        self._filter()
        self.place_bars()

    def _paint_categories(self, column: str, holders: list[ad.AnnData]) -> None:
        colours = category_colours(holders, column)
        for cells in self._drawn():
            codes = cells.codes(column, list(colours))
            cells.marks.paint_classes(codes, np.array(list(colours.values())))
        self._units = [None for _ in self._drawn()]

    def _paint_blend(self, genes: tuple[str, ...]) -> None:
        """Each gene has one scale for all that are in the same unit."""
        drawn = self._drawn()
        found = {gene: [self._numbers(cells, gene) for cells in drawn] for gene in genes}
        for k, cells in enumerate(drawn):
            values, limits = [], []
            for gene, of_gene in found.items():
                own = of_gene[k]
                values.append(None if own is None else own.values)
                limits.append((0.0, 1.0) if own is None else self._ends(gene, of_gene, own.unit))
            colours = blended(values, limits)
            if colours is None:
                cells.paint_plain()
            else:
                cells.marks.paint_colours(colours)
        self._units = [None for _ in drawn]

    def _paint_numbers(self) -> None:
        """One scale for all that are in the same unit."""
        colouring = self._session.colouring
        found = [self._numbers(cells, colouring.gene) for cells in self._drawn()]
        for cells, own in zip(self._drawn(), found, strict=True):
            if own is None:
                cells.paint_plain()
                continue
            limits = self._ends(colouring.shown, found, own.unit)
            cells.marks.paint_numbers(own.values, limits, colouring.colormap)
        self._units = [None if own is None else own.unit for own in found]

    def _ends(
        self, shown: str | None, found: list[Numbers | None], unit: str
    ) -> tuple[float, float]:
        """The ends of the scale of all that are in one unit."""
        colouring = self._session.colouring
        alike = [own.values for own in found if own and own.unit == unit]
        limits = colour_limits(*alike, limits=colouring.limits_of(shown))
        if shown == colouring.shown:
            colouring.drawn = limits
        return limits

    def _numbers(self, cells: Cells, gene: str | None) -> Numbers | None:
        """The values that colour cells: measured, or virtual where the reference has none."""
        own = cells.numbers(gene, self._session.colouring.column)
        if own is not None or gene is None or cells.adata is not self._session.reference:
            return own
        values = self._virtual.values(gene)
        return None if values is None else Numbers(values, VIRTUAL)

    def _filter(self) -> None:
        """Draw the cells whose status and category are wanted."""
        colouring = self._session.colouring
        for cells in self._drawn():
            shown = cells.with_status(self._session.look)
            if colouring.hidden:
                hidden = cells.codes(colouring.column or "", sorted(colouring.hidden)) >= 0
                shown &= ~hidden
            cells.marks.show_only(shown)

    def place_bars(self) -> None:
        """One bar serves all that share a scale; with two scales the reference's is on the left."""
        taken: set[str | None] = {None}
        seen: list[str] = []
        for cells, unit in zip(self._drawn(), self._units, strict=True):
            wanted = cells.marks.layer.visible and unit not in taken
            cells.marks.bar.visible = wanted
            if wanted:
                taken.add(unit)
                seen.append(str(unit))
        for cells, side in zip(self._drawn(), ("top_left", "top_right"), strict=False):
            cells.marks.bar.position = side if len(seen) > 1 else "top_right"
        self._caption(seen)

    def _caption(self, units: list[str]) -> None:
        """Name what is shown, and its unit, in the picture."""
        viewer = self._viewer()
        if viewer is None:
            return
        colouring = self._session.colouring
        shown = in_words(colouring.genes) if colouring.genes else colouring.shown
        if len(units) > 1:
            units = [f"{side}: {unit}" for side, unit in zip(("left", "right"), units, strict=True)]
        units = [unit for unit in units if unit != shown]
        places = self._session.look.places
        if self._session.placed is not None and places != "estimates":
            units.append(name_of(places))
        if self._session.gene is not None and any(cells.reading for cells in self._drawn()):
            units.append("reading the expression…")
        caption = viewer.canvas.overlays.text
        caption.text = " · ".join([shown or "", *units])
        caption.position = "bottom_left"
        caption.box = True
        caption.visible = shown is not None
