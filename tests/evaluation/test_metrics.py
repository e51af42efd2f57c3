"""The measures, against known values and brute force."""

import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import ortho_group, spearmanr
from sklearn.manifold import trustworthiness as sklearn_trustworthiness

from napari_dpvae.evaluation import metrics
from napari_dpvae.geometry.alignment import fit_similarity


@pytest.fixture
def true() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 100, (60, 2)) * [2, 1]


@pytest.fixture
def noisy(true: np.ndarray) -> np.ndarray:
    return true + np.random.default_rng(1).normal(0, 15, true.shape)


PERFECT = {
    "procrustes": 0,
    "stress1": 0,
    "distance_spearman": 1,
    "distance_spearman_per_cell": 1,
    "knn_overlap": 1,
    "trustworthiness": 1,
    "continuity": 1,
}


def test_the_truth_itself_is_perfect(true: np.ndarray) -> None:
    found = metrics.measure(true, true)
    errors = {name for name in found if "error" in name}
    assert len(errors) == 6
    for name, value in {**PERFECT, **dict.fromkeys(errors, 0)}.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("dims", [2, 3])
def test_a_similar_copy_has_the_same_shape(dims: int) -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=(50, dims))
    mirrored = ortho_group(dims, seed=3).rvs()
    mirrored[0] *= -np.sign(np.linalg.det(mirrored))
    found = metrics.measure(true, 7 * true @ mirrored + 100)
    for name, value in {**PERFECT, "aligned_median_error": 0}.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name
    assert found["median_error"] > 10


def test_random_places_are_near_chance(true: np.ndarray) -> None:
    rng = np.random.default_rng(2)
    rows = [metrics.measure(true, rng.uniform(0, 100, true.shape)) for _ in range(40)]
    mean = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
    assert mean["procrustes"] > 0.9
    assert abs(mean["distance_spearman"]) < 0.05
    assert mean["knn_overlap"] == pytest.approx(mean["knn_overlap_chance"], abs=0.03)
    assert mean["trustworthiness"] == pytest.approx(0.5, abs=0.05)
    assert mean["continuity"] == pytest.approx(0.5, abs=0.05)


def test_places_all_alike_are_worst_and_finite_where_they_can_be(true: np.ndarray) -> None:
    alike = np.tile([50.0, 20.0], (len(true), 1))
    assert metrics.procrustes_disparity(true, alike) == 1
    assert metrics.stress1(true, alike) == pytest.approx(1)
    assert metrics.distance_spearman(true, alike) == 0
    assert metrics.measure(true, alike)["aligned_median_error"] > 0


def test_stress_is_that_of_its_definition(true: np.ndarray, noisy: np.ndarray) -> None:
    d, d_hat = cdist(true, true), cdist(noisy, noisy)
    scales = np.linspace(0.5, 1.5, 20_001)
    costs = [((d - a * d_hat) ** 2).sum() for a in scales]
    assert metrics.stress1(true, noisy) == pytest.approx(
        np.sqrt(min(costs) / (d**2).sum()), rel=1e-5
    )
    assert metrics.stress1(true, 3 * noisy) == pytest.approx(metrics.stress1(true, noisy))


def test_spearman_of_distances_is_that_of_scipy(true: np.ndarray, noisy: np.ndarray) -> None:
    d, d_hat = cdist(true, true), cdist(noisy, noisy)
    above = np.triu_indices(60, 1)
    assert metrics.distance_spearman(true, noisy) == pytest.approx(
        spearmanr(d[above], d_hat[above]).statistic
    )
    rows = [spearmanr(np.delete(d[i], i), np.delete(d_hat[i], i)).statistic for i in range(60)]
    assert metrics.distance_spearman_per_cell(true, noisy) == pytest.approx(np.mean(rows))


@pytest.mark.parametrize("k", [1, 5, 59, 1000])
def test_knn_overlap_is_that_of_its_definition(true: np.ndarray, noisy: np.ndarray, k: int) -> None:
    at_most = min(k, 59)
    neighbours = []
    for points in (true, noisy):
        distances = cdist(points, points)
        np.fill_diagonal(distances, np.inf)
        neighbours.append(np.argsort(distances, axis=1)[:, :at_most])
    shared = [len(set(a) & set(b)) for a, b in zip(*neighbours, strict=True)]
    expected = np.mean(shared) / at_most
    assert metrics.knn_overlap(true, noisy, k) == pytest.approx(expected)


def many(n: int) -> tuple[np.ndarray, np.ndarray]:
    """So many cells and where they were placed, some of them at one place."""
    rng = np.random.default_rng(n)
    true = rng.uniform(0, 1, (n, 2))
    placed = true + rng.normal(0, 0.1, true.shape)
    placed[: n // 10] = placed[0]
    return true, placed


@pytest.mark.parametrize("block", [1, 1000, 123_456])
def test_block_by_block_is_as_all_at_once(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    cells = many(150)
    whole = metrics.measure(*cells)
    monkeypatch.setattr(metrics, "BLOCK", block)
    assert metrics.measure(*cells) == pytest.approx(whole, rel=1e-12)


def test_trustworthiness_is_that_of_scikit_learn() -> None:
    true, placed = many(300)
    moved = placed + np.random.default_rng(0).normal(0, 1e-6, placed.shape)
    assert metrics.trustworthiness(true, moved, 12) == pytest.approx(
        sklearn_trustworthiness(true, moved, n_neighbors=12), rel=1e-12
    )


def test_cells_at_one_place_keep_no_neighbours(true: np.ndarray) -> None:
    alike = np.full_like(true, 50.0)
    assert metrics.continuity(true, alike) == pytest.approx(0.5, abs=0.1)
    lattice = np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0)), axis=-1).reshape(-1, 2)
    assert metrics.continuity(lattice, lattice, 4) > 0.99


def trustworthiness_by_hand(true: np.ndarray, placed: np.ndarray, k: int) -> float:
    """After Venna & Kaski 2001."""
    n = len(true)
    ranks = cdist(true, true).argsort(axis=1).argsort(axis=1)
    near = cdist(placed, placed).argsort(axis=1)[:, 1 : k + 1]
    penalty = sum(max(ranks[i, j] - k, 0) for i in range(n) for j in near[i])
    return 1 - penalty * 2 / (n * k * (2 * n - 3 * k - 1))


def test_trustworthiness_and_continuity_are_those_of_their_definition(
    true: np.ndarray, noisy: np.ndarray
) -> None:
    assert metrics.trustworthiness(true, noisy, 8) == pytest.approx(
        trustworthiness_by_hand(true, noisy, 8)
    )
    assert metrics.continuity(true, noisy, 8) == pytest.approx(
        trustworthiness_by_hand(noisy, true, 8)
    )


def test_errors_are_distances_in_units_and_per_cent() -> None:
    true = np.array([[0.0, 0.0], [30.0, 0.0], [0.0, 40.0], [30.0, 40.0], [15.0, 20.0]])
    placed = true + np.array([[3.0, 4.0]])
    found = metrics.measure(true, placed)
    assert metrics.diagonal(true) == 50
    np.testing.assert_allclose(metrics.localisation_errors(true, placed), 5)
    assert found["median_error"] == pytest.approx(5)
    assert found["median_error_percent"] == pytest.approx(10)
    assert found["p90_error_percent"] == pytest.approx(10)
    assert found["aligned_median_error"] == pytest.approx(0, abs=1e-9)


def test_measures_of_a_known_placement() -> None:
    """Eleven cells on a line of length 10, each 0.13 farther off to the side than the last."""
    true = np.column_stack([np.arange(11.0), np.zeros(11)])
    placed = true + np.column_stack([np.zeros(11), 0.13 * np.arange(11)])
    found = metrics.measure(true, placed, k=3)
    assert found["median_error"] == pytest.approx(0.65)
    assert found["median_error_percent"] == pytest.approx(6.5)
    assert found["p90_error"] == pytest.approx(1.17)
    assert found["p90_error_percent"] == pytest.approx(11.7)
    assert found["knn_overlap_chance"] == 0.3
    assert found["aligned_median_error"] == pytest.approx(0, abs=1e-9)
    moved = placed.copy()
    moved[0] = [0.0, 5.0]
    aligned = fit_similarity(moved, true).apply(moved)
    median = np.median(np.linalg.norm(aligned - true, axis=1))
    found = metrics.measure(true, moved, k=3)
    assert found["aligned_median_error"] == pytest.approx(median)
    assert found["aligned_median_error_percent"] == pytest.approx(10 * median)


def test_stress_and_correlations_of_three_distances() -> None:
    true, placed = (np.array([[a, 0.0], [b, 0.0], [c, 0.0]]) for a, b, c in ((0, 1, 3), (0, 2, 3)))
    # Distances 1, 3, 2 and 2, 3, 1.
    scale = (1 * 2 + 3 * 3 + 2 * 1) / (4 + 9 + 1)
    off = (1 - 2 * scale) ** 2 + (3 - 3 * scale) ** 2 + (2 - scale) ** 2
    assert metrics.stress1(true, placed) == pytest.approx(np.sqrt(off / 14))
    assert metrics.distance_spearman(true, placed) == pytest.approx(0.5)
    # 1, 3 and 2, 3 agree; 1, 2 and 2, 1 do not; 3, 2 and 3, 1 agree.
    assert metrics.distance_spearman_per_cell(true, placed) == pytest.approx(1 / 3)


def test_the_patterns_of_left_out_genes_are_means_of_the_nearest_cells() -> None:
    cells = np.array([[0.0, 0], [1, 0], [10, 0], [11, 0], [20, 0], [21, 0]])
    spots = np.array([[0.5, 0.0], [10.5, 0], [20.5, 0]])
    values = np.array([[1.0], [3], [5], [9], [4], [2]])
    measured = np.array([[3.0], [5], [4]])
    found = metrics.held_out_gene_correlation(values, cells, measured, spots, k=2)
    assert found[0] == pytest.approx(np.corrcoef([2, 7, 3], [3, 5, 4])[0, 1])


def test_regions_count_where_they_are_stated() -> None:
    true = np.array([[0.0, 0.0], [30.0, 0.0], [0.0, 40.0], [30.0, 40.0], [15.0, 20.0]])
    placed = true + [3.0, 4.0]
    found = metrics.measure_regions(true, placed, np.array([5.0, 4.9, 5.2, np.nan, 12.0]))
    assert found == {"coverage": 3 / 4, "median_radius": 5.1, "median_radius_percent": 10.2}
    none = metrics.measure_regions(true, placed, np.full(5, np.nan))
    assert none.keys() == found.keys() and np.isnan(list(none.values())).all()


def test_more_noise_is_worse_by_every_measure(true: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(size=true.shape)
    little, much = (metrics.measure(true, true + size * noise) for size in (3, 30))
    for name, value in PERFECT.items():
        assert (little[name] < much[name]) == (value == 0), name
    assert little["median_error"] < much["median_error"]


@pytest.mark.parametrize("n", [4, 5, 11])
def test_very_few_cells_are_measured(true: np.ndarray, noisy: np.ndarray, n: int) -> None:
    found = metrics.measure(true[:n], noisy[:n])
    assert np.isfinite(list(found.values())).all()
    assert found["knn_overlap_chance"] == 1


def test_ten_neighbours_are_compared_if_no_number_is_given(
    true: np.ndarray, noisy: np.ndarray
) -> None:
    assert metrics.measure(true, noisy) == metrics.measure(true, noisy, 10)
    for one in (metrics.knn_overlap, metrics.trustworthiness, metrics.continuity):
        assert one(true, noisy) == one(true, noisy, 10)


def test_too_few_cells_or_shapes_that_differ_are_refused(true: np.ndarray) -> None:
    with pytest.raises(ValueError, match="3 cells are too few"):
        metrics.measure(true[:3], true[:3])
    for one, other in ((true, true[:-1]), (true[:-1], true)):
        with pytest.raises(ValueError, match="must agree"):
            metrics.measure(one, other)


def test_held_out_genes_come_out_where_cells_are_placed_right(true: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    cells = rng.uniform(0, 100, (800, 2)) * [2, 1]

    def pattern(points: np.ndarray) -> np.ndarray:
        return np.column_stack([np.sin(points[:, 0] / 40), points[:, 1], np.ones(len(points))])

    right = metrics.held_out_gene_correlation(pattern(cells), cells, pattern(true), true)
    assert (right[:2] > 0.95).all()
    assert np.isnan(right[2])
    wrong = metrics.held_out_gene_correlation(
        pattern(cells), rng.permutation(cells), pattern(true), true
    )
    assert (np.abs(wrong[:2]) < 0.5).all()


def test_fewer_cells_than_asked_for_are_all_taken(true: np.ndarray) -> None:
    values = np.arange(6.0)[:, None]
    found = metrics.held_out_gene_correlation(values, true[:6], np.arange(60.0)[:, None], true)
    assert np.isnan(found).all()


def test_the_error_by_chance_is_that_of_a_square() -> None:
    places = np.random.default_rng(0).uniform(0, 1, (2000, 2))
    middle, random = metrics.error_by_chance(places)
    # Mean distance to the middle of a unit square, and between two points in it.
    assert middle == pytest.approx(0.3826, abs=0.01)
    assert random == pytest.approx(0.5214, abs=0.01)


# Those that take longest.


def test_very_many_cells_are_drawn_by_lot_and_tell_nearly_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cells = many(1500)
    exact = metrics.measure(*cells)
    monkeypatch.setattr(metrics, "MOST_COMPARED", 1499)
    monkeypatch.setattr(metrics, "DRAWN_CELLS", 300)
    monkeypatch.setattr(metrics, "DRAWN_PAIRS", 100_000)
    drawn = metrics.measure(*cells)
    sampled = {"stress1", "distance_spearman", "distance_spearman_per_cell"}
    assert {name for name in exact if drawn[name] != exact[name]} == sampled
    for name in sampled:
        assert drawn[name] == pytest.approx(exact[name], abs=0.01), name
    assert drawn == metrics.measure(*cells)


def test_memory_does_not_grow_with_the_square_of_the_cells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "MOST_COMPARED", 1500)
    monkeypatch.setattr(metrics, "DRAWN_PAIRS", 100_000)
    cells = many(2 * metrics.MOST_COMPARED)
    tracemalloc.start()
    metrics.measure(*cells)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * len(cells[0]) ** 2
