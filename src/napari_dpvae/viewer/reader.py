"""An ``.h5ad`` file dropped on napari's canvas, or opened by File > Open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_dpvae.data.keys import DPVAE
from napari_dpvae.data.read import read_reference
from napari_dpvae.viewer.canvas.layers import LayerData, image_layers, placed_layer, reference_layer


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """What reads a path, as napari asks for it; None for anything but one ``.h5ad`` file."""
    if isinstance(path, str) and path.endswith(".h5ad"):
        return read_layers
    return None


def read_layers(path: str) -> list[LayerData]:
    """Histology and spots, or placed cells; the dock takes them from their layer.

    Raises
    ------
    DataError
        When the file cannot be read, or its cells have no coordinates.
    """
    cells = read_reference(path)
    points = placed_layer(cells) if DPVAE in cells.uns else reference_layer(cells)
    data, options, kind = points
    return [*image_layers(cells), (data, options | {"name": Path(path).stem}, kind)]
