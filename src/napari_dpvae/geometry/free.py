"""Distance geometry of cells among themselves: coordinates from all latent distances at once.

The solver of the dp-VAE paper is not public; this formulation is our own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial.distance import pdist, squareform

from napari_dpvae.geometry.alignment import fit_similarity


def place_free(
    query: np.ndarray,
    reference: np.ndarray,
    coordinates: np.ndarray,
    scale: float,
    seed: int = 0,
) -> np.ndarray:
    """Solve all cells together from the distances between them (stress majorisation).

    The solution is unique up to a rigid motion: ``lambda`` gives its size. The reference's own
    latents, on the principal axes that are the solver's start, bring it into the reference's frame.

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
    from sklearn.manifold import smacof

    dims = coordinates.shape[1]
    start, frame = (latents / scale for latents in _principal_axes(reference, query, dims))
    to_tissue = replace(fit_similarity(frame, coordinates), scale=1.0)
    distances = squareform(pdist(query))
    if not distances.any():
        # One cell, or all alike: there is nothing to solve.
        return to_tissue.apply(start)
    solved, _ = smacof(
        distances / scale,
        n_components=dims,
        init=start,
        n_init=1,
        random_state=seed,
        normalized_stress=False,
    )
    # The solver keeps the orientation of its start but for a rigid motion: undo that, then go from
    # the principal axes to the tissue by what the reference's own latents say.
    to_axes = replace(fit_similarity(solved, start), scale=1.0)
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
