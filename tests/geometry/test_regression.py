"""Regression: it goes on beyond the spots, and has as much of a say as it errs less."""

import numpy as np
import pytest

from napari_dpvae.geometry.regression import Regression


def tissue(dims: int, n: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expression (n, 40) that is linear in the places (n, dims) but for noise; all axes."""
    rng = np.random.default_rng(dims)
    places = rng.uniform(-1, 1, (n, dims))
    x = places @ rng.normal(size=(dims, 40)) + 0.2 * rng.normal(size=(n, 40))
    return x.astype(np.float32), 100 * places + 500, np.eye(40, dtype=np.float32)


@pytest.mark.parametrize("dims", [2, 3])
def test_tissue_beyond_the_spots_is_reached(dims: int) -> None:
    x, places, axes = tissue(dims)
    beyond = places[:, 0] > 550
    found = Regression.fit(x[~beyond] @ axes.T, places[~beyond], axes).predict(x[beyond])
    errors = np.linalg.norm(found - places[beyond], axis=1)
    assert np.median(errors) < 15
    nearest = np.linalg.norm(places[beyond][:, None] - places[~beyond], axis=2).min(axis=1)
    assert np.median(errors) < np.median(nearest)


def test_expression_without_noise_is_followed_closely() -> None:
    _, places, axes = tissue(2, n=60)
    x = ((places - 500) / 100) @ np.random.default_rng(0).normal(size=(2, 40))
    found = Regression.fit(x.astype(np.float32), places, axes).predict(x)
    assert np.linalg.norm(found - places, axis=1).max() < 0.01


def test_the_error_is_that_of_spots_left_out() -> None:
    x, places, axes = tissue(2, n=600)
    regression = Regression.fit(x[:300] @ axes.T, places[:300], axes)
    errors = np.linalg.norm(regression.predict(x[300:]) - places[300:], axis=1)
    assert regression.error == pytest.approx(np.sqrt((errors**2).mean()), rel=0.15)


def test_expression_that_says_nothing_of_the_place_gives_the_middle() -> None:
    x, places, axes = tissue(2)
    shuffled = np.random.default_rng(0).permutation(places)
    found = Regression.fit(x @ axes.T, shuffled, axes).predict(x)
    assert np.linalg.norm(found - places.mean(axis=0), axis=1).max() < 40
    assert found.std() < 0.2 * places.std()


def test_its_say_grows_with_the_error_of_the_other_answer() -> None:
    regression = Regression(np.zeros((3, 2)), np.zeros(2), error=10.0)
    share = regression.share(np.array([0.0, 10.0, 1e6]))
    np.testing.assert_allclose(share, [0, 0.5, 1], atol=1e-6)


def test_anchors_that_are_nearer_than_they_are_spread_leave_it_less_of_a_say() -> None:
    regression = Regression(np.zeros((3, 2)), np.zeros(2), error=10.0)
    spread = np.full(4, 10.0)
    assert regression.beside(np.full(4, 5.0), spread).share(spread)[0] == pytest.approx(0.2)
    assert regression.beside(np.full(4, 50.0), spread).share(spread)[0] == pytest.approx(0.5)
