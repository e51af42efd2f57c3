"""Distance geometry: coordinates from latent distances.

The solver of the dp-VAE paper is not public; these formulations are our own.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import pdist, squareform
from sklearn.manifold import smacof
from sklearn.neighbors import NearestNeighbors

from napari_dpvae.placement.alignment import fit_similarity


def nearest_anchors(
    query: np.ndarray, reference: np.ndarray, m: int
) -> tuple[np.ndarray, np.ndarray]:
    """The m reference latents nearest to each query latent.

    Parameters
    ----------
    query
        (n, latent_dim).
    reference
        (r, latent_dim).
    m
        Anchors per cell; at most r are taken.

    Returns
    -------
    distances, indices
        (n, min(m, r)) each, nearest first.
    """
    finder = NearestNeighbors(n_neighbors=min(m, len(reference))).fit(reference)
    distances, indices = finder.kneighbors(query)
    return distances, indices


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


def place_free(
    query: np.ndarray,
    reference: np.ndarray,
    coordinates: np.ndarray,
    scale: float,
    seed: int = 0,
) -> np.ndarray:
    """Solve all cells together from the distances between them (stress majorisation).

    The solution is unique up to a similarity transform. The reference's own latents, which are
    solved along with the cells' principal axes as the start, bring it into the reference's frame.

    Parameters
    ----------
    query, reference
        Latents, (n, latent_dim) and (r, latent_dim).
    coordinates
        (r, d) of the reference.
    scale
        ``lambda``: latent distance per unit of coordinates.
    seed
        For the solver.

    Returns
    -------
    numpy.ndarray
        (n, d) coordinates. Memory and time grow with n squared.
    """
    dims = coordinates.shape[1]
    start, frame = _principal_axes(reference, query, dims)
    to_tissue = fit_similarity(frame, coordinates)
    distances = squareform(pdist(query))
    if not distances.any():
        # One cell, or all alike: there is nothing to solve.
        return to_tissue.apply(start)
    solved, _ = smacof(
        distances / scale,
        n_components=dims,
        init=start / scale,
        n_init=1,
        random_state=seed,
        normalized_stress=False,
    )
    # The solver keeps the orientation of its start up to a similarity: undo that, then go from
    # the principal axes to the tissue by what the reference's own latents say.
    to_axes = fit_similarity(solved, start)
    return to_tissue.apply(to_axes.apply(solved))


def _principal_axes(
    reference: np.ndarray, query: np.ndarray, dims: int
) -> tuple[np.ndarray, np.ndarray]:
    """Query and reference latents on the reference's first ``dims`` principal axes."""
    centre = reference.mean(axis=0)
    axes = np.linalg.svd(reference - centre, full_matrices=False)[2][:dims]
    query_axes, reference_axes = (query - centre) @ axes.T, (reference - centre) @ axes.T
    missing = dims - axes.shape[0]
    if missing > 0:
        # A latent of fewer dimensions than the space: the rest starts flat.
        query_axes = np.pad(query_axes, ((0, 0), (0, missing)))
        reference_axes = np.pad(reference_axes, ((0, 0), (0, missing)))
    return query_axes, reference_axes


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
