"""The domain: inside stays, outside comes to the border."""

import numpy as np
import pytest
import shapely
from scipy.spatial import cKDTree

from napari_dpvae.errors import DataError
from napari_dpvae.geometry.domain import InsideOutlines, NearSpots, make_domain
from napari_dpvae.geometry.spacing import spot_distance


def grid(dims: int) -> np.ndarray:
    axes = np.meshgrid(*[np.arange(0.0, 50.0, 10.0)] * dims)
    return np.stack(axes, axis=-1).reshape(-1, dims)


@pytest.mark.parametrize("dims", [2, 3])
def test_points_inside_stay_as_they_are(dims: int) -> None:
    points = np.random.default_rng(0).uniform(0, 40, (50, dims))
    np.testing.assert_allclose(NearSpots(grid(dims)).keep_inside(points), points, rtol=1e-12)


@pytest.mark.parametrize("dims", [2, 3])
def test_points_outside_come_to_the_border(dims: int) -> None:
    outside = np.random.default_rng(0).normal(size=(50, dims))
    outside = 20 + 300 * outside / np.linalg.norm(outside, axis=1, keepdims=True)
    moved = NearSpots(grid(dims)).keep_inside(outside)
    distances, _ = cKDTree(grid(dims)).query(moved)
    np.testing.assert_allclose(distances, 10)


def test_a_point_outside_moves_to_the_nearest_point_of_the_border() -> None:
    moved = NearSpots(grid(2)).keep_inside(np.array([[20.0, -50.0], [70.0, 80.0]]))
    np.testing.assert_allclose(moved, [[20, -10], [40 + 6, 40 + 8]])


def test_a_hole_is_outside() -> None:
    ring = grid(2)
    ring = ring[np.linalg.norm(ring - 20, axis=1) > 15]
    moved = NearSpots(ring).keep_inside(np.array([[20.0, 21.0]]))
    assert np.linalg.norm(ring - moved, axis=1).min() == pytest.approx(10)


def test_spot_distance_is_the_pitch_of_a_grid() -> None:
    assert spot_distance(grid(2)) == 10
    assert spot_distance(grid(3)) == 10


def test_near_the_spots_is_a_tenth_of_their_diagonal_or_the_distance_of_two() -> None:
    axis = np.arange(0.0, 310.0, 10.0)
    fine = np.stack(np.meshgrid(axis, 4 / 3 * axis), axis=-1).reshape(-1, 2)
    far, inside = np.array([[-200.0, 0.0]]), np.array([[-49.0, 0.0]])
    near = make_domain("near", fine)
    np.testing.assert_allclose(near.keep_inside(far), [[-50, 0]])
    np.testing.assert_allclose(near.keep_inside(inside), inside)
    np.testing.assert_allclose(make_domain("near", grid(2)).keep_inside(far), [[-10, 0]])


def test_one_spot_is_its_own_domain() -> None:
    spot = np.array([[3.0, 4.0]])
    assert spot_distance(spot) == 0
    moved = NearSpots(spot).keep_inside(np.array([[9.0, 9.0], [3.0, 4.0]]))
    np.testing.assert_array_equal(moved, [[3, 4], [3, 4]])


def test_spots_that_share_coordinates_do_not_shrink_the_domain() -> None:
    twice = np.repeat(grid(2), 2, axis=0)
    points = np.array([[0.0, 0.0], [13.0, 22.0], [40.0, 60.0]])
    np.testing.assert_allclose(
        NearSpots(twice).keep_inside(points), NearSpots(grid(2)).keep_inside(points)
    )


SQUARE = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])


def test_points_come_to_the_nearest_border_of_an_outline() -> None:
    domain = InsideOutlines([SQUARE, SQUARE + 100])
    points = np.array([[5.0, 5.0], [-3.0, 4.0], [104.0, 130.0]])
    np.testing.assert_allclose(domain.keep_inside(points), [[5, 5], [0, 4], [104, 110]])


def test_a_convex_domain_bridges_a_bay_that_a_concave_one_follows() -> None:
    horseshoe = grid(2)
    horseshoe = horseshoe[~((horseshoe[:, 0] == 20) & (horseshoe[:, 1] > 0))]
    horseshoe = np.concatenate([horseshoe * 4 + [x, y] for x in (0, 4, 8) for y in (0, 4, 8)])
    bay = np.array([[84.0, 150.0]])
    np.testing.assert_allclose(make_domain("convex", horseshoe).keep_inside(bay), bay)
    assert np.linalg.norm(make_domain("concave", horseshoe).keep_inside(bay) - bay) > 1
    np.testing.assert_array_equal(make_domain("anywhere", horseshoe).keep_inside(-bay), -bay)


def test_an_outline_without_area_or_in_a_volume_is_refused() -> None:
    with pytest.raises(ValueError, match="encloses no area"):
        InsideOutlines([SQUARE[:2]])
    with pytest.raises(ValueError, match="not a volume"):
        make_domain("spots", grid(3), [SQUARE])
    with pytest.raises(ValueError, match="not a volume"):
        make_domain("convex", grid(3))


EIGHT = np.array([[0.0, 0], [10, 10], [10, 0], [0, 10]])
RING = np.array([[0, 0], [9, 0], [9, 9], [0, 9], [0, 0], [3, 3], [3, 6], [6, 6], [6, 3], [3, 3.0]])


@pytest.mark.parametrize(("outline", "area"), [(EIGHT, 50), (EIGHT[::-1], 50), (RING, 72)])
def test_a_line_that_crosses_or_touches_itself(outline: np.ndarray, area: float) -> None:
    assert InsideOutlines([outline]).area.area == pytest.approx(area)


def test_what_a_shaking_hand_encloses_is_found() -> None:
    """By lines, shapely's default, it takes minutes."""
    rng = np.random.default_rng(0)
    n, radius = 5_000, 1000.0
    angles = np.linspace(0, 2 * np.pi, n, endpoint=False)
    circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    domain = InsideOutlines([circle + rng.normal(0, 5, (n, 2))])
    assert domain.area.area == pytest.approx(np.pi * radius**2, rel=0.02)
    far = 2 * circle[::10]
    moved = domain.keep_inside(far)
    assert np.linalg.norm(moved, axis=1) == pytest.approx(radius, rel=0.03)
    np.testing.assert_array_equal(domain.keep_inside(far / 4), far / 4)


def test_the_border_point_is_the_nearest_one() -> None:
    rng = np.random.default_rng(1)
    domain = InsideOutlines([RING, RING + 20])
    points = rng.uniform(-10, 40, (200, 2))
    moved = domain.keep_inside(points)
    nearest = shapely.distance(domain.area, shapely.points(points))
    np.testing.assert_allclose(np.linalg.norm(moved - points, axis=1), nearest, atol=1e-12)


def test_a_line_at_random_is_refused() -> None:
    scrawl = np.random.default_rng(0).uniform(0, 1000, (20_000, 2))
    with pytest.raises(DataError, match="crosses itself more than 500,000 times"):
        InsideOutlines([scrawl])
