"""The solvers: exact distances give exact places, and a gross error does little."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from scipy.stats import ortho_group

from napari_dpvae.evaluation.metrics import procrustes_disparity
from napari_dpvae.geometry.anchors import distance_ratio, nearest_anchors, place_anchored
from napari_dpvae.geometry.free import place_free


def scene(dims: int, n: int = 40, m: int = 16) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True places (n, dims), each one's nearest anchors (n, m, dims) and distances (n, m)."""
    rng = np.random.default_rng(dims)
    spots, true = rng.uniform(0, 1000, (150, dims)), rng.uniform(200, 800, (n, dims))
    distances, indices = nearest_anchors(true, spots, m)
    return true, spots[indices], distances


@pytest.mark.parametrize("dims", [2, 3])
def test_exact_distances_give_exact_places(dims: int) -> None:
    true, anchors, distances = scene(dims)
    found = place_anchored(anchors, distances, iterations=3000, tolerance=0)
    assert np.quantile(np.linalg.norm(found - true, axis=1), 0.9) < 0.01


@pytest.mark.parametrize("dims", [2, 3])
def test_exact_distances_give_near_places_with_the_default_effort(dims: int) -> None:
    true, anchors, distances = scene(dims)
    errors = np.linalg.norm(place_anchored(anchors, distances) - true, axis=1)
    assert np.median(errors) < 0.05 * np.median(distances)


def by_hand(
    anchors: np.ndarray, distances: np.ndarray, iterations: int, tolerance: float
) -> np.ndarray:
    """One cell as :func:`place_anchored` says that it is solved."""
    weights = 1 / (distances + distances.mean())
    point = np.average(anchors, axis=0, weights=weights)
    for _ in range(iterations):
        before, lengths = point, np.linalg.norm(point - anchors, axis=1)
        residuals = np.maximum(np.abs(lengths - distances), 0.01 * distances.mean())
        on_circles = anchors + (point - anchors) * (distances / lengths)[:, None]
        point = np.average(on_circles, axis=0, weights=weights / residuals)
        if np.abs(point - before).max() <= tolerance * np.ptp(anchors, axis=0).max():
            break
    return point


@pytest.mark.parametrize(
    "effort", [{"iterations": 0}, {"iterations": 3}, {"tolerance": 0.03}, {"tolerance": 0.003}, {}]
)
def test_each_cell_is_solved_as_is_said_and_rests_by_itself(effort: dict[str, float]) -> None:
    _, anchors, distances = scene(2)
    noisy = distances * np.random.default_rng(0).lognormal(0, 0.5, distances.shape)
    asked = {"iterations": 100, "tolerance": 1e-3} | effort
    expected = [by_hand(*each, **asked) for each in zip(anchors, noisy, strict=True)]
    np.testing.assert_allclose(place_anchored(anchors, noisy, **effort), expected, atol=0.1)


def test_one_gross_outlier_moves_a_cell_little() -> None:
    true, anchors, distances = scene(2)
    wrong = distances.copy()
    wrong[:, 3] += 2000
    found = place_anchored(anchors, wrong)
    mean_of_anchors = anchors.mean(axis=1)
    error = np.median(np.linalg.norm(found - true, axis=1))
    assert error < 0.1 * np.median(distances)
    assert error < 0.5 * np.median(np.linalg.norm(mean_of_anchors - true, axis=1))


def test_the_place_has_the_least_cost_of_all_around() -> None:
    _, anchors, distances = scene(2, n=5)
    noisy = distances * np.random.default_rng(0).lognormal(0, 0.3, distances.shape)
    weights = 1 / (noisy + noisy.mean(axis=1, keepdims=True))

    def cost(points: np.ndarray) -> np.ndarray:
        lengths = np.linalg.norm(points[:, None] - anchors, axis=2)
        return (weights * np.abs(lengths - noisy)).sum(axis=1)

    found = cost(place_anchored(anchors, noisy, iterations=2000, tolerance=0))
    start = cost(anchors.mean(axis=1))
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1000, 101)] * 2), axis=-1).reshape(-1, 2)
    best = np.array([min(cost(np.tile(p, (5, 1)))[i] for p in grid) for i in range(5)])
    assert (found <= start).all()
    assert (found <= best + 0.25 * (start - best)).mean() >= 0.8


def test_a_cell_does_not_depend_on_the_others() -> None:
    _, anchors, distances = scene(2)
    noisy = distances * np.random.default_rng(0).lognormal(0, 0.5, distances.shape)
    together = place_anchored(anchors, noisy)
    alone = np.concatenate(
        [place_anchored(anchors[i : i + 1], noisy[i : i + 1]) for i in range(len(noisy))]
    )
    np.testing.assert_allclose(together, alone, rtol=1e-10)


def test_places_move_along_with_their_anchors() -> None:
    _, anchors, distances = scene(2)
    turn = ortho_group(2, seed=0).rvs()
    found = place_anchored(anchors, distances, tolerance=0)
    moved = place_anchored(5 * anchors @ turn + 100, 5 * distances, tolerance=0)
    np.testing.assert_allclose(moved, 5 * found @ turn + 100, atol=1)


@pytest.mark.parametrize("distance", [0.0, 7.0])
def test_a_single_anchor_holds_its_cell_at_the_distance_or_nearer(distance: float) -> None:
    anchors = np.array([[[1000.0, 500.0]], [[20.0, 30.0]]])
    for some in (anchors, anchors[:1]):
        found = place_anchored(some, np.full((len(some), 1), distance))
        assert (np.linalg.norm(found - some[:, 0], axis=1) <= distance + 1e-9).all()


def test_anchors_at_one_place_give_that_place() -> None:
    anchors = np.full((2, 5, 2), 300.0)
    found = place_anchored(anchors, np.array([[0.0] * 5, [1.0, 2.0, 3.0, 4.0, 5.0]]))
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found[0], 300)


def test_a_cell_that_equals_an_anchor_lies_near_it() -> None:
    spots = np.random.default_rng(0).uniform(0, 100, (60, 2))
    distances, indices = nearest_anchors(spots[:5], spots, 10)
    found = place_anchored(spots[indices], distances)
    assert np.isfinite(found).all()
    assert (np.linalg.norm(found - spots[:5], axis=1) < distances[:, 1]).all()


def test_nearest_anchors_are_the_nearest() -> None:
    rng = np.random.default_rng(0)
    query, reference = rng.normal(size=(9, 3)), rng.normal(size=(30, 3))
    distances, indices = nearest_anchors(query, reference, 4)
    whole = cdist(query, reference)
    np.testing.assert_array_equal(indices, np.argsort(whole, axis=1)[:, :4])
    np.testing.assert_allclose(distances, np.sort(whole, axis=1)[:, :4])


def test_there_are_never_more_anchors_than_spots() -> None:
    reference = np.random.default_rng(0).normal(size=(6, 2))
    assert nearest_anchors(reference[:2], reference, 50)[1].shape == (2, 6)


@pytest.mark.parametrize(("dims", "latent_dim"), [(2, 2), (3, 3), (2, 5), (3, 6)])
def test_free_recovers_the_places_in_the_reference_frame(dims: int, latent_dim: int) -> None:
    rng = np.random.default_rng(0)
    spots, true = rng.uniform(0, 500, (80, dims)), rng.uniform(0, 500, (30, dims))
    embed = 0.02 * ortho_group(latent_dim, seed=2).rvs()[:dims]
    # Where the latent space has its origin is of no account.
    far = rng.normal(0, 50, latent_dim)
    found = place_free(true @ embed + far, spots @ embed + far, spots, 0.02)
    assert procrustes_disparity(true, found) < 1e-4
    assert np.linalg.norm(found - true, axis=1).max() < 0.1


def test_free_keeps_the_distances_between_noisy_cells_better_than_projection() -> None:
    rng = np.random.default_rng(0)
    spots, true = rng.uniform(0, 500, (80, 2)), rng.uniform(0, 500, (30, 2))
    embed = 0.02 * ortho_group(6, seed=2).rvs()[:2]
    latents = true @ embed + rng.normal(scale=0.7, size=(30, 6))
    found = place_free(latents, spots @ embed, spots, 0.02)
    projected = latents @ np.linalg.pinv(embed)

    def stress(points: np.ndarray) -> float:
        return float(((pdist(points) - pdist(latents) / 0.02) ** 2).sum())

    assert stress(found) < stress(projected)


def test_free_takes_a_latent_of_fewer_dimensions_than_the_space() -> None:
    rng = np.random.default_rng(0)
    spots = rng.uniform(0, 500, (40, 2))
    found = place_free(spots[:10, :1] * 0.02, spots[:, :1] * 0.02, spots, 0.02)
    assert found.shape == (10, 2)
    assert np.corrcoef(found[:, 0], spots[:10, 0])[0, 1] > 0.95


@pytest.mark.parametrize("n", [1, 2])
def test_free_takes_very_few_cells(n: int) -> None:
    spots = np.random.default_rng(0).uniform(0, 500, (40, 2))
    found = place_free(0.02 * spots[:n], 0.02 * spots, spots, 0.02)
    np.testing.assert_allclose(found, spots[:n], atol=10)


def test_the_distance_ratio_is_that_of_a_scaled_copy() -> None:
    points = np.random.default_rng(0).normal(size=(50, 2))
    latents = np.pad(0.3 * points, ((0, 0), (0, 4)))
    assert distance_ratio(latents, points) == pytest.approx(0.3)
    assert distance_ratio(latents, points, most=20) == pytest.approx(0.3)


def test_the_distance_ratio_fits_best_in_least_squares() -> None:
    rng = np.random.default_rng(0)
    latents, points = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    costs = [
        ((pdist(latents) - scale * pdist(points)) ** 2).sum()
        for scale in distance_ratio(latents, points) * np.array([0.99, 1.0, 1.01])
    ]
    assert costs[1] == min(costs)


def test_free_keeps_the_size_that_lambda_gives() -> None:
    rng = np.random.default_rng(0)
    spots, true = rng.uniform(0, 500, (80, 2)), rng.uniform(0, 500, (30, 2))
    sizes = [np.ptp(place_free(0.02 * true, 0.02 * spots, spots, scale)) for scale in (0.02, 0.04)]
    assert sizes[0] == pytest.approx(2 * sizes[1], rel=0.05)


def test_near_anchors_have_more_say_than_far_ones() -> None:
    """Two anchors that disagree: the weighted median of their circles is that of the nearer."""
    anchors = np.array([[[0.0, 0.0], [0.0, 0.1], [100.0, 0.0], [100.0, 0.1]]])
    distances = np.array([[10.0, 10.0, 60.0, 60.0]])
    found = place_anchored(anchors, distances, iterations=5000, tolerance=0)[0]
    assert abs(np.linalg.norm(found - anchors[0, 0]) - 10) < 1
    assert abs(np.linalg.norm(found - anchors[0, 2]) - 60) > 20


def test_one_anchor_that_fits_by_chance_does_not_take_all_the_weight() -> None:
    """Residuals below a hundredth of the mean distance count as none."""
    rng = np.random.default_rng(1)
    angles = rng.uniform(0, 2 * np.pi, 12)
    anchors = 50 * np.stack([np.cos(angles), np.sin(angles)], axis=1)[None]
    distances = np.full((1, 12), 50.0)
    distances[0, 0] += 40.0
    found = place_anchored(anchors, distances, iterations=200, tolerance=0)[0]
    assert np.linalg.norm(found) < 5
    noisy = distances + rng.normal(0, 0.2, (1, 12))
    moved = place_anchored(anchors, noisy, iterations=200, tolerance=0)[0]
    assert np.linalg.norm(moved - found) < 0.5
