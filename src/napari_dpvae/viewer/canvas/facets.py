"""Very many cells as one napari surface: a square each on a slice, a tetrahedron in a volume."""

from __future__ import annotations

import numpy as np
from napari.components.overlays import ColorBarOverlay
from napari.layers import Surface
from napari.utils.colormaps import Colormap, ensure_colormap

from napari_dpvae.viewer.canvas.marks import FAINT, Marks, shade_index, shade_table

CORNERS = 4
"""Of a mark, in either kind of space."""
_SQUARE = np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
_TETRAHEDRON = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
_TRIANGLES = {
    2: np.array([[0, 1, 2], [0, 2, 3]]),
    3: np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]]),
}


def facet_vertices(centres: np.ndarray, size: np.ndarray | float) -> np.ndarray:
    """(4 n, d) corners of marks of a size, (n,) or one, around centres (n, d)."""
    corners = _SQUARE if centres.shape[1] == 2 else _TETRAHEDRON
    half = np.broadcast_to(np.asarray(size, float) / 2, len(centres))
    vertices = centres[:, None] + corners * half[:, None, None]
    # By column: napari asks for the extent at every change, which is ten times faster so.
    return vertices.reshape(-1, centres.shape[1]).astype(np.float32, order="F")


def facet_faces(cells: np.ndarray, dims: int) -> np.ndarray:
    """(m, 3) triangles of the marks of some cells, given by number (n,)."""
    faces = cells[:, None, None] * CORNERS + _TRIANGLES[dims]
    return faces.reshape(-1, 3).astype(np.uint32)


class Facets(Marks[Surface]):
    """A surface with four corners a cell, recoloured by its values alone.

    Parameters
    ----------
    layer, strangers
        As for :class:`Marks`.
    """

    def __init__(self, layer: Surface, strangers: np.ndarray) -> None:
        super().__init__(layer, strangers)
        corners = layer.vertices.reshape(-1, CORNERS, layer.vertices.shape[1])
        self._centres = corners.mean(axis=1)

    @property
    def bar(self) -> ColorBarOverlay:
        """The layer's colour bar."""
        return self.layer.colorbar

    def _measure(self) -> float:
        return float(np.ptp(self.layer.vertices[:CORNERS, 0]))

    @property
    def centres(self) -> np.ndarray:
        """(n, d) where the cells are, in napari's order."""
        return self._centres

    def paint_numbers(self, values: np.ndarray, limits: tuple[float, float], colormap: str) -> None:
        """Colour by values (n,), with the colour bar in their unit; NaN is grey."""
        self._paint(values, limits, ensure_colormap(colormap))
        if self.opacity is not None:
            self._fade(shade_index(values, limits), shade_table(colormap))

    def paint_classes(self, codes: np.ndarray, colours: np.ndarray) -> None:
        """Colour by codes (n,) into colours (k, 4); -1 is grey."""
        values = np.where(codes < 0, np.nan, codes + 0.5)
        # Steps need two colours at least.
        steps = colours if len(colours) > 1 else np.repeat(colours, 2, axis=0)
        colormap = Colormap(steps, name="categories", interpolation="zero")
        self._paint(values, (0.0, float(len(steps))), colormap)
        if self.opacity is not None:
            self._fade(codes.copy(), np.vstack([colours, FAINT]))

    def paint_colours(self, colours: np.ndarray) -> None:
        """Give each cell its colour (n, 4); NaN is grey."""
        self._fade(*self._each(colours))

    def _paint(self, values: np.ndarray, limits: tuple[float, float], colormap: Colormap) -> None:
        values = np.where(self.strangers, np.nan, values).astype(np.float32)
        if self.layer.vertex_colors is not None:
            self.layer.vertex_colors = None
        self.layer.colormap = colormap.model_copy(update={"nan_color": FAINT})
        self.layer.contrast_limits_range = self.layer.contrast_limits = limits
        self.layer.vertex_values = np.repeat(values, CORNERS)

    def _fade(self, index: np.ndarray, table: np.ndarray) -> None:
        """Values have no opacity: give the colours themselves."""
        self.layer.vertex_colors = np.repeat(self._rgba(index, table), CORNERS, axis=0)

    def resize(self, share: np.ndarray) -> None:
        """Draw each cell (n,) at a share of the usual size."""
        self.layer.vertices = facet_vertices(self._centres, self.size * share)

    def _show(self) -> None:
        faces = facet_faces(np.flatnonzero(self.shown), self._centres.shape[1])
        # The setter of faces alone calls itself without end in napari 0.9.2.
        self.layer.data = (self.layer.vertices, faces, self.layer.vertex_values)
