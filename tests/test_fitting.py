"""Fitting: choose genes, try, calibrate, train; and a model after every epoch."""

from dataclasses import replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch

from napari_dpvae import DPVAE, EpochReport, TrainingSettings
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.fitting import Fitting
from napari_dpvae.model.training import NOISES


def fit(
    reference: ad.AnnData, settings: TrainingSettings, section_key: str | None = None
) -> Fitting:
    fitting = Fitting(reference, settings, section_key)
    for _ in fitting.epochs():
        pass
    return fitting


def with_sections(reference: ad.AnnData, column: object) -> ad.AnnData:
    cells = reference.copy()
    cells.obs["section"] = column
    return cells


def test_reports_count_all_epochs_and_name_the_stage(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    reports = list(Fitting(phantom.reference, hasty).epochs())
    assert [report.epoch for report in reports] == [0, 1, 2, 3, 4]
    assert {report.epochs for report in reports} == {4}
    assert reports[0] == EpochReport("choosing genes", 0, 4)
    assert [report.stage for report in reports[1:]] == ["trying light regularisation"] * 2 + [
        "training"
    ] * 2
    assert all(report.losses is not None for report in reports[1:])


def test_auto_tries_every_regularisation_and_keeps_one(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    fitting = Fitting(phantom.reference, replace(hasty, regularisation="auto"))
    stages = [report.stage for report in fitting.epochs()]
    assert [f"trying {name} regularisation" in stages for name in NOISES] == [True] * 3
    assert fitting.snapshot().card["regularisation"] in NOISES


def test_auto_keeps_the_one_that_places_held_out_spots_best(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    errors = {
        name: fit(phantom.reference, replace(hasty, regularisation=name))
        .snapshot()
        .card["held_out_error"]
        for name in NOISES
    }
    chosen = fit(phantom.reference, replace(hasty, regularisation="auto")).snapshot().card
    assert chosen["regularisation"] == min(errors, key=lambda name: errors[name])
    assert chosen["held_out_error"] == pytest.approx(min(errors.values()))


def test_latents_follow_the_dimensions_of_the_space_unless_asked(
    phantom: Phantom, volume: ad.AnnData, hasty: TrainingSettings
) -> None:
    assert fit(phantom.reference, hasty).snapshot().latents.shape[1] == 2
    assert fit(volume, hasty).snapshot().latents.shape[1] == 3
    wide = fit(phantom.reference, replace(hasty, latent_dim=5)).snapshot()
    assert wide.latents.shape == (phantom.reference.n_obs, 5)


def test_lambda_maps_coordinates_to_latents(model: DPVAE) -> None:
    trained = model.trained
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, len(trained.latents), (2, 2000))
    latent = np.linalg.norm(trained.latents[i] - trained.latents[j], axis=1)
    space = np.linalg.norm(trained.coordinates[i] - trained.coordinates[j], axis=1)
    far = space > np.median(space)
    assert np.median(latent[far] / space[far]) == pytest.approx(trained.scale, rel=0.15)


def test_a_vanilla_vae_gets_the_lambda_that_fits_its_latents(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    vanilla = fit(phantom.reference, replace(hasty, alpha2=0.0)).snapshot()
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, len(vanilla.latents), (2, 5000))
    latent = np.linalg.norm(vanilla.latents[i] - vanilla.latents[j], axis=1)
    space = np.linalg.norm(vanilla.coordinates[i] - vanilla.coordinates[j], axis=1)
    assert vanilla.scale == pytest.approx((latent @ space) / (space @ space), rel=0.1)


def test_a_fixed_lambda_is_kept_in_scaled_units(phantom: Phantom, hasty: TrainingSettings) -> None:
    spots = phantom.reference.obsm["spatial"]
    unit = np.sqrt(((spots - spots.mean(axis=0)) ** 2).mean())
    trained = fit(phantom.reference, replace(hasty, fixed_lambda=0.5)).snapshot()
    assert trained.scale * unit == pytest.approx(0.5, rel=1e-5)


def test_the_unit_of_the_coordinates_scales_the_places_alone(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    smaller = phantom.reference.copy()
    smaller.obsm["spatial"] = smaller.obsm["spatial"] / 1024
    places = [
        DPVAE(hasty).fit(reference).place(phantom.query).obsm["spatial"]
        for reference in (phantom.reference, smaller)
    ]
    np.testing.assert_allclose(places[0], 1024 * places[1], rtol=1e-3)


def test_before_the_first_epoch_there_is_no_model(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    fitting = Fitting(phantom.reference, hasty)
    epochs = fitting.epochs()
    next(epochs)
    assert not fitting.started
    next(epochs)
    assert fitting.started
    assert np.isnan(fitting.snapshot().conformal)


def test_random_states_are_left_as_they_were(phantom: Phantom, hasty: TrainingSettings) -> None:
    torch.manual_seed(11)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    fit(phantom.reference, hasty)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)


def test_the_largest_section_is_the_frame(phantom: Phantom, hasty: TrainingSettings) -> None:
    n = phantom.reference.n_obs
    column = np.where(np.arange(n) % 3 == 0, "small", "large")
    reference = with_sections(phantom.reference, pd.Categorical(column))
    trained = fit(reference, hasty, "section").snapshot()
    np.testing.assert_array_equal(
        trained.coordinates, phantom.reference.obsm["spatial"][column == "large"]
    )


def test_where_another_section_lies_in_the_plane_does_not_matter(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    column = pd.Categorical(np.where(np.arange(phantom.reference.n_obs) % 3 == 0, "b", "a"))
    near = with_sections(phantom.reference, column)
    # Whole numbers: sums with them are exact, so that equal distances stay equal.
    near.obsm["spatial"] = near.obsm["spatial"].round()
    far = near.copy()
    far.obsm["spatial"] = far.obsm["spatial"] + np.where(column == "b", 65536.0, 0.0)[:, None]
    places = [
        DPVAE(hasty).fit(reference, section_key="section").place(phantom.query).obsm["spatial"]
        for reference in (near, far)
    ]
    np.testing.assert_allclose(places[0], places[1], rtol=1e-3)


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(lambda n: ["ab"[i % 2] for i in range(n)], id="text"),
        pytest.param(lambda n: [i % 2 for i in range(n)], id="integers"),
        pytest.param(lambda n: pd.Categorical(["ab"[i % 2] for i in range(n)]), id="categories"),
        pytest.param(
            lambda n: pd.Categorical(["ab"[i % 2] for i in range(n)], categories=list("xab")),
            id="a category of no spot",
        ),
        pytest.param(lambda n: pd.Categorical(["a"] * (n - 4) + ["b"] * 4), id="a tiny section"),
        pytest.param(lambda n: pd.Categorical(["a"] * (n - 1) + ["b"]), id="one spot"),
    ],
)
def test_sections_of_any_kind_and_size(
    phantom: Phantom, hasty: TrainingSettings, column: object
) -> None:
    reference = phantom.reference.copy()
    reference.obs["section"] = column(reference.n_obs)  # type: ignore[operator]
    trained = fit(reference, hasty, "section").snapshot()
    assert np.isfinite(trained.latents).all()
    assert trained.scale > 0


@pytest.mark.parametrize("n", [10, 11, 17])
def test_very_few_spots_train(phantom: Phantom, hasty: TrainingSettings, n: int) -> None:
    trained = fit(phantom.reference[:n].copy(), hasty).snapshot()
    assert len(trained.latents) == n
    assert np.isfinite(trained.latents).all()
