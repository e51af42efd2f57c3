"""Outlines of the regions that hold cells with the stated probability."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from weakref import ref

import numpy as np
from napari.layers import Points

from napari_dpvae.data.keys import RADIUS, SPATIAL
from napari_dpvae.viewer.canvas.cells import Cells
from napari_dpvae.viewer.canvas.layers import to_napari

if TYPE_CHECKING:
    from napari import Viewer

    from napari_dpvae.viewer.canvas.hover import Hover
    from napari_dpvae.viewer.state.session import Session

NAME = "regions"
OUTLINE = "#ff2d95"


class Regions:
    """A layer with a circle (a sphere in a volume) around the cells that the look asks for.

    Parameters
    ----------
    viewer
        Where to draw.
    session
        Tells of which cells, and what is selected.
    hover
        Tells what is under the pointer.
    placed
        Gives the placed cells, as drawn.
    """

    def __init__(
        self, viewer: Viewer, session: Session, hover: Hover, placed: Callable[[], Cells | None]
    ) -> None:
        self._viewer = ref(viewer)
        self._session = session
        self._placed = placed
        self._layer: Points | None = None
        hover.moved.connect(self._on_hover)
        session.selection.changed.connect(self._on_selected)

    @property
    def layers(self) -> list[Points]:
        """The layer, while there is one."""
        return [] if self._layer is None else [self._layer]

    def renew(self) -> None:
        """Draw the layer anew for other cells or another look, or take it away."""
        viewer, cells = self._viewer(), self._placed()
        if viewer is None:
            return
        if self._layer in viewer.layers:
            viewer.layers.remove(self._layer)
        self._layer = None
        if (
            self._session.look.regions == "not shown"
            or cells is None
            or RADIUS not in cells.adata.obs
        ):
            return
        self._layer = _outlines(cells)
        active = viewer.layers.selection.active
        viewer.layers.append(self._layer)
        viewer.layers.selection.active = active
        self._on_selected()

    def _on_hover(self, found: tuple[Cells, int] | None) -> None:
        if self._session.look.regions == "of the cell under the pointer":
            mine = found is not None and found[0] is self._placed()
            self._show(np.array([found[1]] if mine and found is not None else [], int))

    def _on_selected(self) -> None:
        if self._session.look.regions == "of selected cells":
            self._show(self._session.selection.cells)

    def _show(self, chosen: np.ndarray) -> None:
        """Outline the regions of some placed cells, given by number (k,)."""
        cells = self._placed()
        if self._layer is None or cells is None:
            return
        radius = cells.adata.obs[RADIUS].to_numpy(float)[chosen]
        # About the estimates, also where a draw is shown: these are what regions are of.
        self._layer.data = to_napari(cells.adata.obsm[SPATIAL][chosen])
        self._layer.size = 2 * np.nan_to_num(radius)
        self._layer.border_width = 0.1 * cells.marks.size


def _outlines(cells: Cells) -> Points:
    layer = Points(
        ndim=cells.marks.centres.shape[1],
        name=NAME,
        face_color="transparent",
        border_color=OUTLINE,
        border_width_is_relative=False,
    )
    layer.current_face_color, layer.current_border_color = "transparent", OUTLINE
    return layer
