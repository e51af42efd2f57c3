"""Means of logarithms of counts that are expected, without drawing any."""

import numpy as np

from napari_dpvae.expression.normalise import expected_logs, log_normalise


def test_means_are_those_of_counts_that_are_drawn() -> None:
    rng = np.random.default_rng(0)
    expected = np.exp(rng.normal(0, 2.5, (400, 30)))
    depth = rng.integers(100, 5000, 400).astype(float)
    drawn = [log_normalise(rng.poisson(expected).astype(float), depth) for _ in range(200)]
    means = np.mean(drawn, axis=(0, 1))
    noise = np.std(np.mean(drawn, axis=1), axis=0) / np.sqrt(len(drawn))
    assert expected.min() < 0.01 and expected.max() > 1000
    # Beyond MANY counts to second order.
    np.testing.assert_array_less(abs(expected_logs(expected, depth) - means), 4 * noise + 1e-3)


def test_of_nothing_nothing_is_expected() -> None:
    assert not expected_logs(np.zeros((3, 2)), np.array([0.0, 1.0, 50.0])).any()
