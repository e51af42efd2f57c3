"""The objective of Zhou & Du (arXiv 2408.00911): ``alpha1 (rec + beta KL) + alpha2 L_DP``.

Each term takes one network's tensors, or those of several networks stacked along leading dimensions
``...``, and gives a scalar: the mean over the networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

FEW_AXES = 3
"""Up to which distances are had sooner axis by axis."""
PAIRS = 65_536
"""That are passed over at once: they stay in the processor's cache."""


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
    off: Tensor = _DistancePreserving.apply(z, s, scale, pairs)
    return off


class _DistancePreserving(torch.autograd.Function):
    """:func:`distance_preserving`, and its gradient with it.

    Made of torch's functions, which each pass over all pairs, it would take twice as long. Of
    large batches one network is taken at a time: the pairs of all would not stay in the cache.
    """

    @staticmethod
    def forward(ctx: Any, z: Tensor, s: Tensor, scale: Tensor, pairs: Tensor | None) -> Tensor:
        n, number = z.shape[-2], scale.numel()
        at_once = max(PAIRS // max(n * n, 1), 1)
        blocks: Sequence[Tensor | None] = [None] * number
        if pairs is None:
            total = torch.full_like(scale, n * max(n - 1, 1))
        else:
            itself = pairs.diagonal(dim1=-2, dim2=-1).sum(dim=-1)
            total = (pairs.sum(dim=(-2, -1)) - itself).to(scale)
            blocks = pairs.reshape(-1, n, n).split(at_once)
        # Of a batch without pairs the sum is 0.
        share = 1 / (torch.where(total > 0, total, 1.0) * max(number, 1))
        latents, places = (
            points.reshape(-1, *points.shape[-2:]).split(at_once) for points in (z, s)
        )
        spare = z.new_empty(4, min(at_once, number), n, n)
        found = [
            _off(latents[i], places[i], own, blocks[i], spare[:, : len(own)])
            for i, own in enumerate(scale.reshape(-1).split(at_once))
        ]
        off, space, pull = (torch.cat(of_each) for of_each in zip(*found, strict=True))
        by_z = pull.view(z.shape) * (2 * share[..., None, None])
        ctx.save_for_backward(by_z, space.view(scale.shape) * -share)
        return (off.view(scale.shape) * share).sum()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, Tensor, None]:
        by_z, by_scale = ctx.saved_tensors
        return gradient * by_z, None, gradient * by_scale, None


def _off(
    z: Tensor, s: Tensor, scale: Tensor, pairs: Tensor | None, spare: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """How far off the distances of each of m networks are in sum, (m,).

    With it, by how much that falls with the scale, and half of that by which it grows with each of
    z. What is in spare (4, m, n, n) is overwritten.
    """
    latent, space, off, sign = spare
    _distances(z, latent, off)
    _distances(s, space, off)
    torch.sign(torch.addcmul(latent, space, -scale[:, None, None], out=off), out=sign)
    if pairs is not None:
        sign *= pairs
    sums = off.mul_(sign).sum(dim=(-2, -1)), space.mul_(sign).sum(dim=(-2, -1))
    # Along the line between the two of a pair; points in one place have none.
    pull = sign.div_(latent).nan_to_num_(0.0, 0.0, 0.0)
    # The same as pull @ z, which is symmetric: a product with few columns takes five times as long.
    pulled = (z.mT @ pull).mT
    return *sums, pull.sum(dim=-1, keepdim=True) * z - pulled


def _distances(points: Tensor, found: Tensor, spare: Tensor) -> None:
    """Put distances between points (m, n, d) into found; that and spare are (m, n, n).

    By differences: products of matrices would lose the distances of near points.
    """
    if points.shape[-1] > FEW_AXES:
        found.copy_(torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist"))
        return
    found.zero_()
    # Values of an axis lie together: one by one they are taken four times as slowly.
    for axis in points.movedim(-1, 0).contiguous():
        torch.sub(axis[:, :, None], axis[:, None, :], out=spare)
        found.addcmul_(spare, spare)
    found.sqrt_()
