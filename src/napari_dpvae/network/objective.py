"""The objective of Zhou & Du (arXiv 2408.00911): ``alpha1 (rec + beta KL) + alpha2 L_DP``.

Each term takes one network's tensors, or those of several networks stacked along leading dimensions
``...``, and gives a scalar: the mean over the networks.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss


def reconstruction(x: Tensor, decoded: Tensor, measured: Tensor | None = None) -> Tensor:
    """Gaussian reconstruction error, as the mean over spots and genes.

    Parameters
    ----------
    x, decoded
        (..., n, n_genes).
    measured
        Like x: 1 where a gene was measured, else 0; measured everywhere if not given.
    """
    if measured is None:
        return mse_loss(decoded, x)
    error = (x - decoded).square() * measured
    return (error.sum(dim=(-2, -1)) / measured.sum(dim=(-2, -1))).mean()


def kl_divergence(mean: Tensor, log_variance: Tensor, n_genes: int) -> Tensor:
    """KL of ``q(z|x)`` from the unit Gaussian, mean over spots, divided by the number of genes.

    The division keeps it on the scale of :func:`reconstruction`, which is a mean over genes.
    Both are (..., n, latent_dim).
    """
    per_spot = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=-1)
    return per_spot.mean() / n_genes


def distance_preserving(z: Tensor, s: Tensor, scale: Tensor, pairs: Tensor | None) -> Tensor:
    """``L_DP = sum_ij G_ij | ||z_i - z_j|| - lambda ||s_i - s_j|| | / sum_ij G_ij``.

    Parameters
    ----------
    z
        Latents, (..., n, latent_dim).
    s
        Coordinates, (..., n, 2 or 3), scaled by one number for all axes.
    scale
        ``lambda``, (...).
    pairs
        ``G``, (..., n, n) symmetric weights, not negative; that of a spot with itself is of no
        account. None where all pairs count alike.

    Returns
    -------
    Tensor
        0 where no pair has a weight.
    """
    # By differences: products of matrices would lose the distances of near points.
    latent = torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist")
    squares = [(axis[..., :, None] - axis[..., None, :]).square() for axis in s.unbind(-1)]
    space = scale[..., None, None] * sum(squares[1:], squares[0]).sqrt()
    if pairs is None:
        # The diagonal holds no distance: the mean is over all but it.
        n = z.shape[-2]
        return l1_loss(latent, space) * (n / max(n - 1, 1))
    weight = torch.triu(pairs.to(z.dtype), diagonal=1)
    total = weight.sum(dim=(-2, -1))
    off = (weight * (latent - space).abs()).sum(dim=(-2, -1))
    # Of a batch without pairs the sum is 0; dividing it by next to nothing would make its gradient
    # 0 times infinity.
    return (off / torch.where(total > 0, total, 1.0)).mean()
