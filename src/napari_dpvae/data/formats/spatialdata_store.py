"""SpatialData stores: a table with the places of its region and the images beside it."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.formats.bounds import check_store
from napari_dpvae.data.formats.laid_straight import laid_straight
from napari_dpvae.data.formats.modalities import genes_alone
from napari_dpvae.data.formats.pictures import LARGEST_SIDE
from napari_dpvae.data.images import libraries, spot_size
from napari_dpvae.data.keys import DPVAE, SPATIAL
from napari_dpvae.errors import DataError

if TYPE_CHECKING:
    from spatialdata import SpatialData

logger = logging.getLogger(__name__)

SPOT_DIAMETER = "spot_diameter"
"""``uns`` of a table of ours: the diameter of a spot, which the store's points have not."""
OURS = re.compile(r"(?P<library>.*)_(?P<resolution>hires|lowres)_image")
"""What our own stores call the images of a library."""


def read_spatialdata(path: Path, *, placed: bool = False) -> ad.AnnData:
    """Read the table of a store, its region's places and its images, in one coordinate system.

    Parameters
    ----------
    path
        A ``.zarr`` folder.
    placed
        Whether placed cells are wanted, where the store has reference spots as well.

    Raises
    ------
    DataError
        When it has no table.
    """
    import spatialdata as sd

    check_store(path)
    return from_spatialdata(sd.read_zarr(path), path, placed=placed)


def from_spatialdata(data: SpatialData, path: object, *, placed: bool = False) -> ad.AnnData:
    """The same of a SpatialData in memory."""
    name = _table_name(data, path, placed)
    cells = data.tables[name].copy()
    regions = _regions(cells, data)
    if not regions and SPATIAL not in cells.obsm:
        logger.warning("%s: its table '%s' says of no shapes that they are its cells.", path, name)
    if regions:
        system = _system(data, regions)
        _put_places(cells, data, regions, system)
        _put_images(cells, data, system)
        diameter = _diameter(cells, data, regions, system)
        found = libraries(cells)
        for entry in found.values():
            entry["scalefactors"]["spot_diameter_fullres"] = diameter
        if found:
            cells.uns[SPATIAL] = found
    return genes_alone(cells, path)


def _table_name(data: SpatialData, path: object, placed: bool) -> str:
    """The table of spots, or of placed cells; the largest where there are several."""
    tables = data.tables
    if not tables:
        raise DataError(
            f"Cannot read {path}: this SpatialData has no table: add one with the expression of "
            "its cells."
        )
    names = [name for name, table in tables.items() if (DPVAE in table.uns) == placed]
    if len(names) > 1 and "table" in names:
        names = ["table"]
    names = sorted(names or list(tables), key=lambda name: -tables[name].n_obs)
    if len(names) > 1:
        logger.warning(
            "%s has several tables: %s is read and %s are not.",
            path,
            names[0],
            ", ".join(names[1:]),
        )
    return names[0]


def _regions(cells: ad.AnnData, data: SpatialData) -> list[str]:
    """Elements that the table's rows belong to, and that are there."""
    attrs = cells.uns.get("spatialdata_attrs", {})
    region = attrs.get("region", [])
    names = [region] if isinstance(region, str) else [str(name) for name in region]
    there = {name for _, name, _ in data.gen_spatial_elements()}
    return [name for name in names if name in there]


def _system(data: SpatialData, regions: list[str]) -> str:
    """A coordinate system that all regions have, and an image if any does."""
    from spatialdata.transformations import get_transformation

    def systems(name: str) -> list[str]:
        return list(get_transformation(data[name], get_all=True))

    common = [s for s in systems(regions[0]) if all(s in systems(name) for name in regions[1:])]
    if not common:
        raise DataError(
            f"The regions {', '.join(regions)} of this SpatialData have no coordinate system in "
            "common: read them as references of their own."
        )
    imaged = {system for name in data.images for system in systems(name)}
    return next((system for system in common if system in imaged), common[0])


def _put_places(cells: ad.AnnData, data: SpatialData, regions: list[str], system: str) -> None:
    """Coordinates of each row's instance; NaN where its region has none."""
    from spatialdata import get_centroids

    attrs = cells.uns["spatialdata_attrs"]
    region = cells.obs[attrs["region_key"]].astype(str).to_numpy()
    instance = cells.obs[attrs["instance_key"]]
    found: np.ndarray | None = None
    for name in regions:
        points = get_centroids(data[name], coordinate_system=system)
        table = points.compute() if hasattr(points, "compute") else points
        axes = [axis for axis in ("x", "y", "z") if axis in table]
        if found is None:
            found = np.full((cells.n_obs, len(axes)), np.nan)
        rows = region == name
        places = pd.DataFrame(table)[axes]
        places = places[~places.index.duplicated()]
        found[rows] = places.reindex(instance[rows]).to_numpy(float)[:, : found.shape[1]]
    cells.obsm[SPATIAL] = found


def _diameter(cells: ad.AnnData, data: SpatialData, regions: list[str], system: str) -> float:
    """Of a spot: as our own stores say it, or that of the region's circles, or as spots lie."""
    from spatialdata.transformations import get_transformation

    stated = cells.uns.pop(SPOT_DIAMETER, None)
    if stated is not None:
        return float(stated)
    if "radius" in getattr(data[regions[0]], "columns", ()):
        matrix = get_transformation(data[regions[0]], to_coordinate_system=system).to_affine_matrix(
            input_axes=("x", "y"), output_axes=("x", "y")
        )
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
        return 2 * scale * float(np.median(data[regions[0]]["radius"]))
    return spot_size(cells[np.isfinite(cells.obsm[SPATIAL]).all(axis=1)])


def _put_images(cells: ad.AnnData, data: SpatialData, system: str) -> None:
    """Images of the coordinate system, with the size of their pixels."""
    found_images: dict[str, Any] = {}
    for name in data.images:
        found = _image(data, name, system)
        if found is None:
            continue
        pixels, scale = found
        match = OURS.fullmatch(name)
        library, resolution = match.group("library", "resolution") if match else (name, "hires")
        entry = found_images.setdefault(library, {"images": {}, "scalefactors": {}})
        entry["images"][resolution] = pixels
        entry["scalefactors"][f"tissue_{resolution}_scalef"] = 1 / scale
    if found_images:
        cells.uns[SPATIAL] = found_images


def _image(data: SpatialData, name: str, system: str) -> tuple[np.ndarray, float] | None:
    """Pixels (rows, columns[, channels]) and their size; None where it cannot lie under spots."""
    from spatialdata.transformations import get_transformation

    if system not in get_transformation(data[name], get_all=True):
        return None
    image = _level(data[name])
    matrix = get_transformation(image, to_coordinate_system=system).to_affine_matrix(
        input_axes=("x", "y"), output_axes=("x", "y")
    )
    pixels = np.moveaxis(np.asarray(image.transpose("c", "y", "x").data), 0, 2)
    found = laid_straight(pixels if pixels.shape[2] in (3, 4) else pixels[..., 0], matrix)
    if found is None:
        logger.warning(
            "The image %s lies where coordinates are negative, or far off: it is not shown.", name
        )
    return found


def _level(image: Any) -> Any:
    """The finest level of a pyramid that is not too large to be held."""
    if hasattr(image, "transpose"):
        return image
    levels = [next(iter(image[name].values())) for name in image]
    for level in levels:
        if max(level.sizes["x"], level.sizes["y"]) <= LARGEST_SIDE:
            return level
    return levels[-1]
