"""An image that is given beside a reference, with the affine that lays it under the spots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np

from napari_dpvae.data.formats.delimited import read_delimited
from napari_dpvae.data.formats.laid_straight import laid_straight
from napari_dpvae.data.formats.pictures import read_image
from napari_dpvae.data.images import libraries, scale_factor, spot_size
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.paths import found_at
from napari_dpvae.errors import DataError

IDENTITY = 1.0
HOW = "give the side of a pixel, six numbers (a, b, c, d, e, f), or a table of 3 x 3"
DIAMETER = "spot_diameter_fullres"


def with_image(reference: ad.AnnData, path: Path, affine: object = IDENTITY) -> ad.AnnData:
    """The reference with an image of its own in place of those that it has.

    Parameters
    ----------
    reference
        Spots with ``obsm["spatial"]``, one section.
    path
        Of the image: see :func:`napari_dpvae.data.formats.pictures.read_image`.
    affine
        From (x, y) in the whole image's pixels to the spots' coordinates: see :func:`as_matrix`.

    Raises
    ------
    DataError
        When it is no image, or the affine is none, or lays the image where there are no spots.
    """
    pixels, factor = read_image(path)
    matrix = as_matrix(affine) @ np.diag([factor, factor, 1.0])
    laid = laid_straight(pixels, matrix)
    if laid is None:
        raise DataError(
            f"The image {path} lies where coordinates are negative, or far off, by its affine: "
            "check the order of its numbers and its unit."
        )
    stated = (scale_factor(entry, DIAMETER) for entry in libraries(reference).values())
    diameter = next(filter(None, stated), None) or spot_size(reference)
    factors = {"tissue_hires_scalef": 1 / laid[1], DIAMETER: diameter}
    name = next(iter(libraries(reference)), path.name.split(".")[0])
    reference.uns[SPATIAL] = {name: {"images": {"hires": laid[0]}, "scalefactors": factors}}
    return reference


def as_matrix(affine: Any) -> np.ndarray:
    """(3, 3) from a number, from six in rows, from an array (2, 3) or (3, 3), or a file of those.

    Raises
    ------
    DataError
        When it is none of these.
    """
    if isinstance(affine, str | Path):
        affine = _parsed(str(affine))
    try:
        values = np.asarray(affine, float)
    except (TypeError, ValueError) as error:
        raise DataError(f"The image's affine is not of numbers: {HOW}.") from error
    if values.size == 1:
        values = np.diag([values.item(), values.item(), 1.0])
    if values.size == 6:
        values = np.vstack([values.reshape(2, 3), [0, 0, 1]])
    if values.shape != (3, 3) or not np.isfinite(values).all() or not np.linalg.det(values):
        raise DataError(f"The image's affine cannot be used: {HOW}.")
    return values


def _parsed(text: str) -> Any:
    """Numbers of the command line, or of a file such as Xenium's imagealignment.csv."""
    path = found_at(text)
    if path is not None and path.is_file():
        return read_delimited(path, headed=False, named=False).to_numpy()
    return text.replace(",", " ").split()
