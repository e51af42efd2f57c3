"""Keeps a viewer's layers in step with its session."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

import anndata as ad
import numpy as np
from napari.layers import Points
from napari.utils.notifications import show_warning

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.figure.marks import Places, lacking
from napari_dpvae.viewer.canvas.arrangement import SideBySide
from napari_dpvae.viewer.canvas.beneath import Beneath
from napari_dpvae.viewer.canvas.cells import Cells
from napari_dpvae.viewer.canvas.discs import Discs
from napari_dpvae.viewer.canvas.hover import Hover
from napari_dpvae.viewer.canvas.lasso import Lasso
from napari_dpvae.viewer.canvas.layers import (
    Shifts,
    image_layers,
    placed_layer,
    reference_layer,
)
from napari_dpvae.viewer.canvas.own_context import remove_in_own_context
from napari_dpvae.viewer.canvas.painter import Painter
from napari_dpvae.viewer.canvas.regions import Regions
from napari_dpvae.viewer.canvas.section_layout import laid_out

if TYPE_CHECKING:
    from napari import Viewer

    from napari_dpvae.viewer.state.session import Session

VOLUME_ANGLES = (-15.0, 20.0, 80.0)
"""How a volume is seen first: x to the right, a little from above, so that its depth shows."""


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
        remove_in_own_context(viewer)
        self.reference: Cells | None = None
        self.placed: Cells | None = None
        self._sections: Shifts = {}
        self._places: Places = "estimates"
        self._painter = Painter(viewer, session, self.drawn)
        self._hover = Hover(viewer, self.drawn, session)
        self._regions = Regions(viewer, session, self._hover, lambda: self.placed)
        session.reference_changed.connect(self._draw_reference)
        session.placed_changed.connect(self._draw_placed)
        session.section_key_changed.connect(self._rearrange_sections)
        session.model_changed.connect(self._rearrange_sections)
        self._beneath: Beneath | None = None
        self._side_by_side: SideBySide | None = None
        session.look.arrangement_changed.connect(self._arrange)
        session.look.regions_changed.connect(self._draw_regions)
        session.look.places_changed.connect(self._draw_other_places)
        self._lasso = Lasso(viewer, session.selection)
        session.selection.changed.connect(self._mark_selected)
        session.selection.drawing.connect(self._draw_lasso)
        session.selection.visited.connect(self._look_at)

    def drawn(self) -> list[Cells]:
        """What is in the viewer, the reference first."""
        return [cells for cells in (self.reference, self.placed) if cells is not None]

    def _draw_reference(self, reference: ad.AnnData | None) -> None:
        self._take_away(self.reference)
        self.reference, self._sections = None, laid_out(self._session)
        if reference is None:
            return
        key, shifts = self._session.section_key, self._sections
        data = [*image_layers(reference, shifts), reference_layer(reference, key, shifts)]
        self.reference = Cells(reference, data)
        self._put_up(self.reference, framed=True)

    def _frame(self, cells: ad.AnnData) -> None:
        """Show all of it, a volume with its depth."""
        viewer = self._viewer()
        if viewer is None:
            return
        viewer.dims.ndisplay = dims = cells.obsm[SPATIAL].shape[1]
        viewer.reset_view()
        if dims == 3:
            viewer.scene.camera.angles = VOLUME_ANGLES
            viewer.reset_view(margin=0.2, reset_camera_angle=False)

    def _rearrange_sections(self) -> None:
        """Another column names the sections, or another is the frame."""
        shifts = laid_out(self._session)
        same = shifts.keys() == self._sections.keys() and all(
            np.array_equal(shifts[name], self._sections[name]) for name in shifts
        )
        if not same:
            self._draw_reference(self._session.reference)
            self._draw_placed(self._session.placed)

    def _draw_placed(self, placed: ad.AnnData | None) -> None:
        self._lasso.end()
        self._take_away(self.placed)
        self.placed = None
        if placed is not None:
            reference = self._session.reference
            images = image_layers(placed) if reference is None else []
            wanted = self._session.look.places
            self._places = "estimates" if lacking(placed, wanted) else wanted
            self._session.look.places = self._places
            layer = placed_layer(placed, reference, self._places)
            self.placed = Cells(placed, [*images, layer])
            self._put_up(self.placed, framed=reference is None)
            self._follow_selection(self.placed)
        self._regions.renew()

    def _draw_other_places(self, places: Places) -> None:
        """Others in place of the estimates, or back."""
        placed = self._session.placed
        if placed is None or places == self._places:
            return
        if reason := lacking(placed, places):
            show_warning(reason)
            self._session.look.places = "estimates"
            return
        self._draw_placed(placed)
        self._mark_selected(self._session.selection.cells)

    def _follow_selection(self, placed: Cells) -> None:
        """What a person selects among the points is what the session has selected."""
        layer = placed.marks.layer
        if isinstance(layer, Points):
            selected = layer.selected_data
            selected.events.items_changed.connect(
                lambda: setattr(self._session.selection, "cells", selected)
            )

    def _mark_selected(self, cells: np.ndarray) -> None:
        if self.placed is not None and isinstance(self.placed.marks, Discs):
            self.placed.marks.select(cells)

    def _draw_lasso(self) -> None:
        if self.placed is not None:
            # The halves have no room for one layer more.
            self._session.look.arrangement = "overlaid"
            self._lasso.begin(self.placed)

    def _look_at(self, cell: int) -> None:
        viewer = self._viewer()
        if viewer is not None and self.placed is not None:
            viewer.scene.camera.center = tuple(self.placed.marks.centres[cell])

    def _arrange(self) -> None:
        """Overlaid, or side by side when there are both."""
        viewer = self._viewer()
        if self._side_by_side is not None:
            self._side_by_side.end()
            self._side_by_side = None
        wanted = self._session.look.arrangement == "side by side"
        if wanted and viewer is not None and self.reference and self.placed:
            placed = [*self._regions.layers, *self.placed.layers]
            self._side_by_side = SideBySide(viewer, self.reference.layers, placed)

    def _draw_regions(self) -> None:
        self._regions.renew()
        self._arrange()

    def _take_away(self, cells: Cells | None) -> None:
        viewer = self._viewer()
        if cells is None or viewer is None:
            return
        if self._side_by_side is not None:
            self._side_by_side.end()
            self._side_by_side = None
        gone = [layer for layer in cells.layers if layer in viewer.layers]
        if gone:
            # Together: napari collects garbage at each removal, which is half a second.
            with viewer.layers.batched_update():
                for layer in gone:
                    viewer.layers.remove(layer)

    def _put_up(self, cells: Cells, *, framed: bool) -> None:
        """Add the layers once they are coloured, so that they are drawn once."""
        viewer = self._viewer()
        if viewer is None:
            return
        cells.weigh(self._session.look.uncertainty)
        cells.read_expression(self._painter.paint)
        if cells.reading:
            self._painter.paint()
        *images, marks = cells.layers

        def settle() -> None:
            self._arrange()
            if framed:
                self._frame(cells.adata)

        if images and self._session.look.unhurried:
            viewer.layers.append(marks)
            self._beneath = Beneath(viewer, images, marks, settle)
        else:
            viewer.layers.extend(cells.layers)
        settle()
        viewer.layers.selection.active = marks
        marks.events.visible.connect(self._painter.place_bars)
