"""What spots tell across a platform gap, once they are seen as the query's platform would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from napari_dpvae.expression.aligned import Cells
from napari_dpvae.expression.imitate import imitate
from napari_dpvae.geometry.domain import NearSpots
from napari_dpvae.placement.profiles import Profiles
from napari_dpvae.placement.solve import Solver
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.uncertainty.conformal import conformity_scores, expected_error

MOST_SPOTS = 2000
"""Of the reference that are imitated: more take time, and hardly change a quantile."""

TEMPERATURES = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032)
"""Of profiles: by the first a cell lies at the few spots most like it, by the last among many."""
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
"""That profiles may have in a place: imitated spots, which differ from a query's cells by no more
than depth and the genes' efficiencies, flatter them."""


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
    trained, anchors, scores = solver.trained, PlacementSettings().anchors, []
    for one, cells, true in _imitated(solver):
        solved = one.solve(cells, anchors, NearSpots(one.coordinates))
        errors = np.linalg.norm(solved.points - true, axis=1)
        expected = expected_error(solved.spread, trained.usual_spread)
        scores.append(conformity_scores(errors, expected))
    return np.concatenate(scores)


def with_profiles(solver: Solver) -> Solver:
    """With a say of profiles, as much as brings imitated spots nearest to where they are.

    Itself where there is no platform gap between counts, or nothing to imitate, or where spots are
    nearer without.

    Parameters
    ----------
    solver
        Of a query, by a model's own anchors.
    """
    aligned = solver.query.aligned
    if not aligned.across_gap or aligned.gap is None:
        return solver
    profiles, anchors = Profiles.of(solver.trained, solver.query), PlacementSettings().anchors
    by_networks, by_profiles = [], []
    for one, cells, true in _imitated(replace(solver, profiles=profiles)):
        assert one.profiles is not None, "it was given some"
        alone = replace(one, profiles=None)
        points = alone.solve(cells, anchors, NearSpots(one.coordinates)).points
        likeness = one.profiles.likeness(cells)
        by_networks.append(points - true)
        by_profiles.append([one.profiles.places(likeness, t)[0] - true for t in TEMPERATURES])
    if not by_networks:
        return solver
    temperature, share = _nearest(np.concatenate(by_networks), np.concatenate(by_profiles, axis=1))
    return replace(solver, profiles=profiles.at(temperature, share)) if share else solver


def _nearest(by_networks: np.ndarray, by_profiles: np.ndarray) -> tuple[float, float]:
    """Temperature and share of least mean error, by residuals (h, d) and (temperatures, h, d)."""
    errors = [
        np.linalg.norm((1 - share) * by_networks + share * by_profiles, axis=2).mean(axis=1)
        for share in SHARES
    ]
    share, temperature = np.unravel_index(np.argmin(errors), (len(SHARES), len(TEMPERATURES)))
    return TEMPERATURES[temperature], SHARES[share]


def _imitated(solver: Solver) -> Iterator[tuple[Solver, Cells, np.ndarray]]:
    """Each network alone, with spots that it did not see, as cells of the query, and their places.

    The same cells each time it is asked.
    """
    trained, aligned = solver.trained, solver.query.aligned
    assert aligned.totals is not None, "an aligned query has totals"
    rng = np.random.default_rng(trained.settings.seed)
    spots = np.sort(rng.permutation(len(trained.coordinates))[:MOST_SPOTS])
    cells = imitate(trained.panel, trained.expression[spots], aligned.present, aligned.totals, rng)
    for member in trained.members:
        held_out = ~member.trained_on[spots]
        if held_out.any():
            true = trained.coordinates[spots[held_out]]
            yield solver.of_one(member), cells.take(held_out), true
