"""AnnData to napari layers; the one place where (x, y) becomes (row, column)."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.keys import RADIUS, SPATIAL, STATUS
from napari_dpvae.placement.domain import spot_distance

LayerData = tuple[Any, dict[str, Any], str]
"""What napari's plugins hand over: data, keyword arguments, type of layer."""


def to_napari(coordinates: np.ndarray) -> np.ndarray:
    """(n, 2 or 3) as (x, y) or (x, y, z) to napari's (row, column) or (plane, row, column)."""
    return np.ascontiguousarray(np.asarray(coordinates, float)[:, ::-1])


def image_layers(reference: ad.AnnData) -> list[LayerData]:
    """The histology of each library, in the reference's coordinates; none for a volume."""
    layers: list[LayerData] = []
    if reference.obsm[SPATIAL].shape[1] != 2:
        return layers
    for library, entry in reference.uns.get(SPATIAL, {}).items():
        found = _best_image(entry)
        if found is None:
            continue
        image, scale = found
        name = "histology" if library in ("", "0") else f"histology {library}"
        layers.append(
            (image, {"name": name, "scale": (scale, scale), "rgb": image.ndim == 3}, "image")
        )
    return layers


def _best_image(entry: dict[str, Any]) -> tuple[np.ndarray, float] | None:
    """The finest image of a library that has a scale factor, with its pixels' size."""
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


def reference_points(reference: ad.AnnData) -> LayerData:
    """The reference's spots as points, of their true size where it is known."""
    coordinates = np.asarray(reference.obsm[SPATIAL], float)
    features = pd.DataFrame({"spot": reference.obs_names.to_numpy(str)})
    options = _point_options("reference spots", _spot_size(reference), features, reference)
    # In a volume the spots stand before the cells: let these shine through.
    opacity = 0.75 if coordinates.shape[1] == 2 else 0.35
    return to_napari(coordinates), options | {"opacity": opacity}, "points"


def placed_points(placed: ad.AnnData, reference: ad.AnnData | None = None) -> LayerData:
    """Placed cells as points; on a slice half as wide as a spot, so that both are seen."""
    coordinates = np.asarray(placed.obsm[SPATIAL], float)
    features = pd.DataFrame({"cell": placed.obs_names.to_numpy(str)})
    for key in (STATUS, RADIUS):
        if key in placed.obs:
            column = placed.obs[key].to_numpy()
            features[key.removeprefix("dpvae_")] = column
    share = 0.5 if coordinates.shape[1] == 2 else 1.0
    size = share * _spot_size(reference if reference is not None else placed)
    options = _point_options("placed cells", size, features, placed)
    return to_napari(coordinates), options, "points"


def _point_options(
    name: str, size: float, features: pd.DataFrame, adata: ad.AnnData
) -> dict[str, Any]:
    return {
        "name": name,
        "size": size,
        "features": features,
        "border_width": 0.04,
        "border_color": "#00000080",
        "symbol": "disc",
        "face_color": "white",
        "metadata": {"adata": adata},
    }


def _spot_size(cells: ad.AnnData) -> float:
    """Diameter of a spot in coordinate units: as stated, else 0.7 of the spot distance."""
    for entry in cells.uns.get(SPATIAL, {}).values():
        diameter = entry.get("scalefactors", {}).get("spot_diameter_fullres")
        if diameter:
            return float(diameter)
    return 0.7 * spot_distance(np.unique(np.asarray(cells.obsm[SPATIAL], float), axis=0)) or 1.0
