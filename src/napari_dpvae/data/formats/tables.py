"""Counts as CSV or TSV, with the coordinates in a table beside them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from napari_dpvae.data.axes import LIKELIEST, find_axes
from napari_dpvae.data.formats.delimited import first_line, read_delimited
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.numbers_in_text import to_numbers
from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)

ENDS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")
LIKE_COORDINATES = re.compile(r"coord|position|location|spatial|bead|coor|spots?(file)?\.", re.I)
"""What a table of places has in its name."""
LIKE_COUNTS = re.compile(r"count|expr|matrix|dge|mtx", re.I)
LIKE_CELLS = re.compile(
    r"^[ACGTN]{8,}([-_.].*)?$|^\d+(\.\d+)?[x_]\d+(\.\d+)?$|^(.*[-_.#:])?[ACGT]{10,}(-\d+)?$"
    r"|^(cell|spot|bead|barcode|bc|sample|well)[-_.]?\w*(-\d+)?$",
    re.I,
)
"""Names of cells; genes have others."""
LIKE_GENES = re.compile(r"^ENS[A-Z]*\d{6,}|^mt-|^[A-Z][A-Za-z0-9]{1,8}(-[A-Za-z0-9]+)?$")
AT_PLACE = re.compile(r"^(-?\d+(?:\.\d+)?)[x_](-?\d+(?:\.\d+)?)$")
"""Spots of Spatial Transcriptomics are named by their place."""
MOSTLY = 0.5
"""Share of a column's values that are text, in a column of text."""
LOOKED_AT = 200
INDEX = "(index)"


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a table."""
    return path.name.lower().endswith(ENDS)


def read_table(path: Path, coordinates: Path | None = None) -> ad.AnnData:
    """Read counts, cells by genes or genes by cells, and their coordinates if there are any.

    Columns of text beside the counts say more of the cells, or of the genes.

    Parameters
    ----------
    path
        A table with names in its first row and column.
    coordinates
        A table with a row for each cell: its name, x, y and maybe z. Looked for beside the counts
        if not given; else columns x and y of the counts, or names like 10x12.

    Raises
    ------
    DataError
        When the table is not of numbers, or no cell has coordinates of its name.
    """
    counts = _named(read_delimited(path))
    text = [name for name, column in counts.items() if _is_text(column)]
    about, counts = counts[text], counts.drop(columns=text)
    if not counts.shape[1]:
        raise DataError(f"Cannot read {path}: it holds text where counts should be.")
    if text:
        logger.warning("%s: the columns %s hold text, no counts.", path, ", ".join(map(str, text)))
    if coordinates is None:
        coordinates = _beside(path)
    places = None
    if coordinates is not None:
        places = _read_coordinates(coordinates, [*counts.index, *counts.columns], path)
    turned = _has_cells_as_columns(counts, places, path)
    if turned:
        counts = counts.T
    elif places is None:
        counts, places = _without_places(counts)
    cells = ad.AnnData(
        _numbers(counts, path),
        obs=pd.DataFrame(index=counts.index.astype(str)),
        var=pd.DataFrame(index=counts.columns.astype(str)),
    )
    for name in text:
        (cells.var if turned else cells.obs)[str(name)] = about[name].to_numpy()
    if places is None:
        places = _places_in(cells.obs_names)
    if places is not None:
        cells.obsm[SPATIAL] = places.reindex(cells.obs_names).to_numpy(float)
    return cells


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Rows that are numbered go by their column of names, if there is one."""
    numbers = pd.Index(range(len(table)))
    if not (table.index.equals(numbers) or table.index.equals(numbers + 1)):
        return table
    names = next((n for n, c in table.items() if _is_text(c) and c.is_unique), None)
    return table if names is None else table.set_index(names)


def _is_text(column: pd.Series) -> bool:
    if pd.api.types.is_numeric_dtype(column):
        return False
    return bool(to_numbers(column).isna().mean() > MOSTLY)


def _numbers(counts: pd.DataFrame, path: Path) -> sparse.csr_matrix:
    try:
        return sparse.csr_matrix(counts.to_numpy(np.float32))
    except ValueError as error:
        raise DataError(
            f"Cannot read {path}: it holds text where counts should be ({error}): give a table "
            "with names in the first row and column, and numbers elsewhere."
        ) from error


def _without_places(counts: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Counts, and the columns with places that stood among them."""
    found = find_axes(counts)
    if len(found) != 1 or found[0][0].lower() not in LIKELIEST:
        return counts, None
    logger.warning("The columns %s are taken as coordinates.", ", ".join(found[0]))
    places = counts[found[0]].set_axis(counts.index.astype(str))
    return counts.drop(columns=found[0]), places[~places.index.duplicated()]


def _places_in(names: pd.Index) -> pd.DataFrame | None:
    """Places that the names of all cells tell, such as 10x12."""
    found = [AT_PLACE.match(name) for name in names]
    if not all(found) or not names.is_unique:
        return None
    logger.warning("Cells are named by their places (%s), which are taken from there.", names[0])
    return pd.DataFrame([match.groups() for match in found if match], names).astype(float)


def with_coordinates(cells: ad.AnnData, coordinates: Path, path: Path) -> ad.AnnData:
    """The cells with the places that a table names; NaN where it does not.

    Parameters
    ----------
    cells
        Of any format.
    coordinates
        A table with a row for each cell: its name, x, y and maybe z.
    path
        Of the cells, for the sentence.
    """
    places = _read_coordinates(coordinates, cells.obs_names, path)
    cells.obsm[SPATIAL] = places.reindex(cells.obs_names).to_numpy(float)
    return cells


def coordinates_in(folder: Path) -> Path | None:
    """The one table of a folder that is called like a table of places."""
    found = [path for path in folder.iterdir() if path.is_file() and is_table(path)]
    found = [path for path in found if LIKE_COORDINATES.search(path.name)]
    return found[0] if len(found) == 1 else None


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


def _read_coordinates(path: Path, cells: Iterable[object], source: Path) -> pd.DataFrame:
    """x, y and maybe z by the names of cells, wherever the table has them."""
    words = re.split(r"[\t,;|\s]+", first_line(path).strip())
    headed = sum(_is_number(word) for word in words) < len(words) - 1
    table = read_delimited(path, headed=headed, named=False)
    known = [str(name) for name in cells]
    names = {name: table[name].astype(str) for name in table}
    names[INDEX] = pd.Series(table.index.astype(str), table.index)
    shared = {name: int(values.isin(known).sum()) for name, values in names.items()}
    best = max(shared, key=lambda name: shared[name])
    if not shared[best]:
        raise DataError(
            f"Cannot read {path}: none of its names ({names[next(iter(names))].iloc[0]}) is that "
            f"of a cell in {source.name} ({known[0]}, …)."
        )
    places = _axes_alone(table.drop(columns=best, errors="ignore"), path)
    places.index = pd.Index(names[best])
    return places[~places.index.duplicated()]


def _is_number(word: str) -> bool:
    return bool(re.fullmatch(r"[\"']?-?[\d.]+(e[+-]?\d+)?[\"']?", word, re.I))


def _axes_alone(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The columns x, y and maybe z: by their names, or the only ones with numbers."""
    found = find_axes(table)
    if len(found) == 1:
        return table[found[0]].apply(to_numbers)
    numbers = table.select_dtypes("number")
    if numbers.shape[1] not in (2, 3):
        raise DataError(
            f"Cannot read {path}: it has no columns x and y but "
            f"{', '.join(map(str, table.columns[:6]))}: name them so."
        )
    return numbers


def _has_cells_as_columns(table: pd.DataFrame, places: pd.DataFrame | None, path: Path) -> bool:
    names = (table.index.astype(str), table.columns.astype(str))
    if places is not None:
        rows, columns = (int(axis.isin(places.index).sum()) for axis in names)
        return columns > rows
    rows_like, columns_like = (
        np.mean([_likeness(name) for name in axis[:LOOKED_AT]]) for axis in names
    )
    if rows_like == columns_like:
        logger.warning(
            "%s: rows (%s, …) are taken as cells and columns (%s, …) as genes.",
            path,
            table.index[0],
            table.columns[0],
        )
    return bool(columns_like > rows_like)


def _likeness(name: str) -> int:
    """1 for the name of a cell, -1 for that of a gene, 0 for others."""
    return 1 if LIKE_CELLS.match(name) else -1 if LIKE_GENES.match(name) else 0
