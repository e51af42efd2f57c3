"""Images and sizes that a reference carries, as squidpy and scanpy write them."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.geometry.spacing import spot_distance

MOST_MEASURED = 50_000
"""Neighbours of more spots take seconds to find: they are taken to lie evenly."""


def best_image(entry: dict[str, Any]) -> tuple[np.ndarray, float] | None:
    """The finest image of a library that has a scale factor, with its pixels' size.

    Parameters
    ----------
    entry
        Of ``uns["spatial"]``.
    """
    for resolution in ("hires", "lowres"):
        image = entry.get("images", {}).get(resolution)
        factor = entry.get("scalefactors", {}).get(f"tissue_{resolution}_scalef")
        if image is None or not factor:
            continue
        image = np.asarray(image)
        if image.ndim == 3 and image.shape[2] not in (3, 4):
            image = image[..., 0]
        if np.issubdtype(image.dtype, np.floating) and image.max() > 1:
            image = image / 255.0
        return image, 1.0 / float(factor)
    return None


def image_sizes(reference: ad.AnnData) -> dict[str, np.ndarray]:
    """(2,) width and height of each library's image, in the reference's coordinates."""
    found = {name: best_image(entry) for name, entry in reference.uns.get(SPATIAL, {}).items()}
    return {
        name: np.array(image[0].shape[1::-1]) * image[1]
        for name, image in found.items()
        if image is not None
    }


def spot_size(cells: ad.AnnData) -> float:
    """Diameter of a spot in coordinate units: as stated, else a share of the spot distance."""
    for entry in cells.uns.get(SPATIAL, {}).values():
        diameter = entry.get("scalefactors", {}).get("spot_diameter_fullres")
        if diameter:
            return float(diameter)
    coordinates = np.asarray(cells.obsm[SPATIAL], float)
    if len(coordinates) > MOST_MEASURED:
        extent = np.ptp(coordinates, axis=0)
        return 0.7 * float((extent.prod() / len(coordinates)) ** (1 / len(extent))) or 1.0
    share = 0.7 if coordinates.shape[1] == 2 else 1.0
    return share * spot_distance(np.unique(coordinates, axis=0)) or 1.0
