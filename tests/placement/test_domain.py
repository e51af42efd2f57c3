"""The domain: inside stays, outside comes to the border."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from napari_dpvae.placement.domain import Domain, spot_distance


def grid(dims: int) -> np.ndarray:
    axes = np.meshgrid(*[np.arange(0.0, 50.0, 10.0)] * dims)
    return np.stack(axes, axis=-1).reshape(-1, dims)


@pytest.mark.parametrize("dims", [2, 3])
def test_points_inside_stay_as_they_are(dims: int) -> None:
    points = np.random.default_rng(0).uniform(0, 40, (50, dims))
    np.testing.assert_allclose(Domain(grid(dims)).keep_inside(points), points, rtol=1e-12)


@pytest.mark.parametrize("dims", [2, 3])
def test_points_outside_come_to_the_border(dims: int) -> None:
    outside = np.random.default_rng(0).normal(size=(50, dims))
    outside = 20 + 300 * outside / np.linalg.norm(outside, axis=1, keepdims=True)
    moved = Domain(grid(dims)).keep_inside(outside)
    distances, _ = cKDTree(grid(dims)).query(moved)
    np.testing.assert_allclose(distances, 10)


def test_a_point_outside_moves_to_the_nearest_point_of_the_border() -> None:
    moved = Domain(grid(2)).keep_inside(np.array([[20.0, -50.0], [70.0, 80.0]]))
    np.testing.assert_allclose(moved, [[20, -10], [40 + 6, 40 + 8]])


def test_a_hole_is_outside() -> None:
    ring = grid(2)
    ring = ring[np.linalg.norm(ring - 20, axis=1) > 15]
    moved = Domain(ring).keep_inside(np.array([[20.0, 21.0]]))
    assert np.linalg.norm(ring - moved, axis=1).min() == pytest.approx(10)


def test_spot_distance_is_the_pitch_of_a_grid() -> None:
    assert spot_distance(grid(2)) == 10
    assert spot_distance(grid(3)) == 10


def test_one_spot_is_its_own_domain() -> None:
    spot = np.array([[3.0, 4.0]])
    assert spot_distance(spot) == 0
    moved = Domain(spot).keep_inside(np.array([[9.0, 9.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(moved, [[3, 4], [3, 4]])


def test_spots_that_share_coordinates_do_not_shrink_the_domain() -> None:
    twice = np.repeat(grid(2), 2, axis=0)
    points = np.array([[0.0, 0.0], [13.0, 22.0], [40.0, 60.0]])
    np.testing.assert_allclose(
        Domain(twice).keep_inside(points), Domain(grid(2)).keep_inside(points)
    )
