"""How sure the placement is of each cell: regions calibrated on held-out reference spots."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

PREFERENCE = 4
"""Power of the inverse error that a network's weight is."""


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


def distance_apart(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """How far apart networks place each cell, (n,): the standard deviation about their mean.

    Parameters
    ----------
    points
        (networks, n, d) where each of them places the cells.
    weights
        (networks,) in the mean.
    """
    weights = weights / weights.sum()
    evenness = 1 - np.sum(weights**2)
    if evenness <= 0:
        return np.zeros(points.shape[1])
    squares = ((points - np.average(points, axis=0, weights=weights)) ** 2).sum(axis=2)
    # Divided as the unbiased variance of few networks is, so that three compare with eight.
    return np.asarray(np.sqrt(np.average(squares, axis=0, weights=weights) / evenness))


def expected_error(
    spread: np.ndarray,
    usual_spread: float,
    apart: np.ndarray | None = None,
    usual_apart: float = np.nan,
) -> np.ndarray:
    """How far off cells may be, up to one factor for all, (n,), in coordinate units.

    ``(spread + usual spread) (1 + apart / usual apart) / 2``. Without the usual spread a cell whose
    anchors happen to lie together would count far too much (Papadopoulos et al. 2011, JAIR 40:815).
    Networks disagree where the reference does not show what they are asked for.

    Parameters
    ----------
    spread
        (n,) anchor spread.
    usual_spread
        Median spread of cells like the reference's.
    apart
        (n,) from :func:`distance_apart`; left out if not given.
    usual_apart
        Its median for cells like the reference's; NaN leaves it out.
    """
    expected = spread + usual_spread
    if apart is None or not usual_apart > 0:
        return expected
    return np.asarray(expected * (1 + apart / usual_apart) / 2)


def conformity_scores(errors: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How far off held-out cells are, as a share of :func:`expected_error`, in the errors' shape.

    Parameters
    ----------
    errors, expected
        (n,) in coordinate units; or errors with their directions, (n, d), and expected (n, 1).
    """
    scores: np.ndarray = errors / np.maximum(expected, np.finfo(float).tiny)
    return scores


def conformal_factor(scores: np.ndarray, probability: float) -> float:
    """What the expected error is multiplied with to hold the stated share of held-out cells.

    Split conformal prediction (Lei et al. 2018, JASA 113:1094).

    Parameters
    ----------
    scores
        From :func:`conformity_scores`; empty where there was no calibration.
    probability
        Stated probability of the region.

    Returns
    -------
    float
        The ``ceil((n + 1) p) / n`` quantile of the scores; the largest for small n; NaN for none.
    """
    if len(scores) == 0:
        return np.nan
    # Exact: in floats (9 + 1) * 0.9 may come out as a little more than 9.
    rank = math.ceil((len(scores) + 1) * Fraction(probability).limit_denominator(10**6))
    return float(np.sort(scores)[min(rank, len(scores)) - 1])


def farther_off(factor: float, wide: float, shift: float) -> float:
    """How much farther off cells are than held-out spots, if their means differ from these.

    ``(wide / factor) ** (shift / 2)``: half of the way, on a scale of ratios, to where spots are
    of parts that the reference does not show. So far were those of other sections.

    Parameters
    ----------
    factor, wide
        From :func:`conformal_factor`, of held-out spots and of held-out blocks; NaN where there are
        none.
    shift
        Share of the difference that is beyond chance, 0 to 1.
    """
    farther = (wide / factor) ** (shift / 2) if factor > 0 else 1.0
    return float(farther) if np.isfinite(farther) else 1.0


def error_weights(errors: np.ndarray) -> np.ndarray:
    """Weights of the networks in the mean of their placements, (n,), that sum to 1.

    Those that read a tissue in a form that suits it less err more on held-out spots, and networks
    of one form err alike: the better form is worth more than an equal share.

    Parameters
    ----------
    errors
        (n,) mean errors on held-out spots of the networks that read as each does.
    """
    floored = np.maximum(errors, np.finfo(float).tiny)
    weights: np.ndarray = (floored.min() / floored) ** PREFERENCE
    return weights / weights.sum()


def ensemble_scale(single: float, mean: np.ndarray, apart: np.ndarray, more_even: float) -> float:
    """How the scores of an ensemble compare with those of its networks on held-out parts.

    The ensemble's are lower, as its networks err in different directions; and higher, as held-out
    spots had a say in the choice of genes, and cells to place have none. The mean of networks with
    weights w keeps ``sum w^2`` of the variance between them; an ensemble of more of them keeps
    less.

    Parameters
    ----------
    single
        Mean square of the conformity scores of held-out spots, each placed by the one network of
        the ensemble that did not see it.
    mean, apart
        (h,) of the weighted mean of networks whose genes were chosen without these spots, and of
        the standard deviation between these networks.
    more_even
        The sum of their squared weights, less that of the ensemble's.

    Returns
    -------
    float
        Ratio of the root mean squares, between a half and two.
    """
    square = max((mean**2).mean() - (apart**2).mean() * more_even, 0.0)
    return float(np.clip(np.sqrt(square / max(single, np.finfo(float).tiny)), 0.5, 2.0))


def region_radius(
    expected: np.ndarray, factor: float, points: np.ndarray, coordinates: np.ndarray
) -> np.ndarray:
    """Radius of each cell's region, (n,), no wider than the tissue.

    Parameters
    ----------
    expected
        (n,) from :func:`expected_error`.
    factor
        From :func:`conformal_factor`; NaN gives NaN.
    points
        (n, d) of the cells.
    coordinates
        (r, d) of the reference: no cell is farther off than the farthest corner of their box.
    """
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    farthest = np.linalg.norm(np.maximum(points - low, high - points), axis=1)
    radius: np.ndarray = np.minimum(factor * expected, farthest)
    return radius
