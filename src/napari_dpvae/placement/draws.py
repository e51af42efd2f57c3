"""Draws of each cell's place from its calibrated distribution: a tissue, where means bunch."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from napari_dpvae.geometry.domain import Domain
from napari_dpvae.placement.calibrate import Errors

TRIES = 8
"""A draw that leaves the tissue is drawn anew so many times, and is then brought to its border."""
NEAREST = 32
"""Held-out spots placed about a cell, one of whose errors a draw has."""


def draw_places(
    points: np.ndarray,
    expected: np.ndarray,
    errors: Errors,
    tissue: Domain,
    names: pd.Index,
    draws: int,
    seed: int,
) -> np.ndarray:
    """Draw places about where each cell was placed, as held-out spots lay about theirs.

    A placed cell lies at the mean of where it may be, so that all of them together bunch. A draw is
    off as one of the held-out spots was that were placed nearest to the cell, by lot, times what is
    expected of the cell's error. So it is where such cells are: along a layer rather than across,
    and out towards a border that means keep away from.

    Parameters
    ----------
    points
        (n, 2 or 3) where the cells were placed.
    expected
        (n,) from :func:`napari_dpvae.uncertainty.conformal.expected_error`.
    errors
        Of held-out spots, one at least.
    tissue
        That draws do not leave. Those of a cell that lies outside lie as much farther out.
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
    nearest = _nearest(points, errors.points)
    border = tissue.keep_inside(points)
    outside = (points - border)[:, None]
    centre = np.repeat(border[:, None], draws, axis=1)
    found = centre.copy()
    left = np.ones(found.shape[:2], bool)
    for _ in range(TRIES):
        lots = rng.integers(nearest.shape[1], size=left.shape)[rank]
        steps = errors.relative[np.take_along_axis(nearest, lots, axis=1)]
        found[left] = (centre + steps * expected[:, None, None])[left]
        inside = tissue.keep_inside(found[left])
        left[left] = ~np.isclose(inside, found[left], rtol=0, atol=1e-9).all(axis=1)
        if not left.any():
            break
    found[left] = tissue.keep_inside(found[left])
    return np.asarray(found + outside)


def _nearest(points: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(n, k) which of the others lie nearest to each point."""
    ranks = np.arange(1, min(NEAREST, len(others)) + 1)
    found: np.ndarray = cKDTree(others).query(points, k=ranks)[1]
    return found
