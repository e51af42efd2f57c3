"""Distance geometry of each cell on its own: its coordinates from distances to anchors.

The solver of the dp-VAE paper is not public; this formulation is our own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import pdist

if TYPE_CHECKING:
    from sklearn.neighbors import NearestNeighbors


def neighbour_finder(reference: np.ndarray) -> NearestNeighbors:
    """What finds the nearest of reference latents (r, latent_dim): made once, asked often."""
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors().fit(reference)


def nearest(finder: NearestNeighbors, query: np.ndarray, m: int) -> tuple[np.ndarray, np.ndarray]:
    """The m reference latents nearest to each query latent.

    Parameters
    ----------
    finder
        From :func:`neighbour_finder`.
    query
        (n, latent_dim).
    m
        Anchors per cell; at most r are taken.

    Returns
    -------
    distances, indices
        (n, min(m, r)) each, nearest first.
    """
    distances, indices = finder.kneighbors(query, n_neighbors=min(m, finder.n_samples_fit_))
    return distances, indices


def nearest_anchors(
    query: np.ndarray, reference: np.ndarray, m: int
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`nearest` among reference latents (r, latent_dim) that are asked once."""
    return nearest(neighbour_finder(reference), query, m)


def place_anchored(
    anchors: np.ndarray, distances: np.ndarray, iterations: int = 100, tolerance: float = 1e-3
) -> np.ndarray:
    """Solve each cell on its own from its distances to fixed anchors.

    Minimises ``sum_r w_r | ||s - s_r|| - d_r |`` by iteratively reweighted majorisation: the
    absolute value is bounded by a quadratic with weight ``w_r / |residual|`` (IRLS), and that by
    the convex one of SMACOF (de Leeuw 1977), whose minimum is a weighted mean.

    Parameters
    ----------
    anchors
        (n, m, d) coordinates of each cell's anchors.
    distances
        (n, m) target distances ``d_r``, in the coordinates' unit.
    iterations
        At most so many steps.
    tolerance
        A cell rests when it moves no farther than this share of its anchors' extent.

    Returns
    -------
    numpy.ndarray
        (n, d) coordinates.

    Notes
    -----
    ``w_r = 1 / (d_r + the mean d_r of the cell)``: near anchors say more than far ones.
    """
    # Cells are the last axis of everything: sums over a few anchors are then quick.
    axes = np.ascontiguousarray(anchors.transpose(2, 1, 0), dtype=float)
    distances = np.ascontiguousarray(distances.T, dtype=float)
    mean_distance = distances.mean(axis=0)
    # Every bound is the cell's own, so that its place does not depend on the other cells.
    extent = np.ptp(axes, axis=1).max(axis=0)
    floor = np.maximum(1e-6 * extent, 1e-100)
    weights = 1.0 / (distances + mean_distance + floor)
    points = (axes * weights).sum(axis=1) / weights.sum(axis=0)
    moving = np.arange(points.shape[1])
    parts: tuple[np.ndarray, ...] = (axes, distances, weights, mean_distance, extent, floor)
    for _ in range(iterations):
        before = points[:, moving]
        moved = _majorised(before, *parts)
        points[:, moving] = moved
        still = np.abs(moved - before).max(axis=0) > tolerance * parts[4]
        if not still.any():
            break
        moving = moving[still]
        parts = tuple(part[..., still] for part in parts)
    return points.T.copy()


def _majorised(
    points: np.ndarray,
    axes: np.ndarray,
    distances: np.ndarray,
    weights: np.ndarray,
    mean_distance: np.ndarray,
    extent: np.ndarray,
    floor: np.ndarray,
) -> np.ndarray:
    """The minimum of the quadratic that bounds the objective at points (d, n)."""
    offsets = points[:, None] - axes
    lengths = np.sqrt((offsets**2).sum(axis=0))
    # Below a hundredth of the cell's mean distance a residual counts as none (Huber-like):
    # otherwise one fitted anchor would take all the weight.
    quadratic = weights / np.maximum(np.abs(lengths - distances), 0.01 * mean_distance + floor)
    offsets *= distances / np.maximum(lengths, floor)
    offsets += axes
    offsets *= quadratic
    moved: np.ndarray = offsets.sum(axis=1) / quadratic.sum(axis=0)
    return moved


def distance_ratio(latents: np.ndarray, coordinates: np.ndarray, most: int = 2000) -> float:
    """The ``lambda`` that fits latent to spatial distances best in the least-squares sense.

    Parameters
    ----------
    latents, coordinates
        (n, latent_dim) and (n, d) of the same spots.
    most
        More spots than this are thinned evenly: the ratio does not need every pair.
    """
    every = -(-len(latents) // most)
    latent, space = pdist(latents[::every]), pdist(coordinates[::every])
    return float((latent @ space) / (space @ space))
