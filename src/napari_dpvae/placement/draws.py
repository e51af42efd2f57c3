"""Draws of each cell's place from its calibrated distribution: a tissue, where means bunch."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_dpvae.geometry.domain import Domain

TRIES = 8
"""A draw that leaves the domain is drawn anew so many times, and is then brought to its border."""


def draw_places(
    points: np.ndarray,
    expected: np.ndarray,
    scores: np.ndarray,
    domain: Domain,
    names: pd.Index,
    draws: int,
    seed: int,
) -> np.ndarray:
    """Draw places about where each cell was placed, as far off as held-out spots were.

    A placed cell lies at the mean of where it may be, so that all of them together bunch. Its error
    is drawn from the conformity scores, times what is expected of it, in any direction: of as many
    draws as the stated probability lie in its region as held-out spots did in theirs.

    Parameters
    ----------
    points
        (n, 2 or 3) where the cells were placed.
    expected
        (n,) from :func:`napari_dpvae.uncertainty.conformal.expected_error`.
    scores
        (h,) of held-out spots, one at least.
    domain
        That draws do not leave.
    names
        (n,) of the cells: what is drawn does not depend on their order.
    draws
        Of each cell.
    seed
        The same gives the same draws.

    Returns
    -------
    numpy.ndarray
        (n, draws, 2 or 3) in coordinate units.
    """
    rng, rank = np.random.default_rng(seed), np.argsort(np.argsort(names, kind="stable"))
    centre = np.repeat(points[:, None], draws, axis=1)
    found = centre.copy()
    left = np.ones(found.shape[:2], bool)
    for _ in range(TRIES):
        steps = _steps(rng, scores, found.shape)[rank] * expected[:, None, None]
        found[left] = (centre + steps)[left]
        inside = domain.keep_inside(found[left])
        left[left] = ~np.isclose(inside, found[left], rtol=0, atol=1e-9).all(axis=1)
        if not left.any():
            return found
    found[left] = domain.keep_inside(found[left])
    return found


def _steps(rng: np.random.Generator, scores: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Errors of the expected size 1: a score's length, in any direction."""
    directions = rng.normal(size=shape)
    directions /= np.linalg.norm(directions, axis=2, keepdims=True)
    lengths = np.quantile(scores, rng.random(shape[:2]))
    return np.asarray(directions * lengths[..., None])
