"""The latent space as a plane to look at."""

from __future__ import annotations

import anndata as ad
import numpy as np

from napari_dpvae.data.keys import LATENT
from napari_dpvae.errors import DataError

MOST_SHOWN = 20_000
"""Of more cells so many are taken, always the same: a plane holds no more dots."""


def latent_plane(placed: ad.AnnData) -> tuple[np.ndarray, np.ndarray]:
    """The first two principal components of the latent means.

    Parameters
    ----------
    placed
        With ``obsm["X_dpvae"]``.

    Returns
    -------
    tuple
        (k,) numbers of the cells, all or 20,000 of them, and their places in the plane (k, 2).

    Raises
    ------
    DataError
        When the cells have no latent means, or there are fewer than two.
    """
    from sklearn.decomposition import PCA

    if LATENT not in placed.obsm or placed.n_obs < 2:
        raise DataError(f"There are no latent means in obsm['{LATENT}'] of two cells or more.")
    cells = np.arange(placed.n_obs)
    if placed.n_obs > MOST_SHOWN:
        cells = np.sort(np.random.default_rng(0).choice(cells, MOST_SHOWN, replace=False))
    latents = np.asarray(placed.obsm[LATENT], np.float64)[cells]
    return cells, PCA(2, svd_solver="full").fit_transform(latents)
