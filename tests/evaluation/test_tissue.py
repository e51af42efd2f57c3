"""Measures of the tissue that placed cells make up, on known truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist, jensenshannon

from napari_dpvae.evaluation import metrics
from napari_dpvae.evaluation.tissue import (
    contact_f1,
    neighbour_type_divergence,
    sliced_wasserstein,
)


@pytest.fixture
def true() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 100, (200, 2))


@pytest.fixture
def types(true: np.ndarray) -> np.ndarray:
    return np.where(true[:, 0] < 50, "left", np.where(true[:, 1] < 50, "top", "bottom"))


@pytest.mark.parametrize(("dims", "share"), [(2, 2 / np.pi), (3, 1 / 2)])
def test_a_shifted_cloud_is_as_far_as_the_shift_projects(dims: int, share: float) -> None:
    true = np.random.default_rng(0).normal(size=(50, dims))
    shift = np.zeros(dims)
    shift[-1] = 7.0
    found = sliced_wasserstein(true, true + shift, directions=4000)
    assert found == pytest.approx(7.0 * share, rel=0.03)
    assert sliced_wasserstein(true, true + shift) == pytest.approx(7.0 * share, rel=0.1)


def test_it_matters_where_cells_lie_and_not_which(true: np.ndarray) -> None:
    shuffled = np.random.default_rng(1).permutation(true)
    assert sliced_wasserstein(true, shuffled) == pytest.approx(0, abs=1e-9)
    assert sliced_wasserstein(true, np.repeat(true, 2, axis=0)) == pytest.approx(0, abs=1e-9)
    assert sliced_wasserstein(2 * true, 2 * true + 1) == pytest.approx(
        sliced_wasserstein(true, true + 1)
    )


def test_bunching_is_punished_where_the_error_is_not(true: np.ndarray) -> None:
    bunched = true.mean(axis=0) + 0.5 * (true - true.mean(axis=0))
    errors = np.linalg.norm(bunched - true, axis=1)
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, len(true))
    spread = true + errors[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])
    assert sliced_wasserstein(true, bunched) > 2 * sliced_wasserstein(true, spread)


ROW = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [10.0, 0.0], [11.0, 0.0]])
"""Contacts within 1: 0-1, 1-2 and 3-4."""


def test_contacts_are_scored_for_each_two_types_and_then_averaged() -> None:
    kinds = np.array(list("aabbb"))
    assert contact_f1(ROW, ROW, kinds, 1.0) == 1
    # 2 leaves 1, and comes to 3: a-a stays, a-b is lost, b-b has one that is kept and one made up.
    placed = ROW.copy()
    placed[2] = [9.0, 0.0]
    assert contact_f1(ROW, placed, kinds, 1.0) == pytest.approx((1 + 0 + 2 * 1 / (1 + 2)) / 3)
    lattice = 0.1 * np.stack(np.meshgrid(*[np.arange(9.0)] * 2), axis=-1).reshape(-1, 2)
    assert contact_f1(lattice, lattice.copy(), np.arange(81) % 3) == 1
    # All on one place: of the pairs a-a 1, a-b 6 and b-b 3, one of each is true.
    alike = np.zeros_like(ROW)
    known = (1 + 2 / (1 + 6) + 2 / (1 + 3)) / 3
    assert contact_f1(ROW, alike, kinds, 1.0) == pytest.approx(known)
    assert contact_f1(ROW, 100 * ROW, kinds, 1.0) == 0
    assert np.isnan(contact_f1(100 * ROW, 100 * ROW, kinds, 1.0))


def test_the_distance_of_contacts_is_that_to_the_sixth_cell(
    true: np.ndarray, types: np.ndarray
) -> None:
    reach = np.median(np.sort(cdist(true, true), axis=1)[:, 6])
    placed = true + np.random.default_rng(2).normal(0, 3, true.shape)
    assert contact_f1(true, placed, types) == contact_f1(true, placed, types, reach)
    assert contact_f1(true, true, types) == 1
    assert 0.1 < contact_f1(true, placed, types) < 0.9
    turned = placed[:, ::-1] + 1e4
    assert contact_f1(true, turned, types) == pytest.approx(contact_f1(true, placed, types))


def test_the_mixture_around_each_cell_is_compared_by_its_definition(
    true: np.ndarray, types: np.ndarray
) -> None:
    placed = true + np.random.default_rng(1).normal(0, 20, true.shape)
    k, expected = 7, []
    for i in range(len(true)):
        shares = []
        for points in (true, placed):
            near = np.argsort(np.linalg.norm(points - points[i], axis=1))[1 : k + 1]
            shares.append([(types[near] == kind).mean() for kind in ("bottom", "left", "top")])
        expected.append(jensenshannon(*shares, base=2) ** 2)
    found = neighbour_type_divergence(true, placed, types, k)
    assert found == pytest.approx(np.mean(expected)) and 0.05 < found < 0.5


def test_the_divergence_is_nothing_in_truth_and_one_bit_among_strangers() -> None:
    pairs = np.array([[0.0, 0], [1, 0], [100, 0], [101, 0]])
    kinds = np.array(list("aabb"))
    assert neighbour_type_divergence(pairs, 3 * pairs + 5, kinds, k=1) == 0
    exchanged = pairs[[0, 2, 1, 3]]
    assert neighbour_type_divergence(pairs, exchanged, kinds, k=1) == pytest.approx(1)
    assert neighbour_type_divergence(pairs, exchanged, kinds, k=99) == pytest.approx(0)


def test_they_are_measured_when_types_are_given(true: np.ndarray, types: np.ndarray) -> None:
    placed = true + 5.0
    without, found = metrics.measure(true, placed, 8), metrics.measure(true, placed, 8, types)
    assert {name: found[name] for name in without} == without
    assert {name: value for name, value in found.items() if name not in without} == {
        "sliced_wasserstein": sliced_wasserstein(true, placed),
        "contact_f1": contact_f1(true, placed, types),
        "neighbour_type_divergence": neighbour_type_divergence(true, placed, types, 8),
    }
