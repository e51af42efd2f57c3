"""How sure the placement is of each cell: regions calibrated on held-out reference spots."""

from __future__ import annotations

import numpy as np

PROBABILITY = 0.9
"""Stated probability that a cell lies in its region."""
PLACED, UNCERTAIN, OUTSIDE = STATUSES = ("placed", "uncertain", "outside")


def anchor_spread(points: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Root mean square distance of each placed point to its anchors.

    Wide when the cell's latent neighbours lie apart in the tissue, so that its place is ambiguous.

    Parameters
    ----------
    points
        (n, d).
    anchors
        (n, m, d) coordinates of the anchors of each.

    Returns
    -------
    numpy.ndarray
        (n,) in coordinate units.
    """
    spread: np.ndarray = np.sqrt(((anchors - points[:, None]) ** 2).sum(axis=2).mean(axis=1))
    return spread


def conformal_factor(
    errors: np.ndarray, spreads: np.ndarray, probability: float = PROBABILITY
) -> float:
    """Radius per unit of spread that holds the stated share of held-out cells.

    Split conformal prediction with the score error / spread (Lei et al. 2018, JASA 113:1094).

    Parameters
    ----------
    errors, spreads
        (n,) of held-out cells, in coordinate units.
    probability
        Stated probability of the region.

    Returns
    -------
    float
        The ``ceil((n + 1) p) / n`` quantile of the scores; the largest for small n.
    """
    scores = np.sort(errors / np.maximum(spreads, np.finfo(float).tiny))
    rank = int(np.ceil((len(scores) + 1) * probability))
    return float(scores[min(rank, len(scores)) - 1])


def region_status(radius: np.ndarray, expressed: np.ndarray, extent: float) -> np.ndarray:
    """Status of each cell.

    Parameters
    ----------
    radius
        (n,) of the regions, in coordinate units; NaN where there was no calibration.
    expressed
        (n,) bool: whether the cell expresses any gene of the panel.
    extent
        Diagonal of the reference: a region wider than half of it tells nothing.

    Returns
    -------
    numpy.ndarray
        (n,) of ``placed``, ``uncertain`` and ``outside``.
    """
    sure = np.where(2 * radius <= 0.5 * extent, PLACED, UNCERTAIN)
    return np.where(expressed, sure, OUTSIDE)
