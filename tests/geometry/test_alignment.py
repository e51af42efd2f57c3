"""Similarity transforms: known ones are found again."""

import numpy as np
import pytest
from scipy.stats import ortho_group

from napari_dpvae.geometry.alignment import fit_similarity


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_a_known_similarity_is_recovered(dims: int, mirrored: bool) -> None:
    rng = np.random.default_rng(dims)
    rotation = ortho_group(dims, seed=1).rvs()
    if (np.linalg.det(rotation) < 0) != mirrored:
        rotation[0] *= -1
    source = rng.normal(size=(30, dims)) * np.arange(1, dims + 1)
    target = 3.5 * source @ rotation + rng.normal(size=dims) * 100
    found = fit_similarity(source, target)
    assert found.scale == pytest.approx(3.5)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-9)
    np.testing.assert_allclose(found.apply(source), target, atol=1e-9)


def test_new_points_move_along() -> None:
    rng = np.random.default_rng(0)
    source, fresh = rng.normal(size=(20, 2)), rng.normal(size=(5, 2))
    quarter = np.array([[0.0, 1.0], [-1.0, 0.0]])
    found = fit_similarity(source, 2 * source @ quarter + 7)
    np.testing.assert_allclose(found.apply(fresh), 2 * fresh @ quarter + 7, atol=1e-9)


def test_no_other_similarity_is_closer_on_noisy_points() -> None:
    rng = np.random.default_rng(0)
    source = rng.normal(size=(50, 2))
    target = 2 * source + rng.normal(size=(50, 2))

    def cost(scale: float, angle: float) -> float:
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        moved = scale * (source - source.mean(axis=0)) @ turn + target.mean(axis=0)
        return float(((moved - target) ** 2).sum())

    best = ((fit_similarity(source, target).apply(source) - target) ** 2).sum()
    others = [cost(a, b) for a in np.linspace(0.5, 4, 50) for b in np.linspace(0, 2 * np.pi, 90)]
    assert best <= min(others)
    assert min(others) < 1.05 * best


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="must agree"):
        fit_similarity(np.zeros((3, 2)), np.zeros((4, 2)))


def test_coincident_points_are_refused() -> None:
    with pytest.raises(ValueError, match="coincide"):
        fit_similarity(np.ones((3, 2)), np.eye(3)[:, :2])
