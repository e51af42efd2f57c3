"""What spots tell across a platform gap, once they are seen as the query's platform would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np

from napari_dpvae.expression.aligned import Cells
from napari_dpvae.expression.imitate import imitate
from napari_dpvae.geometry.domain import Anywhere, NearSpots
from napari_dpvae.model.member import Member
from napari_dpvae.placement.profiles import Profiles
from napari_dpvae.placement.solve import Solved, Solver
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.uncertainty.conformal import conformity_scores, expected_error

MOST_SPOTS = 2000
"""Of the reference that are imitated: more take time, and hardly change a quantile."""

TEMPERATURES = (0.001, 0.002, 0.004, 0.008, 0.016, 0.032)
"""Of profiles: by the first a cell lies at the few spots most like it, by the last among many."""
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
"""That profiles may have in a place: imitated spots, which differ from a query's cells by no more
than depth and the genes' efficiencies, flatter them."""


class Calibrated(NamedTuple):
    """What places the cells of a query, and how far off it was found to be."""

    solver: Solver
    """With the say of profiles that brought imitated spots nearest to where they are."""
    scores: np.ndarray
    """(h,) conformity scores of held-out spots."""
    seen_by: Literal["query", "reference"]
    """Whose platform these were seen by."""


class HeldOut(NamedTuple):
    """Spots that a network did not see, imitated as cells of the query."""

    member: Member
    cells: Cells
    solved: Solved
    """By the network alone, wherever it puts them."""
    true: np.ndarray
    """(h, 2 or 3) where they are."""


def calibrated(solver: Solver, *, with_profiles: bool = True) -> Calibrated:
    """See the held-out spots as a query's platform would, where that is another.

    Nobody knows how noisy cells are whose counts are gone: these are calibrated as the reference.

    Parameters
    ----------
    solver
        Of the query, by a calibrated model and its own anchors.
    with_profiles
        Whether profiles may have a say. They do where reference and query hold counts.
    """
    trained, aligned = solver.trained, solver.query.aligned
    if not aligned.across_gap or aligned.depths is None or not len(trained.scores):
        return Calibrated(solver, trained.scores, "reference")
    held_out = list(imitated(solver))
    if with_profiles and aligned.gap is not None:
        profiles = Profiles.of(trained, solver.query)
        solver = replace(solver, profiles=_with_a_say(profiles, held_out))
    return Calibrated(solver, _scores(solver, held_out), "query")


def imitated(solver: Solver) -> Iterator[HeldOut]:
    """Spots as cells of the query, by each network that did not see them."""
    trained, aligned = solver.trained, solver.query.aligned
    assert aligned.totals is not None, "an aligned query has totals"
    rng = np.random.default_rng(trained.settings.seed)
    spots = np.sort(rng.permutation(len(trained.coordinates))[:MOST_SPOTS])
    cells = imitate(trained.panel, trained.expression[spots], aligned.present, aligned.totals, rng)
    for member in trained.members:
        held_out = ~member.trained_on[spots]
        if held_out.any():
            some, true = cells.take(held_out), trained.coordinates[spots[held_out]]
            solved = solver.of_one(member).solve(some, PlacementSettings().anchors, Anywhere())
            yield HeldOut(member, some, solved, true)


def _with_a_say(profiles: Profiles, held_out: Sequence[HeldOut]) -> Profiles | None:
    """At the temperature and share of least mean error; None where networks alone are nearer."""
    by_networks, by_profiles = [], []
    for member, cells, solved, true in held_out:
        own = profiles.among(member.trained_on)
        likeness = own.likeness(cells)
        by_networks.append(solved.points - true)
        by_profiles.append([own.places(likeness, t)[0] - true for t in TEMPERATURES])
    temperature, share = _nearest(np.concatenate(by_networks), np.concatenate(by_profiles, axis=1))
    return profiles.at(temperature, share) if share else None


def _nearest(by_networks: np.ndarray, by_profiles: np.ndarray) -> tuple[float, float]:
    """Temperature and share of least mean error, by residuals (h, d) and (temperatures, h, d)."""
    errors = [
        np.linalg.norm((1 - share) * by_networks + share * by_profiles, axis=2).mean(axis=1)
        for share in SHARES
    ]
    share, temperature = np.unravel_index(np.argmin(errors), (len(SHARES), len(TEMPERATURES)))
    return TEMPERATURES[temperature], SHARES[share]


def _scores(solver: Solver, held_out: Sequence[HeldOut]) -> np.ndarray:
    """(h,) conformity scores, each by the one network that did not see the spot.

    Unlike those of spots, they are not brought to an ensemble's: most of the error is due to a
    cell's noise, which networks share.
    """
    trained, scores = solver.trained, []
    for member, cells, solved, true in held_out:
        points, spread = solved.points, solved.spread
        if solver.profiles is not None:
            own = solver.profiles.among(member.trained_on)
            points, spread = own.beside(points, spread, own.likeness(cells))
        points = NearSpots(trained.coordinates[member.trained_on]).keep_inside(points)
        expected = expected_error(spread, trained.usual_spread)
        scores.append(conformity_scores(np.linalg.norm(points - true, axis=1), expected))
    return np.concatenate(scores)
