"""AnnData to napari layers; the one place where (x, y) becomes (row, column)."""

from __future__ import annotations

from functools import cache
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from napari.layers import Points
from numpy.typing import ArrayLike

from napari_dpvae.data.images import best_image, libraries, spot_size
from napari_dpvae.data.keys import DPVAE, RADIUS, SPATIAL, STATUS
from napari_dpvae.figure.marks import Places, cell_size, lacking, name_of, shown_places
from napari_dpvae.viewer.canvas.facets import CORNERS, facet_faces, facet_vertices

MOST_POINTS = 50_000
"""Above it, cells are drawn as a surface."""
Shifts = dict[str, np.ndarray]
"""How far each section is moved, (2,) as (x, y)."""
MOST_RINGED = 1500
"""Above it, points have no ring."""
LayerData = tuple[Any, dict[str, Any], str]
"""What napari's plugins hand over: data, keyword arguments, type of layer."""


OPENED = "napari-dpvae opened"
"""In the metadata of layers that napari opened by itself: the cells that they are of."""


def opened_layers(cells: ad.AnnData, name: str) -> list[LayerData]:
    """What shows a file that napari opened: placed cells, spots, or cells without a place.

    Parameters
    ----------
    cells
        As read; without coordinates they are one layer with no points, for the dock to take.
    name
        Of the cells' layer.
    """
    if SPATIAL not in cells.obsm:
        options: dict[str, Any] = {"name": f"{name}: cells without a place"}
        options["metadata"] = {"adata": cells}
        layers: list[LayerData] = [(np.empty((0, 2)), options, "points")]
    else:
        points = placed_layer(cells) if DPVAE in cells.uns else reference_layer(cells)
        points[1]["name"] = name
        layers = [*image_layers(cells), points]
    for _, options, _ in layers:
        options["metadata"] = options.get("metadata", {}) | {OPENED: cells}
    return layers


def to_napari(coordinates: ArrayLike) -> np.ndarray:
    """(n, 2 or 3) as (x, y) or (x, y, z) to napari's (row, column) or (plane, row, column)."""
    return np.ascontiguousarray(np.asarray(coordinates, float)[:, ::-1])


def image_layers(reference: ad.AnnData, shifts: Shifts | None = None) -> list[LayerData]:
    """The histology of each library, moved with its section; none for a volume."""
    layers: list[LayerData] = []
    if reference.obsm[SPATIAL].shape[1] != 2:
        return layers
    for library, entry in libraries(reference).items():
        found = best_image(entry)
        if found is None:
            continue
        image, scale = found
        name = "histology" if library in ("", "0") else f"histology {library}"
        options = {"name": name, "scale": (scale, scale), "rgb": image.ndim == 3}
        if shifts is not None and library in shifts:
            options["translate"] = tuple(shifts[library][::-1])
        layers.append((image, options, "image"))
    return layers


@cache
def read_units() -> None:
    """Let napari read its table of physical units: 0.2 s that the first layer would wait for."""
    Points(np.empty((0, 2)))


def reference_layer(
    reference: ad.AnnData, section_key: str | None = None, shifts: Shifts | None = None
) -> LayerData:
    """The reference's spots, of their true size where it is known, moved with their section."""
    # In a volume the spots stand before the cells: let these shine through, and be larger.
    flat = reference.obsm[SPATIAL].shape[1] == 2
    features = {"spot": reference.obs_names}
    options = {"name": "reference spots", "opacity": 0.75 if flat else 0.5}
    centres = to_napari(reference.obsm[SPATIAL])
    if section_key is not None and shifts:
        centres += to_napari([shifts[str(name)] for name in reference.obs[section_key]])
    return _cells_layer(reference, centres, spot_size(reference), features, options)


def placed_layer(
    placed: ad.AnnData, reference: ad.AnnData | None = None, places: Places = "estimates"
) -> LayerData:
    """Placed cells; their estimates, where they have no other such places."""
    known = [key for key in (STATUS, RADIUS) if key in placed.obs]
    features = {"cell": placed.obs_names}
    features |= {key.removeprefix("dpvae_"): placed.obs[key] for key in known}
    places = "estimates" if lacking(placed, places) else places
    options = {"name": name_of(places)}
    centres, size = to_napari(shown_places(placed, places)), cell_size(placed, reference)
    return _cells_layer(placed, centres, size, features, options)


def _cells_layer(
    cells: ad.AnnData,
    centres: np.ndarray,
    size: float,
    features: dict[str, pd.Index | pd.Series],
    options: dict[str, Any],
) -> LayerData:
    """Points; or a surface, which napari draws and recolours faster, for very many cells."""
    options = options | {"metadata": {"adata": cells}}
    if len(centres) > MOST_POINTS:
        faces = facet_faces(np.arange(len(centres)), centres.shape[1])
        data = (facet_vertices(centres, size), faces, np.zeros(CORNERS * len(centres)))
        return data, options | {"shading": "flat"}, "surface"
    ringed = len(centres) <= MOST_RINGED
    style = {
        "size": size,
        "features": pd.DataFrame({name: held.to_numpy() for name, held in features.items()}),
        # A ring is a pixel wide at least: round small discs it would hide their colour.
        "border_width": 0.05 if ringed else 0.0,
        # Few cells are seen from afar. Of many not: napari also draws a ring round discs that it
        # keeps from getting smaller.
        "canvas_size_limits": (5 if ringed else 0, 10_000),
        "border_color": "#000000a0",
        "symbol": "disc",
        "shading": "none" if centres.shape[1] == 2 else "spherical",
        "face_color": "white",
    }
    return centres, options | style, "points"
