"""Space Ranger's ``outs`` of versions 1 to 4, and the bins and cells of Visium HD.

squidpy and scanpy read the folders of some versions, with all of their parts and usual names.
"""

from __future__ import annotations

import io
import json
import logging
import re
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.formats.bounds import opened
from napari_dpvae.data.formats.pictures import read_picture
from napari_dpvae.data.formats.tenx import find_mtx, read_tenx_h5, read_tenx_mtx
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.numbers_in_text import FLOATS
from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)

BINS = ("square_008um", "square_016um", "square_002um")
"""Bins of Visium HD, the most useful first."""
PARTS = ("*filtered_feature_*_matrix", "*filtered_gene_bc_matrices*", "*raw_feature_*_matrix")
COLUMNS = [
    "barcode",
    "in_tissue",
    "array_row",
    "array_col",
    "pxl_row_in_fullres",
    "pxl_col_in_fullres",
]
PLACES = ["pxl_col_in_fullres", "pxl_row_in_fullres"]
"""x and y: the files name the row first."""


def is_space_ranger(path: Path) -> bool:
    """Whether a folder, or the one of outputs in it, tells where its spots are."""
    return any(_has_places(folder) for folder in _candidates(path))


def _candidates(path: Path) -> list[Path]:
    if path.name == "spatial":
        path = path.parent
    roots = [path, path / "outs"]
    inner = [root / "binned_outputs" / name for root in roots for name in BINS]
    inner += [root / name for root in roots for name in (*BINS, "segmented_outputs")]
    return [folder for folder in (*roots, *inner) if folder.is_dir()]


def _has_places(folder: Path) -> bool:
    return _positions_file(folder) is not None or _cells_file(folder) is not None


def read_space_ranger(path: Path) -> ad.AnnData:
    """Read spots with their places and images.

    Raises
    ------
    DataError
        When there are no counts, or more than one file of them.
    """
    with_places = [folder for folder in _candidates(path) if _has_places(folder)]
    with_counts = [folder for folder in with_places if _counts_file(folder) is not None]
    if not with_counts:
        raise DataError(
            f"Cannot read {path}: it has the places of spots but no counts: put "
            "filtered_feature_bc_matrix.h5, or the folder of that name, beside 'spatial'."
        )
    folder = with_counts[0]
    if len(with_counts) > 1:
        others = ", ".join(other.name for other in with_counts[1:])
        logger.warning("%s: %s is read; name another folder for %s.", path, folder.name, others)
    counts = _counts_file(folder)
    assert counts is not None
    cells = read_tenx_mtx(counts) if counts.is_dir() else read_tenx_h5(counts)
    cells = _located(cells, folder, path)
    if "raw" in counts.name and "in_tissue" in cells.obs:
        inside = cells.obs["in_tissue"].to_numpy() == 1
        cells = cells[inside].copy()
        logger.warning("%s has raw counts only: spots off the tissue are left out.", path)
    return cells


def with_places_beside(cells: ad.AnnData, path: Path) -> ad.AnnData:
    """Spots with places and images, if those lie beside the counts that were named.

    Parameters
    ----------
    cells
        As read from a 10x file or folder.
    path
        Of that; places are looked for in the folder that it is in.
    """
    folder = path.absolute().parent
    return _located(cells, folder, folder) if _positions_file(folder) is not None else cells


def _located(cells: ad.AnnData, folder: Path, path: Path) -> ad.AnnData:
    """Spots with the places and images that are in their folder."""
    cells = _with_places(cells, _read_places(folder), path)
    libraries = cells.uns.pop("library_ids", [path.name or "library"])
    cells.uns[SPATIAL] = {str(libraries[0]): _read_images(folder)}
    return cells


def _counts_file(folder: Path) -> Path | None:
    """The file or folder with the counts; filtered ones before raw ones."""
    for pattern in PARTS:
        files = sorted(folder.glob(f"{pattern.rstrip('*')}*.h5"))
        folders = [f for f in sorted(folder.glob(pattern)) if f.is_dir() and find_mtx(f)]
        for found in (files, folders):
            if len(found) == 1:
                return found[0]
            if found:
                names = ", ".join(f.name for f in found)
                raise DataError(
                    f"Cannot read {folder}: it has counts of several samples ({names}): keep "
                    "each in a folder of its own."
                )
    return None


def _spatial_files(folder: Path, pattern: str) -> list[Path]:
    """Files in ``spatial`` or in the folder itself, with any prefix."""
    parts = (folder / "spatial", folder, *sorted(folder.glob("*spatial")))
    for part in parts:
        found = [f for f in sorted(part.glob(pattern)) if f.is_file()]
        if found:
            return found
    return []


def _positions_file(folder: Path) -> Path | None:
    for end in (".csv", ".csv.gz", ".txt", ".txt.gz", ".parquet"):
        found = _spatial_files(folder, f"*tissue_positions*{end}")
        if found:
            return found[0]
    return None


def _cells_file(folder: Path) -> Path | None:
    found = sorted(folder.glob("*cell_segmentations.geojson"))
    return found[0] if found else None


def _read_places(folder: Path) -> pd.DataFrame:
    """Places and what else is known, indexed by barcode."""
    path = _positions_file(folder)
    if path is None:
        cells = _cells_file(folder)
        assert cells is not None
        return _centroids(cells)
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        if table.index.name == "barcode":
            table = table.reset_index()
    else:
        with opened(path) as file:
            data = file.read()
        first = data.lstrip(b"\xef\xbb\xbf").split(b"\n", 1)[0].split(b",")
        headed = b"barcode" in [name.strip().strip(b'"').lower() for name in first]
        table = pd.read_csv(
            io.BytesIO(data),
            header=0 if headed else None,
            names=None if headed else COLUMNS,
            **FLOATS,
        )
    lacking = {"barcode", *PLACES} - set(table.columns)
    if lacking:
        raise DataError(f"Cannot read {path}: it lacks the columns {', '.join(sorted(lacking))}.")
    return table.set_index(table["barcode"].astype(str)).drop(columns="barcode")


def _centroids(path: Path) -> pd.DataFrame:
    """The middle of each cell that Space Ranger 4 drew the outline of."""
    from shapely.geometry import shape

    outlines = _read_json(path).get("features", [])
    if not outlines:
        raise DataError(f"Cannot read {path}: it outlines no cells.")
    names = [f"cellid_{int(cell['properties']['cell_id']):09d}-1" for cell in outlines]
    middles = [shape(cell["geometry"]).centroid for cell in outlines]
    places = np.array([(point.x, point.y) for point in middles])
    return pd.DataFrame(places, index=pd.Index(names), columns=PLACES)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        with opened(path) as file:
            found = json.load(file)
    except (ValueError, RecursionError) as error:
        raise DataError(f"Cannot read {path}: it is no whole JSON: copy it again.") from error
    if not isinstance(found, dict):
        raise DataError(f"Cannot read {path}: it holds no names with values.")
    return found


def _with_places(cells: ad.AnnData, places: pd.DataFrame, path: Path) -> ad.AnnData:
    """Each cell with its place; those without one are NaN, and left out later with a word."""
    places = places[~places.index.duplicated()]
    known = places.reindex(cells.obs_names)
    if known[PLACES[0]].isna().all():
        # One of the files has lost the number of the well.
        short = re.compile(r"-\d+$")
        places = places.set_index(places.index.str.replace(short, "", regex=True))
        places = places[~places.index.duplicated()]
        known = places.reindex(cells.obs_names.str.replace(short, "", regex=True))
        known.index = cells.obs_names
    if known[PLACES[0]].isna().all():
        raise DataError(
            f"Cannot read {path}: none of its spots has a place: barcodes of counts "
            f"({cells.obs_names[0]}) and positions ({places.index[0]}) differ."
        )
    cells.obsm[SPATIAL] = known[PLACES].to_numpy(float)
    for column in known.columns.difference(PLACES):
        cells.obs[column] = known[column].to_numpy()
    return cells


def _read_images(folder: Path) -> dict[str, Any]:
    """Images and scale factors of a library, as squidpy and scanpy hold them."""
    images = {}
    for resolution in ("hires", "lowres"):
        found = _spatial_files(folder, f"*tissue_{resolution}_image.*")
        if found:
            images[resolution] = read_picture(found[0])
    factors: dict[str, Any] = {}
    found = _spatial_files(folder, "*scalefactors*.json*")
    if found:
        factors = _read_json(found[0])
    elif images:
        logger.warning(
            "%s has no scalefactors_json.json: its image is not shown, as nothing says how large "
            "its pixels are.",
            folder,
        )
    return {"images": images, "scalefactors": factors, "metadata": {}}
