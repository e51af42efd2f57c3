"""Placed cells as other programs take them: tables, groups of cells, GeoJSON."""

from __future__ import annotations

from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.keys import DPVAE, LIKENESS, RADIUS, RADIUS_WIDE, SPATIAL, STATUS
from napari_dpvae.errors import DataError

COLOURS = {"placed": [38, 115, 178], "uncertain": [217, 152, 33], "outside": [128, 128, 128]}
"""Red, green and blue of each status in QuPath."""
MADE_BY = ("model", "seed", "versions")
"""What GeoJSON says of how cells were placed."""
MOST_GROUPS = 200
"""Values of a column that names groups of cells."""


def table_for(name: str) -> Callable[[ad.AnnData], pd.DataFrame]:
    """What makes the table of a ``.csv``, by what stands before its suffix."""
    kinds = {".loupe.csv": loupe_groups, ".xenium.csv": xenium_groups}
    return next(
        (make for end, make in kinds.items() if name.lower().endswith(end)), placement_table
    )


def loupe_groups(placed: ad.AnnData) -> pd.DataFrame:
    """Categories for Loupe Browser: the status, and what else in ``obs`` groups cells."""
    groups = {
        str(name): column.astype(str)
        for name, column in placed.obs.items()
        if not pd.api.types.is_numeric_dtype(column)
        and 1 < column.nunique() <= min(MOST_GROUPS, placed.n_obs / 2)
    }
    if STATUS in placed.obs:
        groups = {STATUS: placed.obs[STATUS].astype(str), **groups}
    return pd.DataFrame(groups, index=placed.obs_names.rename("Barcode"))


def xenium_groups(placed: ad.AnnData) -> pd.DataFrame:
    """Groups for Xenium Explorer: the status of each cell, in its colour."""
    status = placed.obs[STATUS].astype(str) if STATUS in placed.obs else "placed"
    table = pd.DataFrame({"group": status}, index=placed.obs_names.rename("cell_id"))
    colours = {name: "#{:02x}{:02x}{:02x}".format(*rgb) for name, rgb in COLOURS.items()}
    return table.assign(color=table["group"].map(colours))


def placement_table(placed: ad.AnnData) -> pd.DataFrame:
    """Coordinates, radii and status of every placed cell, indexed by barcode."""
    coordinates = placed.obsm[SPATIAL]
    axes = ["x", "y", "z"][: coordinates.shape[1]]
    names = placed.obs_names.rename("barcode")
    table = pd.DataFrame(np.asarray(coordinates), index=names, columns=axes)
    known = [key for key in (RADIUS, RADIUS_WIDE, LIKENESS, STATUS) if key in placed.obs]
    return table.assign(**{key: placed.obs[key].to_numpy() for key in known})


def placement_features(placed: ad.AnnData) -> dict[str, object]:
    """Placed cells as GeoJSON points that QuPath takes for detections.

    Raises
    ------
    DataError
        For a volume, which QuPath has none of.
    """
    table = placement_table(placed)
    if "z" in table:
        raise DataError("GeoJSON is of a slice, and these cells lie in a volume: write a .csv.")
    numbers = [key for key in (RADIUS, RADIUS_WIDE, LIKENESS) if key in table]
    features = []
    for name, row in zip(table.index, table.to_dict("records"), strict=True):
        status = str(row.get(STATUS, "placed"))
        measured = {key: float(row[key]) for key in numbers if np.isfinite(row[key])}
        properties = {
            "objectType": "detection",
            "name": str(name),
            "classification": {"name": status, "color": COLOURS.get(status, [0, 0, 0])},
            "measurements": measured,
        }
        point = {"type": "Point", "coordinates": [float(row["x"]), float(row["y"])]}
        features.append({"type": "Feature", "geometry": point, "properties": properties})
    made_by = {
        key: str(value) for key, value in placed.uns.get(DPVAE, {}).items() if key in MADE_BY
    }
    return {"type": "FeatureCollection", "napari-dpvae": made_by, "features": features}
