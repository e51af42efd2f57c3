"""What sets a query that covers the tissue apart from the reference, wherever its cells lie."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from napari_dpvae.expression.aligned import AlignedQuery
from napari_dpvae.model.member import encode, latents_of
from napari_dpvae.model.trained import Trained
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.uncertainty.status import native_cells

EXTENT = 0.55, 0.7
"""Variance of a query's places along one axis, as a share of that of held-out spots: a fifth of a
tissue, one layer, one type and most halves have less than the one, whole sections about the other
or more."""
ASIDE = 0.25, 0.4
"""Share of a shift that is not along the axes on which the reference varies, of parts and of
sections."""
CHANCE = 1.5
"""Means of n random cells are off by a mean square of 1 / n: so many times that tell of nothing."""
FLAT = 1e-9
"""Variance along an axis, as a share of the largest, below which a tissue has no extent there."""
FEWEST_CELLS = 100
"""Fewer neither have means of their own, nor show how far apart they lie."""


class Shift(NamedTuple):
    """By how much the means of a query's genes differ from the reference's."""

    cells: np.ndarray
    """(m, n_genes) some of the query's, standardised by the reference."""
    means: np.ndarray
    """(n_genes,) of them, less the reference's; 0 for genes that the query lacks."""
    beyond_chance: float
    """Share of its square that is not by chance: 0 for random cells of the reference, up to 1."""


def shift_of(trained: Trained, aligned: AlignedQuery) -> Shift:
    """Of a query that is standardised by the reference."""
    x = _belonging(trained, aligned)
    if not len(x):
        return Shift(x, np.zeros(x.shape[1]), 0.0)
    shift = np.where(aligned.present, x.mean(axis=0) - trained.expression.mean(axis=0), 0.0)
    by_chance = CHANCE * (1 / len(x) + 1 / len(trained.expression))
    square = float((shift[aligned.present] ** 2).mean())
    return Shift(x, shift, max(0.0, 1 - by_chance / max(square, np.finfo(float).tiny)))


def without_section_effect(
    trained: Trained, aligned: AlignedQuery, shift: Shift
) -> tuple[AlignedQuery, float]:
    """A query centred by its own means, as far as it looks as if it covered the tissue.

    Sections differ in the means of their genes, also along the axes of the tissue. A part of one
    differs so, too, and must not be spread over all of it; but then its cells lie together, even
    if all of the difference is taken away, or the difference is along these axes alone.

    Parameters
    ----------
    trained
        The model.
    aligned
        Standardised by the reference.
    shift
        From :func:`shift_of`.

    Returns
    -------
    aligned, share
        With other means; and how much of the difference was taken, 0 to 1.
    """
    if len(shift.cells) < FEWEST_CELLS or not shift.beyond_chance:
        return aligned, 0.0
    share = shift.beyond_chance * min(
        _between(_aside(trained, shift.means), *ASIDE),
        _between(_extent(trained, shift.cells - shift.means), *EXTENT),
    )
    if not share:
        return aligned, 0.0
    moved = share * shift.means * aligned.deviation
    return replace(
        aligned, mean=aligned.mean + moved, expected_mean=aligned.expected_mean + moved
    ), share


def _belonging(trained: Trained, aligned: AlignedQuery) -> np.ndarray:
    """(m, n_genes) some of its cells, without those that are clearly of another tissue."""
    x, first = aligned.some().x, trained.members[0]
    (latents,) = encode([first.network], trained.panel, x)
    likeness = aligned.likeness(x, first.decode(latents))
    return x[native_cells(likeness, trained.usual_for(aligned.present)[0])]


def _between(value: float, low: float, high: float) -> float:
    """How far on the way from low to high it is, 0 to 1."""
    return float(np.clip((value - low) / (high - low), 0, 1))


def _aside(trained: Trained, shift: np.ndarray) -> float:
    """Share of the square of a shift (n_genes,) that is not along the core's principal axes."""
    axes = trained.panel.axes
    core = shift[: axes.shape[1]]
    along = axes @ core
    return 1 - float(along @ along) / max(float(core @ core), np.finfo(float).tiny)


def _extent(trained: Trained, x: np.ndarray) -> float:
    """Variance of the places of cells over that of held-out spots, along the axis of the least.

    Both as single networks place them; 0 where no spots were held out.
    """
    placed, n_anchors = [each.points for each in trained.held_out], PlacementSettings().anchors
    if sum(map(len, placed)) <= trained.coordinates.shape[1]:
        return 0.0
    held_out = np.concatenate(placed)
    stabilised, members = trained.panel.stabilised(x), trained.members
    latents = latents_of([member.network for member in members], x, stabilised)
    each = [
        member.place(z, trained.coordinates, n_anchors, stabilised)[0]
        for member, z in zip(members, latents, strict=True)
    ]
    return _least_ratio(np.mean([np.cov(places.T) for places in each], axis=0), np.cov(held_out.T))


def _least_ratio(covariance: np.ndarray, usual: np.ndarray) -> float:
    """Least ratio of variances of (d, d) covariances, along axes on which there usually is any."""
    variances, axes = np.linalg.eigh(usual)
    seen = variances > FLAT * variances[-1]
    if not seen.any():
        return 0.0
    whitened = axes[:, seen] / np.sqrt(variances[seen])
    return float(np.linalg.eigvalsh(whitened.T @ covariance @ whitened)[0])
