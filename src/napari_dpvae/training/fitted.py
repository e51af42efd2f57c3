"""One network of the ensemble, and how it places the spots that were held out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from napari_dpvae.expression.panel import GenePanel
from napari_dpvae.geometry.domain import make_domain
from napari_dpvae.model.member import Member
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.uncertainty.conformal import (
    conformity_scores,
    distance_apart,
    expected_error,
)

AT_ONCE = 2048
"""Spots that are assessed at once: bounds memory."""


class FittedNetwork(NamedTuple):
    """A network trained with one part of the spots held out, and how it placed them."""

    member: Member
    residuals: np.ndarray
    """(h, 2 or 3) placement minus truth of the held-out spots, in coordinate units."""
    spreads: np.ndarray
    """(h,) their anchor spreads."""
    likeness: np.ndarray
    """(h,) their likeness to what is expected there."""
    explained: float
    """Share of their expression that the network explains."""

    @property
    def errors(self) -> np.ndarray:
        """(h,) distances from the truth, in coordinate units."""
        return np.asarray(np.linalg.norm(self.residuals, axis=1))

    def scores(self, usual_spread: float) -> np.ndarray:
        """(h,) conformity scores."""
        return conformity_scores(self.errors, expected_error(self.spreads, usual_spread))


def scores_of_mean(
    fitted: Sequence[FittedNetwork], weights: np.ndarray, usual_spread: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Conformity scores of what several networks make together of the same held-out spots.

    Parameters
    ----------
    fitted
        Of the networks, two at least.
    weights
        Of each in the mean.
    usual_spread
        Median spread of cells like the reference's.

    Returns
    -------
    mean, apart
        (h,) of the weighted mean, and of the standard deviation between the networks.
    usual_apart
        Median distance between the networks, in coordinate units.
    """
    residuals = np.stack([network.residuals for network in fitted])
    together = distance_apart(residuals, weights)
    usual_apart = float(np.median(together))
    spreads = np.average([network.spreads for network in fitted], axis=0, weights=weights)
    mean = np.linalg.norm(np.average(residuals, axis=0, weights=weights), axis=1)
    apart = np.sqrt(residuals.var(axis=0, ddof=1).sum(axis=1))
    expected = expected_error(spreads, usual_spread, together, usual_apart)
    return conformity_scores(mean, expected), conformity_scores(apart, expected), usual_apart


def assess(
    member: Member, panel: GenePanel, x: np.ndarray, coordinates: np.ndarray
) -> FittedNetwork:
    """Place the spots held out by those that the network was trained on.

    Parameters
    ----------
    member
        The network with all spots of the frame as anchors.
    panel
        That the expression was standardised by.
    x, coordinates
        Of these spots: (r, n_genes) standardised expression, and (r, 2 or 3).
    """
    held_out, own = np.flatnonzero(~member.trained_on), coordinates[member.trained_on]
    true, latents = coordinates[held_out], member.latents[held_out]
    placing, parts = member.of_own_anchors(), _parts(len(held_out))
    usual = PlacementSettings()
    placed = [placing.place(latents[part], own, usual.anchors) for part in parts]
    points, spreads = (np.concatenate(found) for found in zip(*placed, strict=True))
    member = member.beside(np.linalg.norm(points - true, axis=1), spreads)
    for part in parts:
        stabilised = panel.stabilised(x[held_out[part]])
        points[part] = member.regressed(points[part], spreads[part], stabilised)
    points = make_domain(usual.domain, own).keep_inside(points)
    likeness, explained = _compared(placing, panel, x, held_out, latents)
    return FittedNetwork(member, points - true, spreads, likeness, explained)


def _parts(n: int) -> list[slice]:
    """Of n spots: :data:`AT_ONCE` at a time."""
    return [slice(start, start + AT_ONCE) for start in range(0, n, AT_ONCE)]


def _compared(
    member: Member, panel: GenePanel, x: np.ndarray, rows: np.ndarray, latents: np.ndarray
) -> tuple[np.ndarray, float]:
    """Likeness (h,) of spots, rows (h,) of x, to what is decoded of them; the share explained."""
    core, parts = slice(panel.n_core), _parts(len(rows))
    sums = [x[rows[part], core].sum(axis=0) for part in parts]
    mean = np.sum(sums, axis=0) / np.float32(len(rows))
    likeness, residual, total = [], np.float32(0), np.float32(0)
    for part in parts:
        measured, decoded = x[rows[part], core], member.decode(latents[part])
        likeness.append(panel.likeness(measured, decoded))
        residual += ((measured - decoded) ** 2).sum()
        total += ((measured - mean) ** 2).sum()
    explained = np.clip(1 - residual / np.maximum(total, 1e-12), 0, 1)
    return np.concatenate(likeness), float(explained)
