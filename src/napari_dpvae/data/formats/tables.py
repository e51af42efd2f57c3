"""Counts as CSV or TSV, with the coordinates in a table beside them."""

from __future__ import annotations

import re
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from napari_dpvae.data.formats.bounds import opened
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.errors import DataError

ENDS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
LIKE_COORDINATES = re.compile(r"coord|position|location|spatial|bead|coor|spots?(file)?\.", re.I)
"""What a table of places has in its name."""
LIKE_COUNTS = re.compile(r"count|expr|matrix|dge|mtx", re.I)
LIKE_CELLS = re.compile(
    r"^[ACGTN]{8,}([-_.].*)?$|^\d+(\.\d+)?[x_]\d+(\.\d+)?$|^(.*[-_.])?[ACGT]{10,}-\d+$"
    r"|^(cell|spot|bead|barcode|bc|sample|well)[-_.]?\w*(-\d+)?$",
    re.I,
)
"""Names of cells; genes have others."""
NAMES_X = ("x", "xcoord", "x_coord", "x_centroid", "center_x", "pxl_col_in_fullres", "imagecol")
NAMES_Y = ("y", "ycoord", "y_coord", "y_centroid", "center_y", "pxl_row_in_fullres", "imagerow")
NAMES_Z = ("z", "zcoord", "z_coord", "z_centroid", "center_z")
LOOKED_AT = 200


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a table."""
    return path.name.lower().endswith(ENDS)


def read_table(path: Path, coordinates: Path | None = None) -> ad.AnnData:
    """Read counts, cells by genes or genes by cells, and their coordinates if there are any.

    Parameters
    ----------
    path
        A table with names in its first row and column.
    coordinates
        A table with a row for each cell: its name, x, y and maybe z. Looked for beside the counts
        if not given.

    Raises
    ------
    DataError
        When the table is not of numbers, or no cell has coordinates of its name.
    """
    counts = _read(path)
    places = None
    if coordinates is None:
        coordinates = _beside(path)
    if coordinates is not None:
        places = _read_coordinates(coordinates)
    if _has_cells_as_columns(counts, places):
        counts = counts.T
    try:
        x = counts.to_numpy(np.float32)
    except ValueError as error:
        raise DataError(
            f"Cannot read {path}: it holds text where counts should be ({error}): give a table "
            "with names in the first row and column, and numbers elsewhere."
        ) from error
    cells = ad.AnnData(
        sparse.csr_matrix(x),
        obs=pd.DataFrame(index=counts.index.astype(str)),
        var=pd.DataFrame(index=counts.columns.astype(str)),
    )
    if places is not None:
        known = places.reindex(cells.obs_names)
        if known["x"].isna().all():
            raise DataError(
                f"Cannot read {coordinates}: none of its names ({places.index[0]}) is that of a "
                f"cell in {path.name} ({cells.obs_names[0]})."
            )
        cells.obsm[SPATIAL] = known.to_numpy(float)
    return cells


def is_pair(folder: Path) -> bool:
    """Whether a folder holds one table of counts and one of coordinates."""
    return _pair(folder) is not None


def read_pair(folder: Path) -> ad.AnnData:
    """Read the two tables of a folder."""
    found = _pair(folder)
    if found is None:
        raise DataError(f"Cannot read {folder}: it has no table of counts with one of coordinates.")
    return read_table(*found)


def _pair(folder: Path) -> tuple[Path, Path] | None:
    tables = [path for path in sorted(folder.iterdir()) if path.is_file() and is_table(path)]
    places = [path for path in tables if LIKE_COORDINATES.search(path.name)]
    counts = [path for path in tables if path not in places and LIKE_COUNTS.search(path.name)]
    return (counts[0], places[0]) if len(counts) == len(places) == 1 else None


def _beside(path: Path) -> Path | None:
    """The table of coordinates that has the counts' name in its own, or is the only one."""
    stem = path.name.split(".")[0].lower()
    for word in ("counts", "count", "expression", "matrix", "dge"):
        stem = stem.removesuffix(word).rstrip("_-")
    found = [
        other
        for other in sorted(path.parent.iterdir())
        if other != path
        and other.is_file()
        and is_table(other)
        and LIKE_COORDINATES.search(other.name)
    ]
    own = [other for other in found if stem and other.name.lower().startswith(stem)]
    for chosen in (own, found):
        if len(chosen) == 1:
            return chosen[0]
    return None


def _read(path: Path) -> pd.DataFrame:
    with opened(path) as file:
        table = pd.read_csv(file, sep=_separator(path), index_col=0, comment=None)
    if table.shape[1] == 0 or not len(table):
        raise DataError(
            f"Cannot read {path}: it has no table: give a CSV or TSV with names in the first row "
            "and column."
        )
    return table


def _separator(path: Path) -> str:
    """What stands between values, by the first line: names end in anything."""
    with opened(path) as file:
        line = file.readline(1 << 20).decode("utf-8", "replace")
    return max(("\t", ",", ";"), key=line.count) if any(c in line for c in "\t,;") else r"\s+"


def _read_coordinates(path: Path) -> pd.DataFrame:
    """x, y and maybe z by the names of cells."""
    table = _read(path)
    lower = {str(name).lower().strip(): name for name in table.columns}
    axes = {}
    for axis, names in (("x", NAMES_X), ("y", NAMES_Y), ("z", NAMES_Z)):
        found = next((lower[name] for name in names if name in lower), None)
        if found is not None:
            axes[axis] = pd.to_numeric(table[found], errors="coerce")
    if not {"x", "y"} <= set(axes):
        numbers = table.select_dtypes("number")
        if numbers.shape[1] not in (2, 3):
            raise DataError(
                f"Cannot read {path}: it has no columns x and y but "
                f"{', '.join(map(str, table.columns[:6]))}: name them so."
            )
        axes = dict(zip("xyz", (numbers[name] for name in numbers), strict=False))
    places = pd.DataFrame(axes)
    places.index = places.index.astype(str)
    return places[~places.index.duplicated()]


def _has_cells_as_columns(table: pd.DataFrame, places: pd.DataFrame | None) -> bool:
    if places is not None:
        rows = table.index.astype(str).isin(places.index).sum()
        return bool(table.columns.astype(str).isin(places.index).sum() > rows)
    shares = [
        np.mean([bool(LIKE_CELLS.match(name)) for name in names[:LOOKED_AT].astype(str)])
        for names in (table.index, table.columns)
    ]
    return bool(shares[1] > shares[0])
