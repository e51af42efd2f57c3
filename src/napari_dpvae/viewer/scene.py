"""Keeps a viewer's layers in step with its session."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

import anndata as ad
import numpy as np

from napari_dpvae.colours.categories import category_colours, is_numeric
from napari_dpvae.colours.scale import colour_limits
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.viewer.arrangement import SideBySide
from napari_dpvae.viewer.cells import Cells
from napari_dpvae.viewer.layers import image_layers, placed_layer, reference_layer

if TYPE_CHECKING:
    from napari import Viewer

    from napari_dpvae.viewer.session import Session

VOLUME_ANGLES = (10.0, -35.0, 60.0)
"""How a volume is seen first: from above and aside, so that its depth shows."""


class Scene:
    """Histology, reference spots and placed cells of a session, coloured alike.

    A layer that a person deletes stays deleted until the data are
    set again.

    Parameters
    ----------
    viewer
        Where to draw.
    session
        What to draw.
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        # Sessions are kept by viewer: holding the viewer here would keep both for ever.
        self._viewer = ref(viewer)
        self._session = session
        self.reference: Cells | None = None
        self.placed: Cells | None = None
        self._units: list[str | None] = []
        session.reference_changed.connect(self._draw_reference)
        session.placed_changed.connect(self._draw_placed)
        session.colouring.changed.connect(self._recolour)
        self._side_by_side: SideBySide | None = None
        session.look.events.arrangement.connect(self._arrange)
        session.look.events.uncertainty.connect(self._weigh)
        session.look.events.statuses.connect(self._filter)

    @property
    def drawn(self) -> list[Cells]:
        """What is in the viewer, the reference first."""
        return [cells for cells in (self.reference, self.placed) if cells is not None]

    def _draw_reference(self, reference: ad.AnnData | None) -> None:
        self._take_away(self.reference)
        self.reference = None
        if reference is None:
            return
        self.reference = Cells(reference, [*image_layers(reference), reference_layer(reference)])
        self._put_up(self.reference)
        viewer = self._viewer()
        if viewer is not None:
            dims = reference.obsm[SPATIAL].shape[1]
            viewer.dims.ndisplay = dims
            viewer.reset_view()
            if dims == 3:
                viewer.scene.camera.angles = VOLUME_ANGLES

    def _draw_placed(self, placed: ad.AnnData | None) -> None:
        self._take_away(self.placed)
        self.placed = None
        if placed is not None:
            self.placed = Cells(placed, [placed_layer(placed, self._session.reference)])
            self._put_up(self.placed)

    def _arrange(self) -> None:
        """Overlaid, or side by side when there are both."""
        viewer = self._viewer()
        if self._side_by_side is not None:
            self._side_by_side.end()
            self._side_by_side = None
        wanted = self._session.look.arrangement == "side by side"
        if wanted and viewer is not None and self.reference and self.placed:
            self._side_by_side = SideBySide(viewer, self.reference.layers, self.placed.layers)

    def _take_away(self, cells: Cells | None) -> None:
        viewer = self._viewer()
        if cells is None or viewer is None:
            return
        if self._side_by_side is not None:
            self._side_by_side.end()
            self._side_by_side = None
        for layer in cells.layers:
            if layer in viewer.layers:
                viewer.layers.remove(layer)

    def _put_up(self, cells: Cells) -> None:
        """Add the layers once they are coloured, so that they are drawn once."""
        viewer = self._viewer()
        if viewer is None:
            return
        cells.weigh(self._session.look.uncertainty)
        self._recolour()
        viewer.layers.extend(cells.layers)
        self._arrange()
        viewer.layers.selection.active = cells.marks.layer
        cells.marks.layer.events.visible.connect(self._place_bars)

    def _weigh(self) -> None:
        repaint = [cells.weigh(self._session.look.uncertainty) for cells in self.drawn]
        if any(repaint):
            self._recolour()

    def _recolour(self) -> None:
        """Colour by the session's gene or column."""
        colouring = self._session.colouring
        holders = self._session.with_column(colouring.column)
        if holders and not is_numeric(holders[0].obs[colouring.column]):
            self._paint_categories(str(colouring.column), holders)
        else:
            self._paint_numbers()
        self._filter()
        self._place_bars()
        self._caption()

    def _paint_categories(self, column: str, holders: list[ad.AnnData]) -> None:
        colours = category_colours(holders, column)
        for cells in self.drawn:
            codes = cells.codes(column, list(colours))
            cells.marks.paint_classes(codes, np.array(list(colours.values())))
        self._units = [None for _ in self.drawn]

    def _paint_numbers(self) -> None:
        """One scale for all that are in the same unit."""
        colouring = self._session.colouring
        found = [cells.numbers(colouring.gene, colouring.column) for cells in self.drawn]
        for cells, own in zip(self.drawn, found, strict=True):
            if own is None:
                cells.paint_plain()
                continue
            alike = [other.values for other in found if other and other.unit == own.unit]
            limits = colour_limits(*alike, limits=colouring.limits)
            colouring.drawn = limits
            cells.marks.paint_numbers(own.values, limits, colouring.colormap)
        self._units = [None if own is None else own.unit for own in found]

    def _filter(self) -> None:
        """Draw the cells whose status and category are wanted."""
        colouring = self._session.colouring
        for cells in self.drawn:
            shown = cells.with_status(self._session.look)
            if colouring.hidden:
                hidden = cells.codes(colouring.column or "", sorted(colouring.hidden)) >= 0
                shown &= ~hidden
            cells.marks.show_only(shown)

    def _place_bars(self) -> None:
        """One bar serves all that share a scale: that of the first layer in sight."""
        taken: set[str | None] = {None}
        for cells, unit in zip(self.drawn, self._units, strict=True):
            seen = cells.marks.layer.visible and unit not in taken
            cells.marks.bar.visible = seen
            if seen:
                taken.add(unit)

    def _caption(self) -> None:
        """Name what is shown, and its unit, in the picture."""
        viewer = self._viewer()
        if viewer is None:
            return
        shown = self._session.colouring.shown
        units = [unit for unit in dict.fromkeys(self._units) if unit not in (None, shown)]
        caption = viewer.canvas.overlays.text
        caption.text = " · ".join([shown or "", *map(str, units)])
        caption.position = "bottom_left"
        caption.box = True
        caption.visible = shown is not None
