"""Where placed cells are drawn, how large and how faint: in the window and in print alike."""

from __future__ import annotations

from typing import Literal

import anndata as ad
import numpy as np

from napari_dpvae.data.images import spot_size
from napari_dpvae.data.keys import DRAWS, LIKELIEST, RADIUS, SPATIAL

Places = Literal["estimates", "likeliest spots", "one draw"]
"""Each cell at the mean of where it may be; or spread as a tissue is: each at its likeliest spot,
or all as one draw."""
AS_A_TISSUE = {
    "likeliest spots": (LIKELIEST, "likeliest spots", "likeliest"),
    "one draw": (DRAWS, "draws", "draws of 1 or more"),
}
"""Of each the ``obsm`` entry, what it holds, and the setting to place with for it."""
Uncertainty = Literal["not shown", "as size", "as opacity"]
"""The less sure a cell's place, the smaller or fainter it is drawn."""
LEAST_SHARE = 0.25
"""Size or opacity of the least sure cell."""
OVERLAP = 3.0
"""Times what is a cell's share of the tissue, at most: wider marks hide each other."""


def shown_places(placed: ad.AnnData, places: Places) -> np.ndarray:
    """(n, 2 or 3) of placed cells; of draws the first."""
    if places == "estimates":
        return np.asarray(placed.obsm[SPATIAL])
    found = np.asarray(placed.obsm[AS_A_TISSUE[places][0]])
    return found[:, 0] if places == "one draw" else found


def lacking(placed: ad.AnnData, places: Places) -> str | None:
    """What placed cells lack to be drawn so, and what to do about it; None if nothing."""
    if places == "estimates" or AS_A_TISSUE[places][0] in placed.obsm:
        return None
    _, what, setting = AS_A_TISSUE[places]
    return f"The placed cells have no {what}: place them with {setting}, or draw their estimates."


def name_of(places: Places) -> str:
    """Of placed cells that are drawn so."""
    return "placed cells" + ("" if places == "estimates" else f", {places}")


def cell_size(placed: ad.AnnData, reference: ad.AnnData | None = None) -> float:
    """Diameter of a placed cell, in coordinate units.

    On a slice it is less than a spot's, so that both are seen; of very many cells, less still.
    """
    dims = placed.obsm[SPATIAL].shape[1]
    size = spot_size(placed if reference is None else reference) * (0.6 if dims == 2 else 1.3)
    if reference is None:
        return size
    share = (reference.n_obs / max(placed.n_obs, 1)) ** (1 / dims)
    return float(size * min(OVERLAP * share, 1.0))


def sureness(placed: ad.AnnData) -> np.ndarray:
    """(n,) from 1 for the smallest radius down to :data:`LEAST_SHARE` for the largest."""
    radius = placed.obs[RADIUS].to_numpy(float)
    low, high = np.nanmin(radius), np.nanmax(radius)
    unsure = np.nan_to_num((radius - low) / max(high - low, 1e-12), nan=1.0)
    found: np.ndarray = 1 - (1 - LEAST_SHARE) * unsure
    return found
