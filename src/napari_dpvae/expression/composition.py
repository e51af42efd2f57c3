"""Which part of the tissue a query of another platform covers, told by its mean expression."""

from __future__ import annotations

import numpy as np
from scipy.special import fdtrc

from napari_dpvae.expression.aligned import Totals
from napari_dpvae.expression.imitate import expected_counts, expected_shares, linear_profiles
from napari_dpvae.expression.normalise import expected_logs
from napari_dpvae.expression.panel import GenePanel

AXES = 10
"""Principal axes along which a part of the tissue may differ from all of it."""
MOST_SPOTS = 2000
"""More spots than this are thinned evenly."""
BY_CHANCE = 0.01
"""Genes that follow the axes no better than one platform in a hundred by chance tell of no part."""
ROUNDS = 10
"""Of finding the composition and how much platforms differ in turn."""


def as_of_the_whole(
    panel: GenePanel,
    spots: np.ndarray,
    present: np.ndarray,
    totals: Totals,
    seed: int,
    *,
    surely_a_part: bool = False,
) -> Totals:
    """What would have been gathered of a query, had it covered all of the tissue.

    A platform gives each gene its own efficiency, whereas a part of the tissue shifts all genes
    along the axes on which the reference varies. So what the axes explain of how the genes' shares
    differ from the reference's is the query's composition, and the rest is the platform's.

    Parameters
    ----------
    panel, spots, present, totals
        As for :func:`~napari_dpvae.expression.imitate.imitate`.
    seed
        Of the depths that are drawn to find how means of logarithms follow from the shares.
    surely_a_part
        Whether it is known to be of a part of the tissue, and need not be told by its genes.

    Returns
    -------
    Totals
        With other means and shares; itself where it may as well be of the whole tissue.
    """
    spots = spots[:: -(-len(spots) // MOST_SPOTS)]
    profiles = linear_profiles(panel, spots, present)
    loadings, usual = _loadings(spots[:, present], profiles), profiles.mean(axis=0)
    folds = _folds(loadings, usual, totals.share, surely_a_part)
    if folds is None:
        return totals
    rng = np.random.default_rng(seed)
    expected, depth = expected_counts(expected_shares(profiles, totals), totals, rng)
    part, whole = (expected_logs(counts, depth) for counts in (expected, expected / folds))
    return totals._replace(mean=totals.mean + whole - part, share=totals.share / folds)


def _folds(
    loadings: np.ndarray, usual: np.ndarray, share: np.ndarray, surely: bool
) -> np.ndarray | None:
    """(g,) of each gene's share in the part of the tissue, over that in the whole; None for none.

    Parameters
    ----------
    loadings
        (g, k) from :func:`_loadings`.
    usual
        (g,) mean of the genes in the reference, in proportion to molecules.
    share
        (g,) of the genes in the query.
    surely
        Whether they follow the axes however little it seems.
    """
    seen = (share > 0) & (usual > 0)
    if seen.sum() <= loadings.shape[1] + 1:
        return None
    centred = loadings[seen] - loadings[seen].mean(axis=0)
    measured = np.log(share[seen] / usual[seen])
    measured -= measured.mean()
    if not (surely or _follow(centred, measured)):
        return None
    folds = np.exp(loadings @ _scores(centred, measured))
    normalised: np.ndarray = folds * usual.sum() / (usual * folds).sum()
    return normalised


def _loadings(spots: np.ndarray, profiles: np.ndarray) -> np.ndarray:
    """(g, k) relative change of each gene's expression, by a standard deviation along each axis."""
    from sklearn.decomposition import PCA

    k = min(AXES, len(spots) - 1, spots.shape[1])
    scores = PCA(k, svd_solver="randomized", random_state=0, whiten=True).fit_transform(spots)
    usual = np.maximum(profiles.mean(axis=0), np.finfo(float).tiny)
    loadings: np.ndarray = profiles.T @ scores / len(spots) / usual[:, None]
    return loadings


def _follow(loadings: np.ndarray, folds: np.ndarray) -> bool:
    """Whether centred folds (g,) follow loadings (g, k) by more than chance: an F-test."""
    n, k = loadings.shape
    fitted = loadings @ np.linalg.lstsq(loadings, folds, rcond=None)[0]
    residual = ((folds - fitted) ** 2).sum() / (n - 1 - k)
    ratio = (fitted @ fitted / k) / max(residual, np.finfo(float).tiny)
    return bool(fdtrc(k, n - 1 - k, ratio) < BY_CHANCE)


def _scores(loadings: np.ndarray, folds: np.ndarray) -> np.ndarray:
    """(k,) mean of the query's cells along each axis, in standard deviations of the spots.

    The posterior mean of ``folds = loadings s + noise``. A part of the tissue is about a
    standard deviation off its middle, so ``s`` is normal with mean 0 and variance 1; the variance
    of the noise, which is the platform's, is found by expectation and maximisation (Bishop 2006,
    Pattern Recognition and Machine Learning, 9.3.4).

    Parameters
    ----------
    loadings
        (g, k), centred.
    folds
        (g,) logarithm of the genes' shares in the query over those in the reference, centred.
    """
    product, noise = loadings.T @ loadings, folds.var()
    scores = np.zeros(loadings.shape[1])
    for _ in range(ROUNDS):
        if not noise > 0:
            break
        covariance = np.linalg.inv(product / noise + np.eye(len(scores)))
        scores = covariance @ (loadings.T @ folds) / noise
        residual = folds - loadings @ scores
        noise = (residual @ residual + np.trace(covariance @ product)) / len(folds)
    return scores
