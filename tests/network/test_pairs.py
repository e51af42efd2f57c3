"""Masks G: symmetric, by content, and never across sections."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist

from napari_dpvae.geometry.neighbours import neighbour_graph
from napari_dpvae.network.pairs import SectionPairs, SparsePairs, make_pairs
from napari_dpvae.settings import TrainingSettings

SECTIONS = np.repeat([0, 1, 2], [20, 15, 5])
KNN = TrainingSettings(mask="knn", neighbours="3")
SEVERAL = TrainingSettings(mask="knn", neighbours="2, 3,12")
MASKS = [TrainingSettings(mask="all"), KNN, SEVERAL, TrainingSettings(mask="radius", radius=3.0)]


@pytest.fixture
def coordinates() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(40, 2))


def test_pairs_are_those_of_the_same_section() -> None:
    batch = np.array([3, 39, 21, 0, 20])
    block = SectionPairs(SECTIONS).block(batch).numpy()
    np.testing.assert_array_equal(block, SECTIONS[batch][:, None] == SECTIONS[batch])


def test_of_one_section_all_pairs_count_alike() -> None:
    batch = np.arange(4)
    assert SectionPairs(np.zeros(9, int)).block(batch) is None
    two = SectionPairs(np.array([0, 0, 1, 1])).block(batch)
    assert two is not None and two[0].tolist() == [1, 1, 0, 0]


def test_neighbours_are_the_nearest_of_the_same_section(coordinates: np.ndarray) -> None:
    graph = neighbour_graph(coordinates, SECTIONS, 4).toarray()
    distances = cdist(coordinates, coordinates)
    distances[SECTIONS[:, None] != SECTIONS] = np.inf
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1)[:, :4]
    expected = np.zeros((40, 40))
    np.put_along_axis(expected, nearest, 1, axis=1)
    np.testing.assert_array_equal(graph, expected)


def test_more_neighbours_than_a_section_has_spots_are_all_of_them(coordinates: np.ndarray) -> None:
    graph = neighbour_graph(coordinates, SECTIONS, 1000).toarray()
    same = SECTIONS[:, None] == SECTIONS
    np.testing.assert_array_equal(graph != 0, same & ~np.eye(40, dtype=bool))


def test_a_section_of_one_spot_has_no_pairs() -> None:
    graph = neighbour_graph(np.arange(6.0).reshape(3, 2), np.array([0, 0, 1]), 3)
    assert graph.nnz == 2
    assert neighbour_graph(np.zeros((2, 2)), np.array([0, 1]), 3).nnz == 0


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: mask.mask)
def test_blocks_are_symmetric_and_within_sections(
    coordinates: np.ndarray, mask: TrainingSettings
) -> None:
    pairs = make_pairs(mask, coordinates, SECTIONS)
    batch = np.random.default_rng(1).permutation(40)[:25]
    block = pairs.block(batch).numpy()
    assert block.shape == (25, 25)
    np.testing.assert_array_equal(block, block.T)
    assert block[~np.eye(25, dtype=bool)].any()
    assert not block[SECTIONS[batch][:, None] != SECTIONS[batch]].any()


def test_the_mask_of_all_is_every_pair_of_a_section(coordinates: np.ndarray) -> None:
    block = make_pairs(MASKS[0], coordinates, SECTIONS).block(np.arange(40)).numpy()
    np.testing.assert_array_equal(block, SECTIONS[:, None] == SECTIONS)


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: mask.mask)
def test_a_block_is_that_part_of_the_whole_mask(
    coordinates: np.ndarray, mask: TrainingSettings
) -> None:
    pairs = make_pairs(mask, coordinates, SECTIONS)
    whole = pairs.block(np.arange(40)).numpy()
    batch = np.array([7, 2, 30, 31, 8, 39])
    np.testing.assert_array_equal(pairs.block(batch).numpy(), whole[np.ix_(batch, batch)])


def test_a_pair_marked_in_one_direction_counts_in_both() -> None:
    graph = sparse.csr_array(([2.0, 1.0], ([0, 2], [1, 0])), shape=(3, 3))
    block = SparsePairs(graph).block(np.arange(3)).numpy()
    np.testing.assert_array_equal(block, [[0, 2, 1], [2, 0, 0], [1, 0, 0]])


def test_the_mask_follows_the_coordinates_not_their_number(coordinates: np.ndarray) -> None:
    first = make_pairs(KNN, coordinates, SECTIONS).block(np.arange(40))
    other = np.random.default_rng(5).uniform(size=(40, 2))
    assert not first.equal(make_pairs(KNN, other, SECTIONS).block(np.arange(40)))


def test_a_pair_counts_once_for_each_mask_of_a_union(coordinates: np.ndarray) -> None:
    union = make_pairs(SEVERAL, coordinates, SECTIONS).block(np.arange(40)).numpy()
    graphs = [neighbour_graph(coordinates, SECTIONS, k).toarray() for k in (2, 3, 12)]
    np.testing.assert_array_equal(union, np.maximum(sum(graphs), sum(graphs).T))
    assert set(np.unique(union)) == {0, 1, 2, 3}


def test_a_radius_is_in_spot_distances() -> None:
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2) * 70
    settings = TrainingSettings(mask="radius", radius=1.5)
    block = make_pairs(settings, grid, np.zeros(25, int)).block(np.arange(25)).numpy()
    np.testing.assert_array_equal(block, (cdist(grid, grid) < 105) & ~np.eye(25, dtype=bool))


@pytest.mark.parametrize("mask", MASKS, ids=lambda mask: mask.mask)
def test_a_spot_whose_place_is_not_known_has_no_pairs(
    coordinates: np.ndarray, mask: TrainingSettings
) -> None:
    unknown = [0, 1, 2, 3, 22]
    coordinates[unknown] = np.nan
    block = make_pairs(mask, coordinates, SECTIONS).block(np.arange(40)).numpy()
    np.fill_diagonal(block, 0)
    assert not block[unknown].any()
    assert not block[:, unknown].any()
    assert block.any()


def test_given_weights_are_taken_as_they_are(coordinates: np.ndarray) -> None:
    weights = sparse.random_array((40, 40), density=0.1, rng=np.random.default_rng(0))
    settings = TrainingSettings(mask="given", pairs_key="biology")
    block = make_pairs(settings, coordinates, SECTIONS, weights.tocsr()).block(np.arange(40))
    np.testing.assert_allclose(block, weights.maximum(weights.T).toarray(), rtol=1e-6)


@pytest.mark.parametrize("n", [300, 3000])
def test_batches_hold_neighbours_however_many_spots_there_are(n: int) -> None:
    rng = np.random.default_rng(0)
    coordinates = rng.uniform(size=(n, 2))
    pairs = make_pairs(TrainingSettings(mask="knn", neighbours="6"), coordinates, np.zeros(n, int))
    order = pairs.order(rng)
    assert sorted(order) == list(range(n))
    kept = sum(float(pairs.block(batch).sum()) for batch in np.array_split(order, -(-n // 256)))
    assert kept > 0.5 * float(pairs.block(np.arange(n)).sum())
    assert not np.array_equal(order, pairs.order(rng))


def test_spots_that_are_connected_to_none_come_in_as_well() -> None:
    graph = sparse.csr_array(([1.0, 1.0], ([0, 5], [1, 6])), shape=(100, 100))
    order = SparsePairs(graph).order(np.random.default_rng(0))
    assert sorted(order) == list(range(100))
