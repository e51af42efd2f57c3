"""Which cells are placed, whose place is uncertain, and which are of no tissue in the reference."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

PLACED, UNCERTAIN, OUTSIDE = STATUSES = ("placed", "uncertain", "outside")

UNUSUAL = 0.01
"""Share of held-out spots that are less like their place than any cell of this tissue."""
WIDEST = 0.25
"""Radius of a region, as a share of the reference's diagonal, beyond which it tells nothing."""
APART = 4.0
"""Standard deviations within, between the means of two kinds of cells; halves of one are 2.7."""


def region_status(radius: np.ndarray, usual: np.ndarray, extent: float) -> np.ndarray:
    """Status of each cell.

    Parameters
    ----------
    radius
        (n,) of the regions, in coordinate units; NaN where there was no calibration.
    usual
        (n,) bool: whether the cell's expression is usual for the reference's tissue.
    extent
        Diagonal of the reference.

    Returns
    -------
    numpy.ndarray
        (n,) of ``placed``, ``uncertain`` and ``outside``.
    """
    sure = np.where(radius <= WIDEST * extent, PLACED, UNCERTAIN)
    return np.where(usual, sure, OUTSIDE)


def is_usual(likeness: np.ndarray, usual: tuple[float, float], *, gap: bool) -> np.ndarray:
    """Which cells are about as much like their place as held-out spots of the reference are.

    Parameters
    ----------
    likeness
        (n,) correlation of each cell's expression with what is expected at its place.
    usual
        Least that 99 % of held-out spots reach, and their median; NaN without calibration.
    gap
        Whether the cells are of another platform: then all are less alike and differ more, and
        each is compared with the others, of which the most are taken to belong.

    Returns
    -------
    numpy.ndarray
        (n,) bool.
    """
    least, median = usual
    if gap:
        typical, upper = np.quantile(likeness, [0.5, 0.75])
        # Strangers are below: the upper half alone tells how much those who belong differ.
        deviation = (upper - typical) / ndtri(0.75)
        least = typical - max(median - least, ndtri(0.99) * deviation)
    return ~(likeness < least)


def native_cells(likeness: np.ndarray, least: float) -> np.ndarray:
    """The cells that belong, where others are clearly of another kind.

    Parameters
    ----------
    likeness
        (n,) correlation of each cell's expression with what is expected of it.
    least
        Likeness that 99 % of held-out spots reach.

    Returns
    -------
    numpy.ndarray
        (n,) bool; all true where there are no two kinds, or neither is as alike as spots are.
    """
    everyone = np.ones(len(likeness), bool)
    if np.ptp(likeness) == 0:
        return everyone
    # Sorted, so that the order of the cells does not matter.
    from sklearn.cluster import KMeans

    groups = KMeans(2, n_init=1, random_state=0).fit(np.sort(likeness)[:, None])
    low, high = np.sort(groups.cluster_centers_.ravel())
    within = np.sqrt(groups.inertia_ / len(likeness))
    if not (high >= least and high - low > APART * within):
        return everyone
    return likeness > (low + high) / 2
