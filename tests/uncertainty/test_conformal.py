"""Regions: they hold the stated share of cells, and the status says what they mean."""

import numpy as np
import pytest
from scipy.special import ndtri

from napari_dpvae.uncertainty.conformal import (
    anchor_spread,
    conformal_factor,
    conformity_scores,
    distance_apart,
    ensemble_scale,
    error_weights,
    expected_error,
    farther_off,
    region_radius,
)
from napari_dpvae.uncertainty.status import (
    OUTSIDE,
    PLACED,
    UNCERTAIN,
    is_usual,
    native_cells,
    region_status,
)


def scores(rng: np.random.Generator, n: int) -> np.ndarray:
    """Errors per unit of spread, with a heavy tail."""
    return np.abs(rng.standard_t(4, n))


@pytest.mark.parametrize("n", [30, 200])
@pytest.mark.parametrize("probability", [0.5, 0.9])
def test_regions_hold_the_stated_share_of_new_cells(n: int, probability: float) -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(200):
        factor = conformal_factor(scores(rng, n), probability)
        shares.append((scores(rng, 200) <= factor).mean())
    assert probability - 0.015 < np.mean(shares) < probability + 1 / n + 0.015


def test_the_factor_is_the_quantile_of_split_conformal_prediction() -> None:
    shuffled = np.random.default_rng(0).permutation(np.arange(1.0, 20.0))
    # ceil((19 + 1) * 0.9) = 18: the 18th of the 19 ordered scores.
    assert conformal_factor(shuffled, 0.9) == 18


@pytest.mark.parametrize("n", [1, 3, 8])
def test_few_cells_take_the_largest_score(n: int) -> None:
    assert conformal_factor(np.arange(1.0, n + 1), 0.9) == n


def test_without_scores_there_is_no_factor() -> None:
    assert np.isnan(conformal_factor(np.empty(0), 0.9))


def test_spread_is_the_root_mean_square_distance_to_the_anchors() -> None:
    anchors = np.array([[[3.0, 4.0], [0.0, 0.0], [0.0, 0.0]], [[1.0, 1.0]] * 3])
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(anchor_spread(points, anchors), [np.sqrt(25 / 3), 0])


def test_status_follows_the_region_and_the_expression() -> None:
    radius = np.array([10.0, 25.0, 26.0, np.nan, np.inf, 10.0, np.nan])
    expressed = np.array([True, True, True, True, True, False, False])
    assert region_status(radius, expressed, 100.0).tolist() == [
        PLACED,
        PLACED,
        UNCERTAIN,
        UNCERTAIN,
        UNCERTAIN,
        OUTSIDE,
        OUTSIDE,
    ]


def test_two_kinds_are_told_apart_only_where_there_are_two() -> None:
    rng = np.random.default_rng(0)
    native, strange = rng.normal(0.85, 0.04, 300), rng.normal(0.2, 0.08, 500)
    both = np.concatenate([native, strange])
    np.testing.assert_array_equal(native_cells(both, 0.7), np.arange(800) < 300)
    assert native_cells(native, 0.7).all()
    assert native_cells(strange, 0.7).all()
    # Neither kind is usual here: another platform, with two types of cells.
    assert native_cells(both, 0.95).all()
    assert native_cells(np.full(5, 0.3), 0.7).all()


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.8, 0.1, 0.1]])
def test_the_scale_is_that_from_one_network_to_the_ensemble_with_other_genes(
    weights: list[float],
) -> None:
    rng = np.random.default_rng(0)
    n, members, leak = 20_000, 8, 1.3
    common, *own = rng.normal(size=(members + 1, n, 2))
    vectors = leak * (common + own)
    single = ((common + rng.normal(size=(n, 2))) ** 2).sum(axis=1).mean()
    tried = vectors[: len(weights)]
    mean = np.linalg.norm(np.average(tried, axis=0, weights=weights), axis=1)
    apart = np.sqrt(tried.var(axis=0, ddof=1).sum(axis=1))
    more_even = np.sum(np.square(weights)) - 1 / members
    ensemble = np.linalg.norm(vectors.mean(axis=0), axis=1)
    scale = ensemble_scale(single, mean, apart, more_even)
    assert scale == pytest.approx(np.sqrt((ensemble**2).mean() / single), rel=0.02)
    assert scale == pytest.approx(leak * np.sqrt((1 + 1 / members) / 2), rel=0.02)


def test_the_scale_is_bounded() -> None:
    ones = np.ones(3)
    assert ensemble_scale(1.0, 9 * ones, ones, 0.5) == 2
    assert ensemble_scale(1.0, 0 * ones, ones, 0.5) == 0.5
    assert ensemble_scale(0.0, ones, ones, 0.5) == 2


def test_weights_sum_to_one_and_favour_the_smaller_error_whatever_the_unit() -> None:
    weights = error_weights(np.array([2.0, 1.0, 2.0]))
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(weights / weights[1], [1 / 16, 1, 1 / 16])
    np.testing.assert_allclose(error_weights(np.array([2e9, 1e9, 2e9])), weights)
    np.testing.assert_allclose(error_weights(np.zeros(4)), 0.25)


def test_no_region_is_wider_than_the_tissue() -> None:
    origin = np.array([100.0, -70.0])
    coordinates = origin + np.array([[0.0, 0.0], [30.0, 0.0], [0.0, 40.0]])
    points = origin + np.array([[0.0, 0.0], [30.0, 40.0], [15.0, 20.0]])
    spread = np.array([3.0, 100.0, 100.0])
    np.testing.assert_allclose(region_radius(spread, 2.0, points, coordinates), [6, 50, 25])
    assert np.isnan(region_radius(spread, np.nan, points, coordinates)).all()


def test_across_a_gap_cells_that_differ_more_still_belong_and_strangers_do_not() -> None:
    rng = np.random.default_rng(0)
    own, strangers = rng.normal(0.5, 0.12, 1000), rng.normal(-0.1, 0.1, 300)
    usual = is_usual(np.concatenate([own, strangers]), (0.8, 0.9), gap=True)
    assert usual[:1000].mean() > 0.97
    assert usual[1000:].mean() < 0.05
    assert is_usual(own, (0.8, 0.9), gap=False).mean() < 0.05


def normal(mean: float, deviation: float, n: int = 1000) -> np.ndarray:
    """As a normal distribution has them, without chance."""
    return mean + deviation * ndtri((np.arange(n) + 0.5) / n)


def test_across_a_gap_the_least_like_one_in_a_hundred_do_not_belong() -> None:
    likeness = normal(0.5, 0.1)
    assert (~is_usual(likeness, (0.8, 0.9), gap=True)).sum() == 10
    # Those who differ less than spots do are compared by how much spots differ: 0.8 of 0.9.
    close = np.append(normal(0.5, 0.01), [0.41, 0.39])
    np.testing.assert_array_equal(is_usual(close, (0.8, 0.9), gap=True)[-3:], [True, True, False])


def test_one_kind_that_is_spread_evenly_is_not_cut_in_two() -> None:
    """Its halves are 3.5 of their standard deviations apart; kinds that are 4.5 are told apart."""
    assert native_cells(np.linspace(0.5, 0.9, 1001), 0.6).all()
    kinds = np.concatenate([normal(0.85, 0.02), normal(0.85 - 4.5 * 0.02, 0.02)])
    assert native_cells(kinds, 0.7).mean() == pytest.approx(0.5, abs=0.02)


def test_a_narrow_spread_does_not_count_for_more_than_it_says() -> None:
    expected = expected_error(np.array([0.0, 30.0]), usual_spread=20.0)
    scores = conformity_scores(np.array([10.0, 10.0]), expected)
    np.testing.assert_allclose(scores, [0.5, 0.2])


def test_the_rank_is_exact_though_floats_are_not() -> None:
    for n in range(5, 300):
        for percent in range(5, 100):
            rank = min(n, -(-(n + 1) * percent // 100))
            assert conformal_factor(np.arange(1.0, n + 1), percent / 100) == rank


def test_kinds_are_told_apart_whatever_the_order_of_the_cells() -> None:
    rng = np.random.default_rng(0)
    likeness = np.concatenate([rng.normal(0.85, 0.04, 300), rng.normal(0.2, 0.08, 500)])
    order = rng.permutation(800)
    np.testing.assert_array_equal(
        native_cells(likeness[order], 0.7), native_cells(likeness, 0.7)[order]
    )


def test_networks_far_apart_make_a_region_wider_and_usual_ones_leave_it() -> None:
    spread = np.full(3, 5.0)
    expected = expected_error(spread, 5.5, np.array([0.0, 2.0, 7.0]), usual_apart=2.0)
    np.testing.assert_allclose(expected, [5.25, 10.5, 23.625])
    np.testing.assert_allclose(expected_error(spread, 5.0, 0.1 * spread, usual_apart=0.5), 10)
    np.testing.assert_allclose(expected_error(spread, 5.0, 0 * spread, usual_apart=0.0), 10)
    np.testing.assert_allclose(expected_error(spread, 5.0, spread), 10)


@pytest.mark.parametrize("n", [2, 3, 8])
def test_networks_are_as_far_apart_however_many_there_are(n: int) -> None:
    rng = np.random.default_rng(n)
    points = rng.normal(size=(n, 50_000, 2))
    weights = rng.uniform(1, 2, n)
    assert (distance_apart(points, weights) ** 2).mean() == pytest.approx(2, rel=0.03)
    np.testing.assert_array_equal(distance_apart(points[:1], weights[:1]), np.zeros(50_000))


@pytest.mark.parametrize(
    ("factor", "wide", "shift", "expected"),
    [(2, 8, 0, 1), (2, 8, 1, 2), (2, 8, 0.5, 2**0.5), (2, 2, 1, 1), (2, np.nan, 1, 1),
     (np.nan, np.nan, 1, 1), (0, 8, 1, 1)],
)  # fmt: skip
def test_shifted_cells_are_half_as_far_off_as_blocks(
    factor: float, wide: float, shift: float, expected: float
) -> None:
    assert farther_off(factor, wide, shift) == pytest.approx(expected)
