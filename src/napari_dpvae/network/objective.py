"""The objective of Zhou & Du (arXiv 2408.00911): ``alpha1 (rec + beta KL) + alpha2 L_DP``."""

from __future__ import annotations

import torch
from torch import Tensor


def reconstruction(x: Tensor, decoded: Tensor, seen: Tensor | None = None) -> Tensor:
    """Gaussian reconstruction error, as the mean over spots and genes (a scalar).

    Parameters
    ----------
    x, decoded
        (n, n_genes).
    seen
        (n, n_genes) 1 where a gene was measured, else 0; measured everywhere if not given.
    """
    error = (x - decoded).square()
    return error.mean() if seen is None else (error * seen).sum() / seen.sum()


def kl_divergence(mean: Tensor, log_variance: Tensor, n_genes: int) -> Tensor:
    """KL of ``q(z|x)`` from the unit Gaussian, mean over spots, divided by the number of genes.

    The division keeps it on the scale of :func:`reconstruction`, which is a mean over genes.
    """
    per_spot = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=1)
    return per_spot.mean() / n_genes


def distance_preserving(z: Tensor, s: Tensor, scale: Tensor, pairs: Tensor) -> Tensor:
    """``L_DP = sum_ij G_ij | ||z_i - z_j|| - lambda ||s_i - s_j|| | / sum_ij G_ij``.

    Parameters
    ----------
    z
        Latents, (n, latent_dim).
    s
        Coordinates, (n, 2) or (n, 3), scaled by one number for all axes.
    scale
        ``lambda``, a scalar.
    pairs
        ``G``, (n, n) symmetric weights, not negative.

    Returns
    -------
    Tensor
        A scalar; 0 where no pair has a weight.
    """
    weight = torch.triu(pairs.to(z.dtype), diagonal=1)
    latent, space = _distances(z), _distances(s)
    total = weight.sum()
    # Of a batch without pairs the sum is 0; dividing it by next to nothing would make its gradient
    # 0 times infinity.
    return (weight * (latent - scale * space).abs()).sum() / torch.where(total > 0, total, 1.0)


def _distances(points: Tensor) -> Tensor:
    """Of every pair, (n, n), by differences: matrix products would lose those of near points."""
    return torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
