"""Cells as napari points: discs on a slice, spheres in a volume."""

from __future__ import annotations

import numpy as np
from napari.components.overlays import ColorBarOverlay
from napari.layers import Points

from napari_dpvae.viewer.canvas.marks import FAINT, Marks, shade_index, shade_table

STRANGER = "x"
"""The symbol of cells with no home in the reference."""
STRANGER_RING = 0.15
"""Of its size: dark with a white edge, it is seen on stained tissue and on black."""
SELECTED_RING = 0.3
"""Of its size, and white as no category is: napari's own blue ring is as one of them."""


class Discs(Marks[Points]):
    """Points; those with no home in the reference are crosses.

    Parameters
    ----------
    layer, strangers
        As for :class:`Marks`.
    """

    def __init__(self, layer: Points, strangers: np.ndarray) -> None:
        super().__init__(layer, strangers)
        if strangers.any():
            layer.symbol = np.where(strangers, STRANGER, "disc")
            layer.border_width = np.where(strangers, STRANGER_RING, layer.border_width)
            layer.border_color = np.where(strangers[:, None], 1.0, layer.border_color)
        self._border = self._plain_border = np.array(layer.border_color)
        self._plain_width = np.array(layer.border_width)
        self._faces = np.array(layer.face_color)

    @property
    def bar(self) -> ColorBarOverlay:
        """The layer's colour bar."""
        return self.layer.face_colorbar

    def _measure(self) -> float:
        return float(np.median(self.layer.size))

    @property
    def centres(self) -> np.ndarray:
        """(n, d) where the cells are, in napari's order."""
        return self.layer.data

    def paint_numbers(self, values: np.ndarray, limits: tuple[float, float], colormap: str) -> None:
        """Colour by values (n,), with the colour bar in their unit; NaN is grey.

        The colours are looked up in a table here: five times faster than letting the layer map a
        feature.
        """
        self._paint(
            shade_index(values, limits), shade_table(colormap), limits=limits, colormap=colormap
        )

    def paint_classes(self, codes: np.ndarray, colours: np.ndarray) -> None:
        """Colour by codes (n,) into colours (k, 4); -1 is grey."""
        self._paint(codes.copy(), np.vstack([colours, FAINT]))

    def paint_colours(self, colours: np.ndarray) -> None:
        """Give each cell its colour (n, 4); NaN is grey."""
        self._paint(*self._each(colours))

    def _paint(
        self,
        index: np.ndarray,
        table: np.ndarray,
        *,
        limits: tuple[float, float] | None = None,
        colormap: str | None = None,
    ) -> None:
        with self.layer.events.face_color.blocker():
            if limits is not None:
                self.layer.face_contrast_limits = limits
                self.layer.face_colormap = colormap
            self._faces = self._rgba(index, table)
            self.layer.face_color = self._veiled(self._faces)
        # The colours draw themselves: a whole refresh would do so once more.
        self.layer.refresh(data_displayed=False, highlight=False, extent=False)

    def resize(self, share: np.ndarray) -> None:
        """Draw each cell (n,) at a share of the usual size."""
        self.layer.size = self.size * share

    def select(self, cells: np.ndarray) -> None:
        """Ring cells, given by number (k,), and have napari's tools work on them."""
        self.layer.selected_data = set(cells.tolist())
        width, self._border = self._plain_width.copy(), self._plain_border.copy()
        width[cells], self._border[cells] = SELECTED_RING, 1.0
        self.layer.border_width = width
        self.layer.border_color = self._veiled(self._border)

    def _show(self) -> None:
        # napari 0.9.2 heeds this in a slice of a volume only: what is hidden is transparent too.
        self.layer.shown = self.shown
        self.layer.face_color = self._veiled(self._faces)
        self.layer.border_color = self._veiled(self._border)

    def _veiled(self, colours: np.ndarray) -> np.ndarray:
        """(n, 4) colours, transparent where a cell is hidden."""
        if self.shown.all():
            return colours
        return colours * np.column_stack([np.ones((len(colours), 3)), self.shown])
