"""Fitting: choose genes, try, calibrate, train; and a model after every epoch."""

import gc
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse

from napari_dpvae import DPVAE, EpochReport, TrainingSettings
from napari_dpvae.data.layout import Layout
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.expression.panel import GenePanel
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.inputs import COMPONENTS, FORMS
from napari_dpvae.network.training import NOISES
from napari_dpvae.placement.query import read_by
from napari_dpvae.placement.solve import Solver
from napari_dpvae.training.folds import make_blocks, make_folds
from napari_dpvae.training.group import Group, groups
from napari_dpvae.training.plan import plan_fit, usual_epochs
from napari_dpvae.training.spots import Material
from napari_dpvae.uncertainty.conformal import PREFERENCE

TRIED = list(NOISES["genes"])


@dataclass
class Fitting:
    """A training that can be looked at while it goes on."""

    reference: ad.AnnData
    model: DPVAE
    section_key: str | None

    def epochs(self) -> Iterator[EpochReport]:
        return self.model.fit_epochs(self.reference, section_key=self.section_key)

    def snapshot(self) -> Trained:
        return self.model.trained


def started(
    reference: ad.AnnData, settings: TrainingSettings, section_key: str | None = None
) -> Fitting:
    return Fitting(reference, DPVAE(settings), section_key)


def fit(
    reference: ad.AnnData, settings: TrainingSettings, section_key: str | None = None
) -> Fitting:
    fitting = started(reference, settings, section_key)
    for _ in fitting.epochs():
        pass
    return fitting


def with_sections(reference: ad.AnnData, column: object) -> ad.AnnData:
    cells = reference.copy()
    cells.obs["section"] = column
    return cells


def test_reports_count_the_epochs_of_all_networks_and_name_the_stage(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    reports = list(started(phantom.reference, hasty).epochs())
    assert [report.epoch for report in reports] == [0, 2, 4]
    assert {report.epochs for report in reports} == {4}
    assert reports[0] == EpochReport("choosing genes", 0, 4)
    assert [report.stage for report in reports[1:]] == ["training: 2 networks"] * 2
    assert all(report.losses is not None for report in reports[1:])
    assert [report.held_out_error is None for report in reports] == [True, True, False]


def test_every_regularisation_of_each_form_is_tried_before_the_ensemble_is_trained(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    settings = replace(hasty, regularisation="auto", members=3, checks=1)
    reports = list(started(phantom.reference, settings).epochs())
    assert list(dict.fromkeys(report.stage for report in reports))[1:] == [
        "trying regularisations: 6 networks",
        "training: 3 networks",
    ]
    assert [report.epoch for report in reports] == [0, 6, 12, 15, 18]
    assert {report.epochs for report in reports} == {2 * (6 + 3)}


@pytest.mark.parametrize("silent", [0, 100])
def test_the_epochs_announced_are_those_done_though_genes_are_silent(
    phantom: Phantom, hasty: TrainingSettings, silent: int
) -> None:
    reference = phantom.reference.copy()
    counts = reference.X.toarray()
    counts[:, counts.shape[1] - silent :] = 0
    reference.X = counts
    settings = replace(hasty, genes=250, wide_genes=280, members=4, checks=2, blocks=2)
    reports = list(started(reference, settings).epochs())
    assert {report.epochs for report in reports} == {reports[-1].epoch}


def errors_when_tried(
    reference: ad.AnnData, settings: TrainingSettings
) -> dict[str, dict[str, float]]:
    """Mean error on the spots held out first, by the form read and the regularisation."""
    layout = Layout.read(reference)
    plan = plan_fit(reference, layout, settings)
    material = Material.of(reference, layout, plan.settings, plan.selection[0].held_out)
    errors: dict[str, dict[str, float]] = {form: {} for form in FORMS}
    for numbers in groups(plan.selection):
        runs = [plan.selection[number] for number in numbers]
        group = Group(runs, plan, material.spots(), torch.device("cpu"))
        list(group.epochs())
        for number, network in zip(numbers, group.fitted(), strict=True):
            run = plan.selection[number]
            errors[run.inputs.form][run.regularisation or ""] = float(network.errors.mean())
    return errors


def test_auto_keeps_what_places_the_spots_held_out_first_best(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    settings = replace(hasty, regularisation="auto", checks=1)
    errors = errors_when_tried(phantom.reference, settings)
    chosen = fit(phantom.reference, settings).snapshot().card["regularisation"]
    for form, tried in errors.items():
        assert chosen[form] == min(TRIED, key=lambda name: tried[name])


def test_networks_that_read_in_the_better_form_weigh_more(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    settings = replace(hasty, members=4, checks=2)
    tried = errors_when_tried(phantom.reference, settings)
    (genes,), (components,) = (tried[form].values() for form in FORMS)
    weights = [member.weight for member in fit(phantom.reference, settings).snapshot().members]
    assert sum(weights) == pytest.approx(1)
    assert weights[:2] == weights[2:]
    assert weights[1] / weights[0] == pytest.approx((components / genes) ** PREFERENCE)


def test_stopped_before_the_ensemble_is_begun_the_networks_tried_are_the_model(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    fitting = started(phantom.reference, replace(hasty, checks=1))
    reports = fitting.epochs()
    for report in reports:
        if report.stage.startswith("training"):
            break
    stopped = fitting.snapshot()
    assert len(stopped.members) == len(FORMS)
    assert np.isfinite(stopped.scores).all() and len(stopped.scores) > 100
    for _ in reports:
        pass
    assert len(fitting.snapshot().members) == hasty.members


def test_spots_held_out_first_have_no_say_in_the_choice_of_genes(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    fitting = started(phantom.reference, replace(hasty, checks=1))
    reports = fitting.epochs()
    while not fitting.model.is_trained:
        next(reports)
    kept = make_folds(np.zeros(phantom.reference.n_obs, int), 2, seed=0) != 0
    expected = GenePanel.choose(phantom.reference[kept], hasty.genes).genes
    assert fitting.snapshot().panel.genes.tolist() == expected.tolist()
    assert fitting.snapshot().members[0].trained_on.tolist() == kept.tolist()


def test_networks_read_genes_and_components_in_turn(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    trained = fit(phantom.reference, replace(hasty, members=4)).snapshot()
    axes = [member.network.axes for member in trained.members]
    assert [found is None for found in axes] == [False, True, False, True]
    components = trained.expression @ axes[0].numpy().T
    spread = components.std(axis=0)
    assert components.shape[1] == COMPONENTS
    assert spread[0] == pytest.approx(1, abs=0.1)
    assert (np.diff(spread) < 0.05).all()


def test_a_wide_panel_is_read_as_components_and_its_core_alone_is_decoded(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    trained = fit(phantom.reference, replace(hasty, members=4, wide_genes=90)).snapshot()
    networks = [member.network for member in trained.members]
    axes = [None if network.axes is None else network.axes.shape for network in networks]
    assert axes == [(COMPONENTS, 40), (COMPONENTS, 90), None, (COMPONENTS, 40)]
    assert {network.n_genes for network in networks} == {trained.panel.n_core} == {40}
    assert trained.expression.shape == (phantom.reference.n_obs, 90)
    assert trained.members[2].decode(trained.members[2].latents).shape[1] == 40


def test_latents_follow_the_dimensions_of_the_space_unless_asked(
    phantom: Phantom, volume: ad.AnnData, hasty: TrainingSettings
) -> None:
    for reference, asked, expected in ((phantom.reference, 0, 2), (volume, 0, 3), (volume, 5, 5)):
        trained = fit(reference, replace(hasty, latent_dim=asked)).snapshot()
        shapes = {member.latents.shape for member in trained.members}
        assert shapes == {(reference.n_obs, expected)}


def test_a_larger_reference_is_passed_over_fewer_times_in_more_steps(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    sizes = [100, 1000, 5000, 30_000, 200_000]
    epochs = [usual_epochs(n) for n in sizes]
    assert epochs[:2] == [150, 150]
    assert epochs == sorted(epochs, reverse=True)
    steps = [each * -(-n // 256) for each, n in zip(epochs, sizes, strict=True)]
    assert steps == sorted(steps)
    fitting = started(phantom.reference, replace(hasty, epochs=0))
    assert next(fitting.epochs()).epochs == hasty.members * 150


def test_members_differ_and_each_saw_all_spots_but_its_own_fold(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    trained = fit(phantom.reference, replace(hasty, members=3)).snapshot()
    assert len({member.weights()["to_mean.weight"].sum() for member in trained.members}) == 3
    folds = make_folds(np.zeros(phantom.reference.n_obs, int), 3, seed=0)
    for fold, member in enumerate(trained.members):
        np.testing.assert_array_equal(member.trained_on, folds != fold)


def test_folds_are_even_within_every_section() -> None:
    folds = make_folds(np.repeat([0, 1], [160, 7]), 3, seed=0)
    for section in (folds[:160], folds[160:]):
        assert np.ptp(np.bincount(section, minlength=3)) <= 1


def test_anchors_that_a_network_has_not_seen_do_not_widen_the_spread(
    phantom: Phantom, model: DPVAE
) -> None:
    trained = model.trained
    read = read_by(trained, phantom.query)
    cells = read.aligned.read()
    far = np.full((len(cells.x), 2), 1e6)
    member = trained.members[0]
    (other, *_) = Solver.of(trained, read).with_anchors(cells, far).members
    z, coordinates = trained.encode(cells.x)[0], trained.coordinates
    points, spread = member.place(z, coordinates, 16)
    again = other.spread(points, z, np.concatenate([coordinates, far]))
    np.testing.assert_array_equal(again, spread)


def test_seeds_share_no_member(phantom: Phantom, hasty: TrainingSettings) -> None:
    members = [
        member.weights()["to_mean.weight"].sum()
        for seed in (0, 1)
        for member in fit(phantom.reference, replace(hasty, seed=seed)).snapshot().members
    ]
    assert len(set(members)) == 4


def test_lambda_maps_coordinates_to_latents(model: DPVAE) -> None:
    rng = np.random.default_rng(0)
    coordinates = model.trained.coordinates
    i, j = rng.integers(0, len(coordinates), (2, 2000))
    space = np.linalg.norm(coordinates[i] - coordinates[j], axis=1)
    far = space > np.median(space)
    for member in model.trained.members:
        latent = np.linalg.norm(member.latents[i] - member.latents[j], axis=1)
        assert np.median(latent[far] / space[far]) == pytest.approx(member.scale, rel=0.2)


def test_a_vanilla_vae_gets_the_lambda_that_fits_its_latents(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    trained = fit(phantom.reference, replace(hasty, alpha2=0.0)).snapshot()
    vanilla, coordinates = trained.members[0], trained.coordinates
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, len(coordinates), (2, 5000))
    latent = np.linalg.norm(vanilla.latents[i] - vanilla.latents[j], axis=1)
    space = np.linalg.norm(coordinates[i] - coordinates[j], axis=1)
    assert vanilla.scale == pytest.approx((latent @ space) / (space @ space), rel=0.1)


def test_a_fixed_lambda_is_kept_in_scaled_units(phantom: Phantom, hasty: TrainingSettings) -> None:
    spots = phantom.reference.obsm["spatial"]
    unit = np.sqrt(((spots - spots.mean(axis=0)) ** 2).mean())
    trained = fit(phantom.reference, replace(hasty, fixed_lambda=0.5)).snapshot()
    for member in trained.members:
        # The unit is that of the spots that the member saw.
        assert member.scale * unit == pytest.approx(0.5, rel=0.05)


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
    fitting = started(phantom.reference, hasty)
    epochs = fitting.epochs()
    next(epochs)
    assert not fitting.model.is_trained
    next(epochs)
    assert fitting.model.is_trained
    assert len(fitting.snapshot().scores) == 0


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
    assert all(np.isfinite(member.latents).all() for member in trained.members)
    assert all(member.scale > 0 for member in trained.members)


@pytest.mark.parametrize("n", [10, 11, 17])
def test_very_few_spots_train(phantom: Phantom, hasty: TrainingSettings, n: int) -> None:
    trained = fit(phantom.reference[:n].copy(), hasty).snapshot()
    assert len(trained.coordinates) == n
    assert all(np.isfinite(member.latents).all() for member in trained.members)


def test_wide_regions_hold_cells_of_a_part_never_seen(
    phantom: Phantom, quick: TrainingSettings
) -> None:
    spots = phantom.reference.obsm["spatial"]
    unseen = spots[:, 0] < np.quantile(spots[:, 0], 0.2)
    model = DPVAE(quick, members=4, checks=1, blocks=2).fit(phantom.reference[~unseen].copy())
    placed = model.place(phantom.reference[unseen].copy())
    errors = np.linalg.norm(placed.obsm["spatial"] - spots[unseen], axis=1)
    inside = [(errors <= placed.obs[f"dpvae_{key}"]).mean() for key in ("radius", "radius_wide")]
    assert inside[0] < 0.9 < inside[1]


def test_checks_scale_the_regions_and_change_no_network(
    phantom: Phantom, quick: TrainingSettings
) -> None:
    settings = replace(quick, epochs=10)
    plain, checked = (
        fit(phantom.reference, replace(settings, checks=n)).snapshot() for n in (0, 2)
    )
    assert plain.model_hash() == checked.model_hash()
    assert plain.card["ensemble_scale"] == 1
    scale = checked.card["ensemble_scale"]
    assert 0.5 < scale < 2 and scale != 1
    np.testing.assert_allclose(checked.scores, scale * plain.scores)


def test_a_block_never_seen_is_reached_by_regression(quick: TrainingSettings) -> None:
    rng = np.random.default_rng(0)
    places = np.stack(np.meshgrid(np.arange(18.0), np.arange(18.0)), axis=-1).reshape(-1, 2)
    gradients = 0.12 * rng.normal(size=(2, 80))
    counts = rng.poisson(np.exp(1 + places @ gradients / 2)).astype(np.float32)
    tissue = ad.AnnData(sparse.csr_matrix(counts), obsm={"spatial": places})
    tissue.var_names = [f"gene{i}" for i in range(80)]
    block = places[:, 0] > 13
    errors = {}
    for regression in (False, True):
        model = DPVAE(quick, regression=regression).fit(tissue[~block].copy())
        found = model.place(tissue[block].copy(), domain="anywhere").obsm["spatial"]
        errors[regression] = np.median(np.linalg.norm(found - places[block], axis=1))
    assert errors[True] < 0.95 * errors[False]


def test_two_networks_are_checked_though_there_are_three_readings(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    settings = replace(hasty, members=2, checks=2, wide_genes=90)
    assert fit(phantom.reference, settings).snapshot().card["ensemble_scale"] != 1


def test_regions_make_up_for_genes_that_held_out_spots_helped_to_choose(
    quick: TrainingSettings,
) -> None:
    """Among many genes without signal the panel finds those that fit its own spots by chance."""
    rng = np.random.default_rng(0)
    places = rng.random((400, 2))
    signal = rng.poisson(3 * np.exp(places @ rng.normal(size=(2, 20))))
    cells = ad.AnnData(np.hstack([signal, rng.poisson(3, (400, 3000))]).astype(np.float32))
    cells.var_names = [f"gene{i}" for i in range(cells.n_vars)]
    cells.obsm["spatial"] = 1000 * places
    reference, query = cells[:100].copy(), cells[100:].copy()
    shares = []
    for checks in (0, 2):
        settings = replace(quick, genes=200, epochs=60, checks=checks)
        placed = DPVAE(settings).fit(reference).place(query)
        errors = np.linalg.norm(placed.obsm["spatial"] - query.obsm["spatial"], axis=1)
        shares.append((errors <= placed.obs["dpvae_radius"]).mean())
    assert shares[0] < 0.9 < shares[1]


def test_without_blocks_there_are_no_wide_regions(phantom: Phantom, model: DPVAE) -> None:
    assert model.place(phantom.query).obs["dpvae_radius_wide"].isna().all()


def test_genes_are_chosen_without_the_block_that_is_held_out(
    phantom: Phantom, hasty: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen_by: list[int] = []
    choose = GenePanel.choose

    def counted(reference: ad.AnnData, *arguments: object, **more: object) -> GenePanel:
        chosen_by.append(reference.n_obs)
        return choose(reference, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(GenePanel, "choose", counted)
    fit(phantom.reference, replace(hasty, blocks=2))
    layout = Layout.read(phantom.reference)
    blocks = make_blocks(phantom.reference.obsm["spatial"], layout.sections == layout.frame)
    n = phantom.reference.n_obs
    assert chosen_by == [n, *(n - (blocks == block).sum() for block in range(2))]


def test_a_model_lets_go_of_its_training(phantom: Phantom, hasty: TrainingSettings) -> None:
    reference = phantom.reference.copy()
    held = weakref.ref(reference)
    model = DPVAE(hasty).fit(reference)
    del reference
    gc.collect()
    assert held() is None
    assert model.place(phantom.query).n_obs == phantom.query.n_obs


def test_a_stopped_training_says_where_it_stopped(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    fitting = started(phantom.reference, replace(hasty, checks=1))
    for report in fitting.epochs():
        if report.stage.startswith("training"):
            break
    assert fitting.snapshot().card["stopped_at"].startswith("training")
    assert "stopped_at" not in fit(phantom.reference, hasty).snapshot().card
