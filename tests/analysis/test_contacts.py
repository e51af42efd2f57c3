"""Which cells are beside each other, against known values."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

from napari_dpvae.analysis import contacts
from napari_dpvae.analysis.contacts import (
    nearest_pairs,
    pairs_within,
    place_deviation,
    usual_reach,
    weigh,
)

LINE = np.array([[0.0, 0.0], [1.0, 0.0], [3.0, 0.0], [7.0, 0.0]])


def edges(graph: object) -> set[tuple[int, int]]:
    return set(zip(*map(np.ndarray.tolist, graph.nonzero()), strict=True))  # type: ignore[attr-defined]


def both(*pairs: tuple[int, int]) -> set[tuple[int, int]]:
    return {*pairs, *((b, a) for a, b in pairs)}


def test_the_nearest_are_neighbours_both_ways() -> None:
    assert edges(nearest_pairs(LINE, 1)) == both((0, 1), (1, 2), (2, 3))
    assert edges(nearest_pairs(LINE, 99)) == {(i, j) for i in range(4) for j in range(4) if i != j}


def test_pairs_within_a_distance_include_its_end() -> None:
    assert edges(pairs_within(LINE, 2.0)) == both((0, 1), (1, 2))
    assert edges(pairs_within(LINE, 1.99)) == both((0, 1))
    assert edges(pairs_within(LINE, 0.5)) == set()


def test_cells_at_one_place_are_neighbours_of_each_other_and_not_of_themselves() -> None:
    assert edges(pairs_within(np.zeros((3, 2)), 1.0)) == both((0, 1), (0, 2), (1, 2))
    assert edges(nearest_pairs(np.zeros((2, 2)), 1)) == both((0, 1))


def test_a_crowd_has_no_more_pairs_than_so_many_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts, "MOST_NEAR", 3)
    places = np.random.default_rng(0).uniform(size=(200, 2))
    graph = pairs_within(places, 10.0)
    assert graph.nnz <= 2 * 3 * 200
    np.testing.assert_array_equal(graph.toarray(), graph.toarray().T)
    assert not graph.diagonal().any()


def test_the_usual_reach_is_the_median_over_the_cells() -> None:
    assert usual_reach(LINE, 1) == 1.5
    assert usual_reach(LINE, 2) == 3.0
    assert usual_reach(np.zeros((5, 2))) > 0


@pytest.mark.parametrize("dims", [2, 3])
def test_the_deviation_is_that_of_the_stated_region(dims: int) -> None:
    cells = ad.AnnData(np.ones((4, 1)), obsm={"spatial": np.zeros((4, dims))})
    np.testing.assert_array_equal(place_deviation(cells), 0)
    cells.obs["dpvae_radius"] = [2.0, 4.0, np.nan, np.inf]
    for probability, stated in ((0.5, {"placement": {"probability": 0.5}}), (0.9, {})):
        cells.uns["dpvae"] = stated
        first, second, unknown, endless = place_deviation(cells)
        drawn = np.random.default_rng(0).normal(0, first, (100_000, dims))
        inside = (np.linalg.norm(drawn, axis=1) <= 2.0).mean()
        assert inside == pytest.approx(probability, abs=0.01)
        assert (second, unknown, endless) == (2 * first, 0, np.inf)


def test_nearness_without_doubt_is_that_of_the_distance() -> None:
    found = weigh(pairs_within(LINE, 3.0), LINE, np.zeros(4), 2.0)
    np.testing.assert_array_equal(found.sureness, 1)
    known = {1: np.exp(-1 / 8), 2: np.exp(-4 / 8), 3: np.exp(-9 / 8)}
    apart = np.abs(LINE[found.first, 0] - LINE[found.second, 0])
    np.testing.assert_allclose(found.nearness, [known[d] for d in apart])


@pytest.mark.parametrize("dims", [2, 3])
def test_nearness_in_doubt_is_the_mean_over_where_cells_may_lie(dims: int) -> None:
    places = np.zeros((2, dims))
    places[1, 0] = 3.0
    deviation = np.array([1.0, 2.0])
    found = weigh(nearest_pairs(places, 1), places, deviation, 1.5)
    rng = np.random.default_rng(0)
    one, other = (rng.normal(p, s, (400_000, dims)) for p, s in zip(places, deviation, strict=True))
    apart = ((one - other) ** 2).sum(axis=1)
    np.testing.assert_allclose(found.nearness, np.exp(-apart / (2 * 1.5**2)).mean(), rtol=0.02)
    np.testing.assert_allclose(found.sureness, (2.25 / 7.25) ** (dims / 2))


def test_a_cell_that_may_lie_anywhere_is_beside_none() -> None:
    found = weigh(nearest_pairs(LINE, 3), LINE, np.array([np.inf, 0, 0, 0]), 1.0)
    lost = (found.first == 0) | (found.second == 0)
    assert not found.nearness[lost].any() and not found.sureness[lost].any()
    assert found.nearness[~lost].all()
