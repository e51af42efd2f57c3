"""Placed cells and their reference as SpatialData, for the rest of scverse."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np

from napari_dpvae.data.backed import Stored
from napari_dpvae.data.checks import check_located
from napari_dpvae.data.counts import LAYERS, named_layers
from napari_dpvae.data.formats.spatialdata_store import SPOT_DIAMETER
from napari_dpvae.data.images import best_image, libraries, scale_factor, spot_size
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.matrices import copy_matrices, without_matrices
from napari_dpvae.data.replacing import replacing_store
from napari_dpvae.data.writable import writable

if TYPE_CHECKING:
    from spatialdata import SpatialData

FRAME = "global"
"""The one coordinate system: the reference's."""
REGION, INSTANCE = "region", "instance"
TABLE = "placed_cells_table"
MOST_CIRCLES = 200_000
"""Each of which is an object in memory."""


def to_spatialdata(placed: ad.AnnData, reference: ad.AnnData | None = None) -> SpatialData:
    """Placed cells, and the reference's spots and images, in one coordinate system.

    Parameters
    ----------
    placed
        From :meth:`napari_dpvae.DPVAE.place`; its images are those of its reference.
    reference
        Spots by genes with ``obsm["spatial"]``, to be in it as well.

    Returns
    -------
    spatialdata.SpatialData
        Circles ``placed_cells`` and ``reference_spots`` (points in a volume, or where they are very
        many), each with a table, and the images.
    """
    from spatialdata import SpatialData

    elements: dict[str, Any] = _images(placed if reference is None else reference)
    for name, cells, width in (("placed_cells", placed, 0.6), ("reference_spots", reference, 1.0)):
        if cells is not None:
            elements[name] = _places(cells, width)
            elements[f"{name}_table"] = _table(cells, name)
    return SpatialData.init_from_elements(elements)


def write_spatialdata(
    placed: ad.AnnData, path: str | Path, reference: ad.AnnData | None = None
) -> None:
    """Write :func:`to_spatialdata` as a ``.zarr`` folder: whole, or not at all.

    Parameters
    ----------
    placed
        Cells with coordinates in ``obsm["spatial"]``.
    path
        Of the folder; a zarr store that is there is replaced.
    reference
        Spots by genes with ``obsm["spatial"]``, to be in it as well.

    Raises
    ------
    DataError
        When there is something else at the path, or the folder cannot be written.

    Examples
    --------
    >>> dpv.write_spatialdata(placed, "run.zarr", reference)
    >>> dpv.read_placed("run.zarr").n_obs
    120
    """
    check_located(placed, "The placed cells")
    bare, matrices = without_matrices(placed)
    with replacing_store(path) as scratch:
        data = to_spatialdata(bare, reference)
        data.write(scratch)
        if matrices:
            _copy_into_table(matrices, data, bare)


def _copy_into_table(matrices: dict[str, Stored], data: SpatialData, bare: ad.AnnData) -> None:
    """Put matrices that are in a file into the table that was written."""
    import zarr

    # Stores take fewer characters in names.
    tables = (named_layers(bare), named_layers(data.tables[TABLE]))
    written = dict(zip(*tables, strict=True))
    named = {LAYERS + name: LAYERS + new for name, new in written.items()}
    root = zarr.open_group(data.path, mode="r+", use_consolidated=False)
    copy_matrices(
        {named.get(name, name): x for name, x in matrices.items()}, root[f"tables/{TABLE}"]
    )
    data.write_consolidated_metadata()


def _images(cells: ad.AnnData) -> dict[str, Any]:
    """Every image of every library, with its scale."""
    from spatialdata.models import Image2DModel
    from spatialdata.transformations import Scale

    images = {}
    for library, entry in libraries(cells).items():
        for resolution in entry.get("images") or ():
            factor = scale_factor(entry, f"tissue_{resolution}_scalef")
            found = best_image({**entry, "images": {resolution: entry["images"][resolution]}})
            if factor is None or found is None:
                continue
            pixels = np.atleast_3d(found[0])
            images[f"{library}_{resolution}_image"] = Image2DModel.parse(
                np.moveaxis(pixels, 2, 0),
                dims=("c", "y", "x"),
                # By these names napari-spatialdata knows colours.
                c_coords=list("rgba")[: pixels.shape[2]] if pixels.shape[2] > 1 else None,
                transformations={FRAME: Scale([1 / factor] * 2, axes=("x", "y"))},
            )
    return images


def _places(cells: ad.AnnData, width: float) -> Any:
    """Circles, as wide as a spot or a share of that: viewers draw points too small to be seen."""
    from spatialdata.models import PointsModel, ShapesModel
    from spatialdata.transformations import Identity

    coordinates, frame = np.asarray(cells.obsm[SPATIAL], float), {FRAME: Identity()}
    if coordinates.shape[1] == 3 or len(coordinates) > MOST_CIRCLES:
        return PointsModel.parse(coordinates, transformations=frame)
    radius = width * spot_size(cells) / 2
    return ShapesModel.parse(coordinates, geometry=0, radius=radius, transformations=frame)


def _table(cells: ad.AnnData, name: str) -> ad.AnnData:
    """The cells as the table of the circles or points of that name."""
    from spatialdata import sanitize_table
    from spatialdata.models import TableModel

    # Stores take fewer characters in names than files do.
    table = sanitize_table(writable(cells), inplace=False)
    table.uns.pop(SPATIAL, None)
    table.uns.pop("spatialdata_attrs", None)
    table.uns[SPOT_DIAMETER] = spot_size(cells)
    table.obs[REGION] = name
    table.obs[REGION] = table.obs[REGION].astype("category")
    table.obs[INSTANCE] = np.arange(table.n_obs)
    return TableModel.parse(table, region=name, region_key=REGION, instance_key=INSTANCE)
