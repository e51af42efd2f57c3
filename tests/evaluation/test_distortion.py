"""How far latents distort the tissue, and what an evaluation says of a reference."""

import numpy as np
import pandas as pd
import pytest

from napari_dpvae import TrainingSettings, evaluate
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.evaluation.distortion import bi_lipschitz_constants, distortion
from napari_dpvae.evaluation.signal import spatial_signal

PLACES = np.random.default_rng(0).uniform(size=(200, 2))


def test_turning_and_scaling_distort_nothing() -> None:
    turned = 7 * PLACES @ np.array([[0.6, -0.8], [0.8, 0.6]])
    assert bi_lipschitz_constants(PLACES, turned) == pytest.approx((1, 1))


def test_a_stretched_axis_distorts_by_less_than_the_stretch() -> None:
    lower, upper = bi_lipschitz_constants(PLACES, PLACES * [1, 3])
    assert lower < 1 < upper
    assert 1.5 < distortion(PLACES, PLACES * [1, 3]) < 3


def test_latents_of_other_cells_distort_most() -> None:
    noise = 0.1 * np.random.default_rng(1).normal(size=PLACES.shape)
    noisy = distortion(PLACES, PLACES + noise)
    assert 1 < noisy < 0.5 * distortion(PLACES, PLACES[::-1])


def test_what_is_all_in_one_place_has_no_distortion() -> None:
    assert np.isnan(distortion(PLACES, np.zeros((200, 2))))
    assert np.isnan(distortion(np.zeros((200, 2)), PLACES))


@pytest.fixture(scope="module")
def table(phantom: Phantom, quick: TrainingSettings) -> pd.DataFrame:
    return evaluate(quick, phantom.reference)


def test_training_lessens_the_distortion(table: pd.DataFrame) -> None:
    ours = table.set_index("method").loc["dp-VAE"]
    assert 1 < ours["distortion_in_sample"] <= 1.2 * ours["distortion"]
    assert ours["distortion"] < 0.5 * ours["distortion_by_chance"]
    assert ours["distortion"] < table.set_index("method").loc["vanilla VAE", "distortion"]


def test_chance_stands_beside_the_measures(table: pd.DataFrame) -> None:
    chance = table.attrs["by_chance"]
    assert chance["procrustes"] > 0.9 and abs(chance["distance_spearman"]) < 0.2
    assert chance["median_error"] > 3 * table["median_error"][0]
    said = spatial_signal(table)
    assert f"by chance {chance['median_error_percent']:.2g} %" in said
    assert "too little" not in said


def test_a_reference_whose_spots_are_shuffled_is_said_to_carry_no_signal(
    phantom: Phantom, quick: TrainingSettings
) -> None:
    shuffled = phantom.reference.copy()
    shuffled.X = shuffled.X[np.random.default_rng(0).permutation(shuffled.n_obs)]
    assert "too little spatial signal" in spatial_signal(evaluate(quick, shuffled))
