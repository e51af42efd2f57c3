"""What held-out spots tell, once they are seen as the query's platform would see them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from scipy.spatial import cKDTree

from napari_dpvae.expression.aligned import Cells
from napari_dpvae.expression.imitate import imitate, unchanged
from napari_dpvae.geometry.domain import Anywhere, make_domain
from napari_dpvae.model.member import Member
from napari_dpvae.model.trained import Trained
from napari_dpvae.placement.likeliest import BESIDE, SpotOdds, fitted_odds
from napari_dpvae.placement.profiles import Profiles
from napari_dpvae.placement.solve import Solver
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.uncertainty.conformal import conformity_scores, expected_error

MOST_SPOTS = 2000
"""Of the reference that are imitated: more take time, and hardly change a quantile."""

MOST_FITTED = 1000
"""Held-out spots to which the odds of the likeliest spots are fitted: three weights."""

TEMPERATURES = tuple(0.001 * 2 ** (step / 2) for step in range(11))
"""Of profiles: by the first a cell lies at the few spots most like it, by the last among many.

In steps so small that it makes little difference which of two that are as good is taken."""
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
"""That profiles may have in a place: imitated spots, which differ from a query's cells by no more
than depth and the genes' efficiencies, flatter them."""
BESIDE_ALL = 0.5
"""Of the share that is best beside one network, without a platform gap: the mean of all networks is
nearer than each. Across a gap most of the error is due to a cell's noise, which networks share."""


class Errors(NamedTuple):
    """How far off held-out spots were placed, and which way."""

    points: np.ndarray
    """(h, 2 or 3) where they were placed."""
    relative: np.ndarray
    """(h, 2 or 3) from there to where they are, as shares of their expected errors."""

    @property
    def scores(self) -> np.ndarray:
        """(h,) conformity scores."""
        return np.asarray(np.linalg.norm(self.relative, axis=1))


class Calibrated(NamedTuple):
    """What places the cells of a query, and how far off it was found to be."""

    solver: Solver
    """With the say of profiles that brings held-out spots nearest to where they are."""
    errors: Errors
    """Of held-out spots."""
    seen_by: Literal["query", "reference"]
    """Whose platform these were seen by."""


class SpotsAsCells(NamedTuple):
    """Spots that a network did not see, as cells of the query."""

    member: Member
    cells: Cells
    points: np.ndarray
    """(h, 2 or 3) where the network puts them, alone or beside profiles."""
    spread: np.ndarray
    """(h,) of their anchors; the doubt in them, beside profiles."""
    true: np.ndarray
    """(h, 2 or 3) where they are."""


def calibrated(
    solver: Solver, *, with_profiles: bool = True, likeliest: bool = False
) -> Calibrated:
    """Find how far off held-out spots are, and how near profiles bring them.

    Where the query's platform is another than the reference's, spots are seen as it would see them.
    Nobody knows how noisy cells are whose counts are gone: they are calibrated as the reference.

    Parameters
    ----------
    solver
        Of the query, by the model's own anchors.
    with_profiles
        Whether cells may be compared with profiles. They are where reference and query hold counts.
    likeliest
        Whether these also find the likeliest spot of each cell.
    """
    trained, aligned = solver.trained, solver.query.aligned
    counts = aligned.depths is not None and trained.is_calibrated
    if counts and aligned.across_gap:
        held_out = list(imitated(solver))
        if with_profiles and aligned.gap is not None:
            solver, held_out = _beside_profiles(solver, held_out, 1.0, likeliest)
        # Not brought to an ensemble's: most of the error is a cell's noise, which networks share.
        return Calibrated(solver, _errors(trained, held_out), "query")
    held_out = list(_as_they_are(solver))
    if counts and with_profiles:
        solver, held_out = _beside_profiles(solver, held_out, BESIDE_ALL, likeliest)
    return Calibrated(solver, _errors(trained, held_out, trained.ensemble_scale), "reference")


def imitated(solver: Solver) -> Iterator[SpotsAsCells]:
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
            yield SpotsAsCells(member, some, solved.points, solved.spread, true)


def _as_they_are(solver: Solver) -> Iterator[SpotsAsCells]:
    """Spots by each network that did not see them, for a query of their platform."""
    trained, present = solver.trained, solver.query.aligned.present
    for member, rows, points, spread in trained.held_out:
        cells = unchanged(trained.panel, trained.expression[rows], present)
        yield SpotsAsCells(member, cells, points, spread, trained.coordinates[rows])


def _beside_profiles(
    solver: Solver, held_out: Sequence[SpotsAsCells], part: float, likeliest: bool
) -> tuple[Solver, list[SpotsAsCells]]:
    """With profiles at the temperature and a part of the share of least mean error.

    And held-out spots where networks and profiles put them, with the doubt in that.
    """
    profiles = Profiles.of(solver.trained, solver.query)
    each = [profiles.among(spots.member.trained_on) for spots in held_out]
    likeness = [own.likeness(spots.cells) for own, spots in zip(each, held_out, strict=True)]
    temperature, share = _nearest(each, likeness, held_out)
    share *= part
    each = [replace(own, temperature=temperature, share=share) for own in each]
    points = [
        own.beside_by(spots.points, like)
        for own, like, spots in zip(each, likeness, held_out, strict=True)
    ]
    doubt_temperature, doubts = _telling(each, points, held_out)
    usual_doubt = float(np.median(np.concatenate(doubts)))
    unit = solver.trained.usual_spread / usual_doubt if usual_doubt > 0 else 1.0
    beside = [
        spots._replace(points=at, spread=unit * doubt)
        for spots, at, doubt in zip(held_out, points, doubts, strict=True)
    ]
    profiles = replace(
        profiles,
        temperature=temperature,
        share=share,
        doubt_temperature=doubt_temperature,
        unit=unit,
        odds=_odds(each, beside) if likeliest else None,
    )
    return replace(solver, profiles=profiles), beside


def _nearest(
    profiles: Sequence[Profiles], likeness: Sequence[torch.Tensor], held_out: Sequence[SpotsAsCells]
) -> tuple[float, float]:
    """Temperature and share of least mean error at held-out spots; profiles are each network's."""
    alone = np.concatenate([spots.points - spots.true for spots in held_out])
    by_profiles = np.concatenate(
        [
            [own.places(like, temperature) - spots.true for temperature in TEMPERATURES]
            for own, like, spots in zip(profiles, likeness, held_out, strict=True)
        ],
        axis=1,
    )
    errors = [
        np.linalg.norm((1 - share) * alone + share * by_profiles, axis=2).mean(axis=1)
        for share in SHARES
    ]
    best, temperature = np.unravel_index(np.argmin(errors), np.shape(errors))
    return TEMPERATURES[temperature], SHARES[best]


def _telling(
    profiles: Sequence[Profiles], points: Sequence[np.ndarray], held_out: Sequence[SpotsAsCells]
) -> tuple[float, list[np.ndarray]]:
    """The temperature by which doubt tells best which held-out spots are far off, and the doubts.

    By Spearman's correlation with their distance from the truth.
    """
    each = []
    for own, at, spots in zip(profiles, points, held_out, strict=True):
        around = own.likeness_around(spots.cells)
        each.append([own.distances(at, around, temperature) for temperature in TEMPERATURES])
    true = np.concatenate([spots.true for spots in held_out])
    off = np.linalg.norm(np.concatenate(points) - true, axis=1)
    doubts = np.concatenate(each, axis=1)
    # By pandas: scipy warns where all are alike.
    told = pd.DataFrame([off, *doubts]).T.corr("spearman").fillna(0).loc[0, 1:]
    best = int(told.argmax())
    return TEMPERATURES[best], [doubt[best] for doubt in each]


def _odds(profiles: Sequence[Profiles], held_out: Sequence[SpotsAsCells]) -> SpotOdds:
    """By which held-out spots, or some of them, are likeliest near where they are."""
    some = slice(None, None, -(-sum(len(spots.true) for spots in held_out) // MOST_FITTED))
    signs, nearest = [], []
    for own, spots in zip(profiles, held_out, strict=True):
        compared = own.compared(spots.cells.take(some))
        signs.append(own.signs(spots.points[some], *compared))
        ranked = np.arange(1, min(BESIDE, len(own.coordinates)) + 1)
        nearest.append(cKDTree(own.coordinates).query(spots.true[some], k=ranked)[1])
    return fitted_odds(signs, nearest)


def _errors(trained: Trained, held_out: Sequence[SpotsAsCells], scale: float = 1.0) -> Errors:
    """Each by the one network that did not see the spot, times a scale."""
    found = [Errors(trained.coordinates[:0], trained.coordinates[:0])]
    for member, _, points, spread, true in held_out:
        own = trained.coordinates[member.trained_on]
        inside = make_domain(PlacementSettings().domain, own).keep_inside(points)
        expected = expected_error(spread, trained.usual_spread)[:, None]
        found.append(Errors(inside, scale * conformity_scores(true - inside, expected)))
    return Errors(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))
