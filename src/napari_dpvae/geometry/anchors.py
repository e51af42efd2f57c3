"""Distance geometry of each cell on its own: its coordinates from distances to anchors.

The solver of the dp-VAE paper is not public; this formulation is our own.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist
from sklearn.neighbors import NearestNeighbors


def neighbour_finder(reference: np.ndarray) -> NearestNeighbors:
    """What finds the nearest of reference latents (r, latent_dim): made once, asked often."""
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
    anchors: np.ndarray, distances: np.ndarray, iterations: int = 100, tolerance: float = 1e-4
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
    mean_distance = distances.mean(axis=1, keepdims=True)
    # Every bound is the cell's own, so that its place does not depend on the other cells.
    extent = np.ptp(anchors, axis=1).max(axis=1, keepdims=True)
    floor = np.maximum(1e-6 * extent, 1e-100)
    weights = 1.0 / (distances + mean_distance + floor)
    points = _weighted_mean(anchors, weights)
    moving = np.arange(len(points))
    for _ in range(iterations):
        offsets = points[moving, None, :] - anchors
        lengths = np.linalg.norm(offsets, axis=2)
        # Below a hundredth of the cell's mean distance a residual counts as none (Huber-like):
        # otherwise one fitted anchor would take all the weight.
        residuals = np.abs(lengths - distances)
        quadratic = weights / np.maximum(residuals, 0.01 * mean_distance + floor)
        pulled = anchors + offsets * (distances / np.maximum(lengths, floor))[:, :, None]
        moved = _weighted_mean(pulled, quadratic)
        still = np.abs(moved - points[moving]).max(axis=1) > tolerance * extent[:, 0]
        points[moving] = moved
        if not still.any():
            break
        moving, anchors, distances, weights, mean_distance, extent, floor = (
            part[still]
            for part in (moving, anchors, distances, weights, mean_distance, extent, floor)
        )
    return points


def _weighted_mean(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean over axis 1 of points (n, m, d) with weights (n, m)."""
    mean: np.ndarray = np.einsum("nmd,nm->nd", points, weights)
    return mean / weights.sum(axis=1, keepdims=True)


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
