"""Calibrate regions across a platform gap: on spots as the query's platform would see them."""

from __future__ import annotations

import numpy as np

from napari_dpvae.expression.imitate import imitate
from napari_dpvae.geometry.domain import NearSpots
from napari_dpvae.placement.solve import Solver
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.uncertainty.conformal import conformity_scores, expected_error

MOST_SPOTS = 2000
"""Of the reference that are imitated: more take time, and hardly change a quantile."""


def scores_across_gap(solver: Solver) -> np.ndarray:
    """Conformity scores of held-out spots, imitated as cells of the query.

    Each is placed by the one network that did not see it. Unlike those of spots, the scores are not
    brought to an ensemble's: most of the error is due to a cell's noise, which networks share.

    Parameters
    ----------
    solver
        Of a query of counts, by a calibrated model and its own anchors.

    Returns
    -------
    numpy.ndarray
        (h,).
    """
    trained, aligned = solver.trained, solver.query.aligned
    assert aligned.totals is not None, "an aligned query has totals"
    rng = np.random.default_rng(trained.settings.seed)
    spots = np.sort(rng.permutation(len(trained.coordinates))[:MOST_SPOTS])
    cells = imitate(trained.panel, trained.expression[spots], aligned.present, aligned.totals, rng)
    anchors = PlacementSettings().anchors
    scores = []
    for member in trained.members:
        held_out = ~member.trained_on[spots]
        if not held_out.any():
            continue
        one = solver.of_one(member)
        solved = one.solve(cells.take(held_out), anchors, NearSpots(one.coordinates))
        errors = np.linalg.norm(solved.points - trained.coordinates[spots[held_out]], axis=1)
        expected = expected_error(solved.spread, trained.usual_spread)
        scores.append(conformity_scores(errors, expected))
    return np.concatenate(scores)
