"""Which placed cells are beside each other, and how sure that is."""

from __future__ import annotations

from typing import NamedTuple

import anndata as ad
import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree
from scipy.special import chdtri

from napari_dpvae.data.keys import DPVAE, RADIUS, SPATIAL
from napari_dpvae.settings import PlacementSettings

NEIGHBOURS = 6
"""Of each cell, over which it is asked what lies beside what."""
MOST_NEAR = 50
"""Of each cell within a distance, the nearest: placed cells can bunch."""


def place_deviation(placed: ad.AnnData) -> np.ndarray:
    """(n,) standard deviation of each cell's place along an axis, in coordinate units.

    That of the normal distribution that is inside the cell's region with the stated probability; 0
    where no region is stated.
    """
    if RADIUS not in placed.obs:
        return np.zeros(placed.n_obs)
    stated = placed.uns.get(DPVAE, {}).get("placement", {})
    probability = float(stated.get("probability", PlacementSettings().probability))
    radius = np.nan_to_num(placed.obs[RADIUS].to_numpy(float), nan=0.0, posinf=np.inf)
    deviation: np.ndarray = radius / np.sqrt(chdtri(placed.obsm[SPATIAL].shape[1], 1 - probability))
    return deviation


def usual_reach(places: np.ndarray, neighbours: int = NEIGHBOURS) -> float:
    """Median distance from a place (n, d) to so many neighbours, in coordinate units; never 0."""
    distances, _ = cKDTree(places).query(places, k=min(neighbours + 1, len(places)))
    return max(float(np.median(distances[:, -1])), float(np.finfo(np.float32).tiny))


def nearest_pairs(places: np.ndarray, neighbours: int = NEIGHBOURS) -> sparse.csr_matrix:
    """(n, n) 1 where one of two places (n, d) is among the nearest of the other."""
    return _pairs(places, neighbours, np.inf)


def pairs_within(places: np.ndarray, distance: float) -> sparse.csr_matrix:
    """(n, n) 1 where two places (n, d) lie within a distance, at most MOST_NEAR for each."""
    return _pairs(places, MOST_NEAR, distance)


def _pairs(places: np.ndarray, most: int, distance: float) -> sparse.csr_matrix:
    n = len(places)
    _, others = cKDTree(places).query(
        places, k=min(most + 1, n), distance_upper_bound=np.nextafter(distance, np.inf)
    )
    own = np.arange(n)[:, None]
    # What is too far has the index n; of cells at one place, any may come first.
    row, place = np.nonzero((others < n) & (others != own))
    graph = sparse.csr_matrix((np.ones(len(row)), (row, others[row, place])), shape=(n, n))
    return sparse.csr_matrix(graph.maximum(graph.T))


class Contacts(NamedTuple):
    """Pairs of cells that are beside each other, both ways."""

    cells: int
    """How many there are."""
    first: np.ndarray
    """(e,) index of a cell."""
    second: np.ndarray
    """(e,)."""
    sureness: np.ndarray
    """(e,) how sure it is that they are: 1 where no place is in doubt."""
    nearness: np.ndarray
    """(e,) how near they are likely to be, 0 to 1."""


def weigh(
    pairs: sparse.csr_matrix, places: np.ndarray, deviation: np.ndarray, scale: float
) -> Contacts:
    """Weigh pairs by how near their cells are, when each place is a normal distribution.

    Of two cells at a distance d the nearness ``exp(-d^2 / (2 h^2))`` has the expectation
    ``(h^2 / b^2)^(dims / 2) exp(-d^2 / (2 b^2))`` with ``b^2 = h^2 + s_i^2 + s_j^2``. Its first
    factor is the sureness.

    Parameters
    ----------
    pairs
        (n, n) 1 for a pair.
    places
        (n, dims).
    deviation
        ``s``, (n,) from :func:`place_deviation`.
    scale
        ``h``, in coordinate units.
    """
    first, second = pairs.nonzero()
    blurred = scale**2 + deviation[first] ** 2 + deviation[second] ** 2
    apart = ((places[first] - places[second]) ** 2).sum(axis=1)
    sureness = (scale**2 / blurred) ** (places.shape[1] / 2)
    return Contacts(len(places), first, second, sureness, sureness * np.exp(-apart / (2 * blurred)))
