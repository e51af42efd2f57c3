"""The solver against its parts, put together by hand."""

from dataclasses import replace

import numpy as np
import pytest

from napari_dpvae import DPVAE
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.geometry.domain import Anywhere, NearSpots
from napari_dpvae.geometry.free import place_free
from napari_dpvae.model.member import Member
from napari_dpvae.placement import solve
from napari_dpvae.placement.query import read_by
from napari_dpvae.placement.solve import Solver
from napari_dpvae.uncertainty.conformal import distance_apart


@pytest.fixture(scope="module")
def across(phantom: Phantom, model: DPVAE) -> Solver:
    """Of cells of another platform, one of which expresses nothing that the model reads."""
    query = phantom.query.copy()
    counts = query.X.toarray()
    counts[3] = 0
    query.X = counts
    return Solver.of(model.trained, read_by(model.trained, query))


@pytest.fixture(scope="module")
def alike(phantom: Phantom, model: DPVAE) -> Solver:
    """Of cells of the reference's platform, by networks of unequal weight."""
    query = read_by(model.trained, phantom.reference[::4].copy())
    return replace(Solver.of(model.trained, query), weights=np.array([1.0, 3.0]))


def likeness_to_anchors(solver: Solver, x: np.ndarray) -> np.ndarray:
    """By the cosine to what each anchor expresses, in standard deviations over the anchors."""
    trained = solver.trained
    first, second = (member.decode(member.latents) for member in solver.members)
    explained = trained.explained
    profiles = (1 - explained) * (first + second) / 2 + explained * trained.expression
    cosine = x @ (profiles / np.linalg.norm(profiles, axis=1)[:, None]).T
    # Less what it would be to the mean profile.
    centred = cosine - cosine.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True))


def test_across_a_gap_the_decoder_says_which_anchors_are_like_a_cell(across: Solver) -> None:
    x = across.query.aligned.read().x
    own = np.flatnonzero(np.arange(len(x)) != 3)
    assert 0 < across.query.decoder_weight < 1
    expected = likeness_to_anchors(across, x[own]).astype(np.float32)
    encoded = across.trained.encode(x[own])
    for member, first, z in zip(across.members, encoded, across.infer(x), strict=True):
        corrected = member.correct(first, expected, across.query.decoder_weight)
        np.testing.assert_allclose(z[own], corrected, atol=1e-3 * np.ptp(corrected))
        assert np.isfinite(z).all()
    # A cell that is like all anchors alike.
    assert all(np.isfinite(z).all() for z in across.infer(np.zeros_like(x[:1])))


@pytest.mark.parametrize("cells_at_once", [0, 7])
def test_however_few_pairs_fit_into_memory_the_latents_are_the_same(
    across: Solver, monkeypatch: pytest.MonkeyPatch, cells_at_once: int
) -> None:
    x = across.query.aligned.read().x
    whole = across.infer(x)
    sizes = []
    correct = Member.correct

    def noted(member: Member, z: np.ndarray, likeness: np.ndarray, weight: float) -> np.ndarray:
        sizes.append(len(likeness))
        return correct(member, z, likeness, weight)

    monkeypatch.setattr(Member, "correct", noted)
    monkeypatch.setattr(solve, "PAIRS_AT_ONCE", cells_at_once * len(across.coordinates))
    for z, expected in zip(across.infer(x), whole, strict=True):
        np.testing.assert_allclose(z, expected, atol=1e-4 * np.ptp(expected))
    assert max(sizes) == max(1, cells_at_once)


def test_cells_lie_in_the_weighted_mean_of_the_networks(alike: Solver) -> None:
    cells = alike.query.aligned.read()
    solved = alike.solve(cells, 8, Anywhere())
    latents, panel = alike.trained.encode(cells.x), alike.trained.panel
    (first, spread), (second, other) = (
        member.place(z, alike.coordinates, 8, panel.stabilised(cells.x))
        for member, z in zip(alike.members, latents, strict=True)
    )
    np.testing.assert_allclose(solved.points, (first + 3 * second) / 4)
    np.testing.assert_allclose(solved.spread, (spread + 3 * other) / 4)
    np.testing.assert_allclose(
        solved.apart, distance_apart(np.stack([first, second]), alike.weights)
    )
    np.testing.assert_array_equal(
        solved.latents, alike.trained.consensus(latents, np.array([0.25, 0.75]))
    )
    near = NearSpots(alike.coordinates[:5])
    inside = alike.solve(cells, 8, near).points
    np.testing.assert_allclose(inside, near.keep_inside(solved.points))


def test_across_a_gap_the_regression_has_no_say(across: Solver) -> None:
    cells = across.query.aligned.read()
    plain = replace(
        across, members=tuple(replace(member, regression=None) for member in across.members)
    )
    assert all(member.regression is not None for member in across.members)
    np.testing.assert_array_equal(
        across.solve(cells, 8, Anywhere()).points, plain.solve(cells, 8, Anywhere()).points
    )


def test_one_network_places_by_the_spots_that_it_was_trained_on(alike: Solver) -> None:
    cells, member = alike.query.aligned.read(), alike.members[1]
    one = alike.of_one(member)
    own = member.trained_on
    assert 0 < own.sum() < len(own)
    solved = one.solve(cells, 8, Anywhere())
    latents = alike.trained.encode(cells.x)[1]
    stabilised = alike.trained.panel.stabilised(cells.x)
    points, _ = member.of_own_anchors().place(latents, alike.coordinates[own], 8, stabilised)
    np.testing.assert_allclose(solved.points, points)
    np.testing.assert_array_equal(solved.latents, latents)
    assert not solved.apart.any()


def test_known_cells_are_anchors_where_they_are(alike: Solver) -> None:
    rng = np.random.default_rng(0)
    few = alike.query.aligned.read(slice(0, 5))
    cells = few._replace(x=few.x + rng.normal(0, 0.1, few.x.shape).astype(np.float32))
    places = rng.uniform(1e4, 2e4, (5, 2))
    more = alike.with_anchors(cells, places)
    # The nearest anchor in the latent space is then the cell itself.
    members = tuple(replace(member, regression=None) for member in more.members)
    found = replace(more, members=members).solve(cells, 1, Anywhere())
    np.testing.assert_allclose(found.points, places, rtol=1e-3)
    assert more.expression.shape == (len(alike.expression) + 5, alike.expression.shape[1])


def test_cells_placed_together_lie_as_their_consensus_latents_do(alike: Solver) -> None:
    cells = alike.query.aligned.read()
    first = alike.members[0]
    solved = alike.solve_free(Anywhere())
    latents = alike.trained.consensus(alike.trained.encode(cells.x), alike.weights)
    expected = place_free(latents, first.latents, alike.coordinates, first.scale)
    np.testing.assert_allclose(solved.points, expected)
    np.testing.assert_array_equal(solved.latents, latents)
    np.testing.assert_allclose(solved.spread, first.spread(expected, latents, alike.coordinates))
    np.testing.assert_array_equal(solved.likeness, alike.solve(cells, 8, Anywhere()).likeness)
    assert not solved.apart.any()
