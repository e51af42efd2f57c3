"""Where the places of spots are kept, brought to ``obsm["spatial"]``; and known ones of a query."""

from __future__ import annotations

import logging
import re
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.axes import NO_PLACE, find_axes
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.numbers_in_text import to_numbers
from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)

OBSM = ("x_spatial", "spatial_coordinates", "spatial_coords", "coordinates", "coords", "xy")
"""Names in ``obsm`` beside ``spatial`` that are taken before others, in lower case."""
LIKE_PLACES = re.compile(r"spatial|coord|centroid|position|location|pixel|(^|_)(xy|pos)(_|$)")
MISSING = ("", "na", "n/a", "nan", "none", "null", "<na>", "-")
"""Text that stands for no number, in lower case."""
LARGEST_COORDINATE = 1e12
"""Beyond it, squares of coordinates lose their digits."""


def settled_places(cells: ad.AnnData) -> ad.AnnData:
    """The cells with float coordinates in ``obsm["spatial"]``, if there are any.

    They are taken from where other programs put them, and said so; spots whose place is not known
    are left out with a warning, and a third coordinate that is the same for all is left out too.

    Parameters
    ----------
    cells
        As read.

    Raises
    ------
    DataError
        When what is there is not numbers.
    """
    found = _found(cells)
    if found is None:
        return cells
    where, values = found
    places = _as_numbers(values, where)
    if places.ndim != 2 or places.shape[1] not in (2, 3) or not places.size:
        cells.obsm[SPATIAL] = places
        return cells
    if where != f"obsm['{SPATIAL}']":
        logger.warning("The coordinates are taken from %s.", where)
    if places.shape[1] == 3 and np.isnan(places[:, 2]).all():
        logger.warning("No spot has a z in %s: they are taken as one plane.", where)
        places = places[:, :2]
    known = np.isfinite(places).all(axis=1)
    if known.any() and not known.all():
        lost = int((~known).sum())
        logger.warning("%s has no place for %d spots: they are left out.", where, lost)
        cells, places = cells[known].copy(), places[known]
    if places.shape[1] == 3 and known.any() and np.ptp(places[:, 2]) == 0:
        logger.warning("All spots have the same z in %s: they are taken as one plane.", where)
        places = places[:, :2]
    cells.obsm[SPATIAL] = np.ascontiguousarray(places)
    return cells


def has_places(cells: ad.AnnData) -> bool:
    """Whether coordinates are found, wherever they are."""
    return _found(cells) is not None


def known_coordinates(query: ad.AnnData, key: str | None, dims: int) -> np.ndarray:
    """The places of a query that are known beforehand, (n, dims); NaN where they are not.

    None is known without a key.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    if key is None:
        return np.full((query.n_obs, dims), np.nan)
    where = f"obsm['{key}']"
    if key not in query.obsm:
        there = ", ".join(query.obsm) or "nothing"
        raise DataError(f"The query has no {where} with known places: obsm has {there}.")
    known = np.asarray(query.obsm[key])
    if known.dtype.kind not in "iuf" or known.shape != (query.n_obs, dims):
        raise DataError(
            f"The query's {where} must hold {dims} numbers for each cell, like the reference's "
            "coordinates; NaN where the place is not known."
        )
    if not np.isfinite(known).all(axis=1).any():
        raise DataError(f"The query's {where} has no known place: use the mode anchored.")
    if np.nanmax(np.abs(known), initial=0, where=np.isfinite(known)) > LARGEST_COORDINATE:
        raise DataError(
            f"The query's {where} has places beyond {LARGEST_COORDINATE:.0g}: give them in the "
            "reference's coordinates."
        )
    return known.astype(float)


def place_hint(cells: ad.AnnData) -> str:
    """Where coordinates could be, for a sentence that says there are none; empty if nowhere."""
    found = [where for where, _ in _candidates(cells)]
    if found:
        return f" ({' or '.join(found)} may hold them)"
    if "spatialdata_attrs" in cells.uns:
        return (
            " (it is the table of a SpatialData, whose places are in its shapes, points or labels: "
            "open the whole .zarr)"
        )
    if SPATIAL in cells.varm:
        return " (varm has them: it looks transposed, save reference.T instead)"
    return ""


def _found(cells: ad.AnnData) -> tuple[str, Any] | None:
    """Where coordinates are, and what is there; None if they are nowhere, or maybe in several."""
    if SPATIAL in cells.obsm:
        return f"obsm['{SPATIAL}']", cells.obsm[SPATIAL]
    found = _candidates(cells)
    return found[0] if len(found) == 1 else None


def _candidates(cells: ad.AnnData) -> list[tuple[str, Any]]:
    """Where coordinates may be beside ``obsm["spatial"]``: one where it is clear."""
    lower = {str(key).lower(): key for key in cells.obsm if _has_axes(cells.obsm[key])}
    known = [lower[name] for name in (SPATIAL, *OBSM) if name in lower][:1]
    like = [
        key for name, key in lower.items() if LIKE_PLACES.search(name) and not NO_PLACE.search(name)
    ]
    found = [(f"obsm['{key}']", cells.obsm[key]) for key in known or like]
    if found:
        return found
    for x, y, *z in find_axes(cells.obs):
        if _is_numeric(cells.obs[x]) and _is_numeric(cells.obs[y]):
            axes = [x, y, *(axis for axis in z if _is_numeric(cells.obs[axis]))]
            found.append((f"the obs columns {', '.join(axes)}", cells.obs[axes]))
    return found


def _has_axes(values: Any) -> bool:
    return len(np.shape(values)) == 2 and np.shape(values)[1] in (2, 3)


def _is_numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers, maybe as text, that are not the same for all."""
    numbers = to_numbers(column)
    return bool(numbers.notna().mean() > 0.5 and numbers.nunique() > 1)


def _as_numbers(values: Any, where: str) -> np.ndarray:
    """Floats of an array, a table or text; NaN where there is none."""
    if isinstance(values, pd.DataFrame):
        values = _axes_of(values).to_numpy()
    if hasattr(values, "toarray"):
        values = values.toarray()
    values = np.asarray(values)
    if values.dtype.kind in "iufb":
        return values.astype(np.float64)
    if values.dtype.kind == "c":
        raise DataError(f"The coordinates in {where} are complex numbers: write them as numbers.")
    flat = pd.Series(values.ravel().astype(object))
    numbers = to_numbers(flat)
    lacking = flat.isna() | flat.astype(str).str.strip().str.lower().isin(MISSING)
    if (numbers.isna() & ~lacking).any():
        raise DataError(f"The coordinates in {where} are not numbers: write them as numbers.")
    return numbers.to_numpy(np.float64).reshape(values.shape)


def _axes_of(table: pd.DataFrame) -> pd.DataFrame:
    """Its columns with x, y and z, in this order; all that are numbers if no name says so."""
    found = find_axes(table)
    if len(found) == 1:
        return table[found[0]]
    numbers = table.select_dtypes("number")
    return numbers if numbers.shape[1] in (2, 3) else table
