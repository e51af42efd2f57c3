"""An ``.h5ad`` file dropped on napari's canvas, or opened by File > Open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_dpvae.data.read import read_query
from napari_dpvae.viewer.canvas.layers import LayerData, opened_layers


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """What reads a path, as napari asks for it; None for anything but one ``.h5ad`` file."""
    if isinstance(path, str) and path.endswith(".h5ad"):
        return read_layers
    return None


def read_layers(path: str) -> list[LayerData]:
    """Histology and spots, placed cells, or dissociated cells; the dock takes them if it is open.

    Raises
    ------
    DataError
        When the file cannot be read.
    """
    return opened_layers(read_query(path), Path(path).stem)
