"""How far a latent space distorts the tissue: what a distance-preserving VAE is trained for."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_dpvae.evaluation.metrics import pair_distances

INSIDE = (0.05, 0.95)
"""Quantiles that the bi-Lipschitz constants are: of all pairs, one alone would decide."""


def bi_lipschitz_constants(coordinates: np.ndarray, latents: np.ndarray) -> tuple[float, float]:
    """Between which factors latent distances are those of the tissue, for nine of ten pairs.

    The ``L1`` and ``L2`` of ``L1 d <= s |z_i - z_j| <= L2 d`` (arXiv 2408.00911), where the scale
    ``s`` makes the median of the ratio 1: both are 1 for a map that keeps all distances. Of more
    than 3,000 cells over pairs drawn by lot.

    Parameters
    ----------
    coordinates, latents
        (n, d) and (n, latent_dim) of the same cells.

    Returns
    -------
    tuple
        ``L1`` and ``L2``; NaN where no two places or no two latents differ.
    """
    true, latent = pair_distances(coordinates, latents)
    ratio = latent[true > 0] / true[true > 0]
    middle = np.median(ratio) if len(ratio) else 0.0
    if not middle > 0:
        return np.nan, np.nan
    lower, upper = np.quantile(ratio / middle, INSIDE)
    return float(lower), float(upper)


def distortion(coordinates: np.ndarray, latents: np.ndarray) -> float:
    """``L2 / L1`` of :func:`bi_lipschitz_constants`: 1 keeps all distances, up to a scale."""
    lower, upper = bi_lipschitz_constants(coordinates, latents)
    return upper / lower if lower > 0 else np.inf if upper > 0 else np.nan


class Distortions(NamedTuple):
    """Of a model, each from :func:`distortion`."""

    distortion: float
    """Of cells that were held out."""
    distortion_in_sample: float
    """Of the spots that were trained on."""
    distortion_by_chance: float
    """Of cells that were held out, each with the latent of another."""

    @classmethod
    def of(
        cls,
        held_out: tuple[np.ndarray, np.ndarray],
        in_sample: tuple[np.ndarray, np.ndarray],
    ) -> Distortions:
        """From coordinates (n, d) and latents (n, latent_dim) of the cells of each."""
        coordinates, latents = held_out
        others = np.random.default_rng(0).permutation(len(latents))
        return cls(
            distortion(coordinates, latents),
            distortion(*in_sample),
            distortion(coordinates, latents[others]),
        )


UNKNOWN = Distortions(np.nan, np.nan, np.nan)
"""Of places without latents."""
