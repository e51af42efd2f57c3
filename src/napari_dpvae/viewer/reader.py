"""Files and folders of cells dropped on napari's canvas, or opened by File > Open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_dpvae.viewer.canvas.layers import LayerData

FILES = (".h5ad", ".h5mu", ".h5", ".loom")
FOLDERS = (*FILES, ".gz", ".csv", ".mtx", ".parquet", ".tsv", ".txt", ".xenium")
"""What a folder of cells has in it, by suffix; stores and outputs have names of their own."""
NAMES = ("zarr.json", ".zgroup", "spatial", "outs")


def get_reader(path: str | list[str]) -> Callable[[str], list[LayerData]] | None:
    """What reads a path, as napari asks for it; None for all that is no file or folder of cells."""
    if not isinstance(path, str):
        return None
    if Path(path).is_dir():
        return read_layers if _holds_cells(Path(path)) else None
    return read_layers if path.lower().endswith(FILES) else None


def _holds_cells(folder: Path) -> bool:
    """Whether a folder is one of the formats; nothing is loaded for what at a glance is none."""
    if not any(e.name in NAMES or e.name.lower().endswith(FOLDERS) for e in folder.iterdir()):
        return False
    from napari_dpvae.data.formats.registry import recognise
    from napari_dpvae.errors import DataError

    try:
        recognise(folder)
    except DataError:
        return False
    return True


def read_layers(path: str) -> list[LayerData]:
    """Histology and spots, placed cells, or dissociated cells; the dock takes them if it is open.

    Raises
    ------
    DataError
        When the file cannot be read.
    """
    from napari_dpvae.data.backed import open_either
    from napari_dpvae.viewer.canvas.layers import opened_layers

    return opened_layers(open_either(path), Path(path).stem)
