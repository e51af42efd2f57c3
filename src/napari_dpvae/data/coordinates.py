"""Where a file keeps the places of its spots, brought to ``obsm["spatial"]``."""

from __future__ import annotations

import logging
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)

OBSM = (
    "x_spatial",
    "spatial_coordinates",
    "spatial_coords",
    "spatial_xy",
    "x_coordinates",
    "coordinates",
    "coords",
    "location",
    "locations",
    "positions",
    "xy",
    "xy_loc",
    "centroids",
    "spatial_fov",
)
"""Names in ``obsm`` beside ``spatial``, in lower case, the likeliest first."""
COLUMNS = (
    ("x", "y", "z"),
    ("spatial_x", "spatial_y", "spatial_z"),
    ("spatial1", "spatial2", "spatial3"),
    ("spatial_1", "spatial_2", "spatial_3"),
    ("x_centroid", "y_centroid", "z_centroid"),
    ("centroid_x", "centroid_y", "centroid_z"),
    ("center_x", "center_y", "center_z"),
    ("x_center", "y_center", "z_center"),
    ("centerx_global_px", "centery_global_px", ""),
    ("x_global_px", "y_global_px", ""),
    ("x_slide_mm", "y_slide_mm", ""),
    ("pxl_col_in_fullres", "pxl_row_in_fullres", ""),
    ("imagecol", "imagerow", ""),
    ("pixel_x", "pixel_y", ""),
    ("x_pixel", "y_pixel", ""),
    ("xcoord", "ycoord", "zcoord"),
    ("x_coord", "y_coord", "z_coord"),
    ("coord_x", "coord_y", "coord_z"),
    ("x_coordinate", "y_coordinate", "z_coordinate"),
    ("xpos", "ypos", "zpos"),
    ("x_pos", "y_pos", "z_pos"),
    ("pos_x", "pos_y", "pos_z"),
    ("x_location", "y_location", "z_location"),
    ("array_col", "array_row", ""),
    ("array_x", "array_y", ""),
)
"""Columns of ``obs`` with x, y and maybe z, in lower case; indices of an array last."""


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


def place_hint(cells: ad.AnnData) -> str:
    """Where coordinates could be, for a sentence that says there are none; empty if nowhere."""
    found = _found(cells)
    if found is not None:
        return f" ({found[0]} may hold them)"
    if "spatialdata_attrs" in cells.uns:
        return (
            " (it is the table of a SpatialData, whose places are in its shapes, points or labels: "
            "open the whole .zarr)"
        )
    if SPATIAL in cells.varm:
        return " (varm has them: it looks transposed, save reference.T instead)"
    return ""


def _found(cells: ad.AnnData) -> tuple[str, Any] | None:
    """Where coordinates are, and what is there."""
    if SPATIAL in cells.obsm:
        return f"obsm['{SPATIAL}']", cells.obsm[SPATIAL]
    lower = {str(key).lower(): key for key in cells.obsm}
    for name in (SPATIAL, *OBSM):
        if name in lower and _has_axes(cells.obsm[lower[name]]):
            return f"obsm['{lower[name]}']", cells.obsm[lower[name]]
    columns = {str(name).lower(): name for name in cells.obs}
    for x, y, z in COLUMNS:
        if x in columns and y in columns:
            axes = [columns[axis] for axis in (x, y, z) if axis in columns]
            table = cells.obs[axes]
            if all(_is_numeric(table[axis]) for axis in axes):
                return f"the obs columns {', '.join(map(str, axes))}", table
    return None


def _has_axes(values: Any) -> bool:
    return len(np.shape(values)) == 2 and np.shape(values)[1] in (2, 3)


def _is_numeric(column: pd.Series) -> bool:
    """Whether a column holds numbers, maybe as text, that are not the same for all."""
    numbers = pd.to_numeric(column.astype(object), errors="coerce")
    return bool(numbers.notna().mean() > 0.5 and numbers.nunique() > 1)


def _as_numbers(values: Any, where: str) -> np.ndarray:
    """Floats of an array, a table or text."""
    if isinstance(values, pd.DataFrame):
        values = _in_order(values).to_numpy()
    if hasattr(values, "toarray"):
        values = values.toarray()
    values = np.asarray(values)
    if values.dtype.kind in "iufb":
        return values.astype(np.float64)
    try:
        flat = pd.to_numeric(pd.Series(values.ravel().astype(object)))
        return flat.to_numpy(np.float64).reshape(values.shape)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"The coordinates in {where} are not numbers: write them as numbers."
        ) from error


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Its columns as x, y, z where their names say which is which."""
    columns = {str(name).lower(): name for name in table}
    for axes in COLUMNS:
        if axes[0] in columns and axes[1] in columns:
            return table[[columns[axis] for axis in axes if axis in columns]]
    return table
