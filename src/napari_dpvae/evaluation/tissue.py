"""Whether placed cells make up the same tissue: where cells lie, and which types are together."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.distance import jensenshannon

TOUCHING = 6
"""The distance to this nearest cell is that of contacts, if none is given."""


def nearest(points: np.ndarray, k: int) -> np.ndarray:
    """(n, k) the nearest others of each of (n, d) points."""
    from sklearn.neighbors import NearestNeighbors

    found: np.ndarray = (
        NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)
    )
    return found


def sliced_wasserstein(true: np.ndarray, placed: np.ndarray, directions: int = 128) -> float:
    """Sliced Wasserstein distance of two clouds of cells, in coordinate units; 0 is the same cloud.

    The mean over directions of the Wasserstein-1 distance of the cells' projections on each
    (Bonneel et al. 2015, J. Math. Imaging Vis. 51:22). It does not ask which cell lies where, but
    whether cells lie where cells are: places that bunch are far from a tissue.

    Parameters
    ----------
    true, placed
        (n, d) and (m, d) coordinates in one frame; n and m may differ.
    directions
        How many are drawn by lot; always the same.
    """
    from scipy.stats import wasserstein_distance

    drawn = np.random.default_rng(0).normal(size=(directions, true.shape[1]))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return float(np.mean([wasserstein_distance(true @ each, placed @ each) for each in drawn]))


def contact_f1(
    true: np.ndarray, placed: np.ndarray, types: np.ndarray, within: float | None = None
) -> float:
    """F1 score of the contacts between cells, as the mean over types that touch; 1 is best.

    Cells within a distance of each other are in contact. Of each two types,
    ``F1 = 2 |true ∩ placed| / (|true| + |placed|)`` over the contacts of one with the other (the
    Sørensen-Dice coefficient): contacts that are lost count as much as those that bunching makes
    up. A type counts with itself, too.

    Parameters
    ----------
    true, placed
        (n, d) coordinates of the same cells, in the same unit; frames may differ.
    types
        (n,) of the cells.
    within
        The distance; the median distance from a cell to the sixth nearest in truth if not given.
    """
    if within is None:
        tree = cKDTree(true)
        within = float(np.median(tree.query(true, k=min(TOUCHING + 1, len(true)))[0][:, -1]))
    names, codes = np.unique(types, return_inverse=True)
    first, second = cKDTree(true).query_pairs(within, output_type="ndarray").T
    kept = ((placed[first] - placed[second]) ** 2).sum(axis=1) <= within**2
    pair = np.sort([codes[first], codes[second]], axis=0)
    shape = (len(names), len(names))
    touch, both = np.zeros(shape), np.zeros(shape)
    np.add.at(touch, tuple(pair), 1)
    np.add.at(both, tuple(pair[:, kept]), 1)
    # Counted and not listed: bunching makes up very many.
    trees = [cKDTree(placed[codes == code]) for code in range(len(names))]
    scores = []
    for a, b in zip(*np.triu_indices(len(names)), strict=True):
        near = trees[a].count_neighbors(trees[b], within)
        made = near if a != b else (near - trees[a].n) / 2
        if touch[a, b] + made > 0:
            scores.append(2 * both[a, b] / (touch[a, b] + made))
    return float(np.mean(scores)) if scores else np.nan


def neighbour_type_divergence(
    true: np.ndarray, placed: np.ndarray, types: np.ndarray, k: int = 10
) -> float:
    """Jensen-Shannon divergence of the types around each cell, in truth and as placed.

    The mean over cells, in bits: 0 where each has the same mixture of types among its k nearest
    others, 1 where no type is shared (Lin 1991, IEEE Trans. Inf. Theory 37:145).

    Parameters
    ----------
    true, placed
        (n, d) coordinates of the same cells; frames and units may differ.
    types
        (n,) of the cells.
    k
        Cut to ``n - 1``.
    """
    k = min(k, len(true) - 1)
    names, codes = np.unique(types, return_inverse=True)
    kinds = np.eye(len(names))[codes]
    around, found = (kinds[nearest(points, k)].mean(axis=1) for points in (true, placed))
    return float((jensenshannon(around, found, base=2, axis=1) ** 2).mean())
