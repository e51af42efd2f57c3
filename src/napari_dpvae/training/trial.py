"""One network, assessed on the part of the spots that it did not see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.cluster import KMeans

from napari_dpvae.expression.panel import GenePanel, row_correlation
from napari_dpvae.geometry.domain import NearSpots
from napari_dpvae.model.member import Member
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.uncertainty.conformal import conformity_scores

BLOCKS = 5
"""Contiguous parts of the frame, one of which is held out at a time."""


class Spots(NamedTuple):
    """What the network sees: row i of each is spot i, or a query's cell.

    The reference's spots come first.
    """

    x: np.ndarray
    """(n, n_genes) float32, standardised."""
    coordinates: np.ndarray
    """(n, 2 or 3); NaN where the place is not known."""
    sections: np.ndarray
    """(n,) integer codes."""
    folds: np.ndarray
    """(n,) the fold in which each is held out; -1 never."""

    def take(self, chosen: np.ndarray) -> Spots:
        """Those of a boolean mask."""
        return Spots(*(part[chosen] for part in self))

    @property
    def located(self) -> np.ndarray:
        """(n,) bool: whose place is known."""
        return np.asarray(np.isfinite(self.coordinates).all(axis=1))


class Trial(NamedTuple):
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
        return conformity_scores(self.errors, self.spreads, usual_spread)


def scores_of_mean(
    trials: Sequence[Trial], weights: np.ndarray, usual_spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Conformity scores of what several networks make together of the same held-out spots.

    Parameters
    ----------
    trials
        Of the networks, two at least.
    weights
        Of each in the mean.
    usual_spread
        Median spread of cells like the reference's.

    Returns
    -------
    mean, apart
        (h,) of the weighted mean, and of the standard deviation between the networks.
    """
    residuals = np.stack([trial.residuals for trial in trials])
    spreads = np.average([trial.spreads for trial in trials], axis=0, weights=weights)
    mean = np.linalg.norm(np.average(residuals, axis=0, weights=weights), axis=1)
    apart = np.sqrt(residuals.var(axis=0, ddof=1).sum(axis=1))
    return (
        conformity_scores(mean, spreads, usual_spread),
        conformity_scores(apart, spreads, usual_spread),
    )


def assess(member: Member, placing: Member, panel: GenePanel, seen: Spots, unseen: Spots) -> Trial:
    """Place the unseen spots by those seen.

    Parameters
    ----------
    member
        The network with all spots of the frame as anchors.
    placing
        The same with those seen alone.
    panel
        That the expression was standardised by.
    seen, unseen
        Spots of the frame.
    """
    latents = placing.encode(unseen.x)
    points, spreads = placing.place(latents, seen.coordinates, PlacementSettings().anchors)
    points = NearSpots(seen.coordinates).keep_inside(points)
    decoded = placing.decode(latents)
    measured = unseen.x[:, : panel.n_core]
    residual = ((measured - decoded) ** 2).sum()
    total = ((measured - measured.mean(axis=0)) ** 2).sum()
    return Trial(
        member,
        points - unseen.coordinates,
        spreads,
        row_correlation(panel.in_units(measured), panel.in_units(decoded)),
        float(np.clip(1 - residual / max(total, 1e-12), 0, 1)),
    )


def make_folds(sections: np.ndarray, k: int, seed: int) -> np.ndarray:
    """(n,) the fold, 0 to k - 1, of each spot: random, and even within every section."""
    rng = np.random.default_rng(seed)
    folds = np.zeros(len(sections), int)
    for section in np.unique(sections):
        members = rng.permutation(np.flatnonzero(sections == section))
        folds[members] = np.arange(len(members)) % k
    return folds


def make_blocks(spots: Spots, frame: np.ndarray) -> np.ndarray:
    """(n,) which of five contiguous blocks each spot of the frame is in; -1 for other spots."""
    blocks = np.full(len(spots.x), -1)
    found = KMeans(BLOCKS, n_init=1, random_state=0).fit_predict(spots.coordinates[frame])
    blocks[frame] = found
    return blocks


def scaled(coordinates: np.ndarray, sections: np.ndarray) -> tuple[np.ndarray, float]:
    """Coordinates centred in each section and of unit variance; and the unit: one for all axes.

    float32; NaN stays, and counts for nothing.
    """
    centred = coordinates.copy()
    for section in np.unique(sections[np.isfinite(coordinates).all(axis=1)]):
        centred[sections == section] -= np.nanmean(coordinates[sections == section], axis=0)
    unit = float(np.sqrt(np.nanmean(centred**2)))
    return (centred / unit).astype(np.float32), unit
