"""Draw around cells to select them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from matplotlib.path import Path
from napari.layers import Shapes
from qtpy.QtCore import QTimer

from napari_dpvae.viewer.canvas.cells import Cells

if TYPE_CHECKING:
    from napari import Viewer

    from napari_dpvae.viewer.state.selection import Selection

NAME = "draw around cells"
LINE = "#ff2d95"


class Lasso:
    """A layer that is there for one drawing: the drawn cells within it become the selection.

    Parameters
    ----------
    viewer
        Where to draw.
    selection
        Takes the cells.
    """

    def __init__(self, viewer: Viewer, selection: Selection) -> None:
        self._viewer = ref(viewer)
        self._selection = selection
        self._layer: Shapes | None = None
        self._cells: Cells | None = None

    def begin(self, cells: Cells) -> None:
        """Wait for a drawing around some of these cells."""
        viewer = self._viewer()
        if viewer is None:
            return
        self.end()
        self._cells = cells
        width = cells.marks.size / 4
        self._layer = Shapes(name=NAME, edge_color=LINE, face_color="#ff2d9520", edge_width=width)
        self._layer.events.data.connect(self._on_data)
        viewer.add_layer(self._layer)
        self._layer.mode = "add_polygon_lasso"

    def end(self) -> None:
        """Take the layer away."""
        viewer = self._viewer()
        if viewer is not None and self._layer in viewer.layers:
            viewer.layers.remove(self._layer)
            if self._cells is not None and self._cells.marks.layer in viewer.layers:
                viewer.layers.selection.active = self._cells.marks.layer
        self._layer = None

    def _on_data(self, event: Any) -> None:
        if event.action != "added" or self._layer is None or self._cells is None:
            return
        if len(self._layer.data):
            outline = Path(np.asarray(self._layer.data[-1]))
            within = outline.contains_points(self._cells.marks.centres) & self._cells.marks.shown
            self._selection.cells = np.flatnonzero(within)
        # napari is still at work on the drawing: take it away when it has ended.
        QTimer.singleShot(0, self.end)
