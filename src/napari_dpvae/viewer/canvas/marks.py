"""How a set of cells is drawn as one layer: what discs and facets have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np
from napari.components.overlays import ColorBarOverlay
from napari.layers import Layer
from napari.utils.colormaps import ensure_colormap

FAINT = np.array([0.4, 0.4, 0.4, 0.9], np.float32)
"""The colour of cells that have no value, or no home in the reference."""
SHADES = 256

LayerT = TypeVar("LayerT", bound=Layer)


class Marks(ABC, Generic[LayerT]):
    """A layer with one mark a cell.

    Parameters
    ----------
    layer
        Row i is cell i.
    strangers
        (n,) bool: cells with no home in the reference, which stay grey.
    """

    def __init__(self, layer: LayerT, strangers: np.ndarray) -> None:
        self.layer = layer
        self.strangers = strangers
        self.opacity: np.ndarray | None = None
        self.shown = np.ones(len(strangers), bool)
        self.size = self._measure()
        """Of a mark, in coordinate units."""

    @property
    @abstractmethod
    def bar(self) -> ColorBarOverlay:
        """The layer's colour bar."""

    @abstractmethod
    def _measure(self) -> float:
        """The usual size of a mark."""

    @property
    @abstractmethod
    def centres(self) -> np.ndarray:
        """(n, d) where the cells are, in napari's order."""

    @abstractmethod
    def paint_numbers(self, values: np.ndarray, limits: tuple[float, float], colormap: str) -> None:
        """Colour by values (n,), with the colour bar in their unit; NaN is grey."""

    @abstractmethod
    def paint_classes(self, codes: np.ndarray, colours: np.ndarray) -> None:
        """Colour by codes (n,) into colours (k, 4); -1 is grey."""

    @abstractmethod
    def paint_colours(self, colours: np.ndarray) -> None:
        """Give each cell its colour (n, 4); NaN is grey."""

    @abstractmethod
    def resize(self, share: np.ndarray) -> None:
        """Draw each cell (n,) at a share of the usual size."""

    def show_only(self, shown: np.ndarray) -> None:
        """Hide the others, (n,) bool."""
        if not np.array_equal(shown, self.shown):
            self.shown = shown
            self._show()

    @abstractmethod
    def _show(self) -> None:
        """Bring the layer in line with ``shown``."""

    def _each(self, colours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Index (n,) and table (n + 1, 4) of a colour for each cell."""
        known = ~np.isnan(colours).any(axis=1)
        index = np.where(known, np.arange(len(colours)), len(colours))
        return index, np.vstack([np.nan_to_num(colours), FAINT]).astype(np.float32)

    def _rgba(self, index: np.ndarray, table: np.ndarray) -> np.ndarray:
        """(n, 4) colours by index (n,) into a table (k, 4) whose last entry is for no value."""
        index[self.strangers] = len(table) - 1
        colours = table[index]
        if self.opacity is not None:
            colours[:, 3] *= self.opacity
        return colours


def shade_table(colormap: str) -> np.ndarray:
    """(SHADES + 1, 4) colours of a colormap, and that of no value."""
    shades = ensure_colormap(colormap).map(np.linspace(0, 1, SHADES))
    return np.vstack([shades, FAINT]).astype(np.float32)


def shade_index(values: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """(n,) places of values in a table of shades; NaN is the one past the last."""
    low, high = limits
    scaled = np.clip((values - low) * ((SHADES - 1) / (high - low)), 0, SHADES - 1)
    index: np.ndarray = np.nan_to_num(scaled, nan=SHADES).astype(np.uint16)
    return index
