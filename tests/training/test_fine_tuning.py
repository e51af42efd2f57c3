"""Fine-tuning: a query's own ELBO, its known places, and a model that stays as it was."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
import pytest

from napari_dpvae import DPVAE, TrainingSettings
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.evaluation.metrics import localisation_errors
from napari_dpvae.geometry.neighbours import neighbour_graph
from napari_dpvae.model.same_reference import is_trained_on
from napari_dpvae.placement.query import read_by

Refuses = Callable[[str], AbstractContextManager[None]]


def reconstruction_error(model: DPVAE, phantom: Phantom) -> float:
    """Of the query's cells, by the first network."""
    x, trained = read_by(model.trained, phantom.query).aligned.x, model.trained
    return float(((x - trained.members[0].decode(trained.encode(x)[0])) ** 2).mean())


def test_a_tuned_model_knows_the_query_and_the_first_stays_as_it_was(
    phantom: Phantom, model: DPVAE
) -> None:
    before = model.trained.model_hash()
    stages = []
    tuned = model.fine_tune(
        phantom.reference, phantom.query, epochs=10, progress=lambda r: stages.append(r.epoch)
    )
    assert stages == list(range(0, 21, 2))
    assert model.trained.model_hash() == before != tuned.trained.model_hash()
    assert reconstruction_error(tuned, phantom) < reconstruction_error(model, phantom)
    assert len(tuned.trained.members) == len(model.trained.members)
    np.testing.assert_array_equal(tuned.trained.coordinates, model.trained.coordinates)
    assert len(tuned.trained.scores) == phantom.reference.n_obs


def test_known_places_in_a_frame_of_their_own_help_the_others(
    phantom: Phantom, quick: TrainingSettings
) -> None:
    """More than their expression alone does. Cells with counts have the spots' profiles beside."""
    models = [DPVAE(replace(quick, seed=seed)).fit(phantom.reference) for seed in range(3)]
    query = phantom.query.copy()
    query.X = query.X.power(0.3)
    true = phantom.truth.loc[query.obs_names].to_numpy()
    known = np.arange(query.n_obs) % 3 > 0
    turned = true[:, ::-1] * [1, -1] + 5000
    query.obsm["known"] = np.where(known[:, None], turned, np.nan)
    others = query[~known].copy()

    def error(models: list[DPVAE]) -> float:
        placed = [model.place(others) for model in models]
        assert all(each.uns["dpvae"]["profile_share"] == 0 for each in placed)
        off = [localisation_errors(true[~known], each.obsm["spatial"]) for each in placed]
        return float(np.mean(off))

    with_places, without = (
        error([m.fine_tune(phantom.reference, query, known_key=key, epochs=20) for m in models])
        for key in ("known", None)
    )
    assert with_places < 0.97 * without < without < error(models)


def test_a_query_that_lacks_genes_does_not_teach_their_mean(phantom: Phantom, model: DPVAE) -> None:
    lacking = model.genes[::2]
    query = phantom.query[:, ~phantom.query.var_names.isin(lacking)].copy()
    tuned = model.fine_tune(phantom.reference, query, epochs=10)
    member, before = tuned.trained.members[0], model.trained.members[0]
    spread = [m.decode(m.latents)[:, ::2].std(axis=0).mean() for m in (member, before)]
    assert spread[0] > 0.8 * spread[1]


def test_another_reference_is_refused(phantom: Phantom, model: DPVAE, refuses: Refuses) -> None:
    with refuses("trained on another reference"):
        model.fine_tune(phantom.reference[:100].copy(), phantom.query, epochs=1)


@pytest.mark.parametrize("members", [2, 5])
def test_a_model_of_networks_that_were_not_done_is_refused(
    phantom: Phantom, hasty: TrainingSettings, refuses: Refuses, members: int
) -> None:
    model = DPVAE(hasty, members=members)
    for report in model.fit_epochs(phantom.reference):
        if report.epoch:
            break
    assert len(model.trained.members) == members
    with refuses("were not done"):
        model.fine_tune(phantom.reference, phantom.query, epochs=1)


def test_stopping_midway_changes_nothing(phantom: Phantom, model: DPVAE) -> None:
    before = model.trained.model_hash()
    steps = model.fine_tune_epochs(phantom.reference, phantom.query, epochs=5)
    for report in steps:
        if report.epoch == 6:
            break
    steps.close()
    assert model.trained.model_hash() == before


def test_a_stopped_model_is_calibrated_on_spots_that_its_networks_never_saw(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    stopped = DPVAE(hasty, members=5, checks=2)
    for report in stopped.fit_epochs(phantom.reference):
        if report.stage == "training: 5 networks":
            break
    assert len(stopped.trained.members) == 2
    tuned = stopped.fine_tune(phantom.reference, phantom.query, epochs=1)
    for before, after in zip(stopped.trained.members, tuned.trained.members, strict=True):
        np.testing.assert_array_equal(after.trained_on, before.trained_on)


def test_tuning_twice_moves_the_anchors_expression_no_more_than_once(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    model = DPVAE(hasty).fit(phantom.reference)
    rng = np.random.default_rng(0)
    section = phantom.reference.copy()
    section.X = rng.poisson(section.X.toarray() * rng.lognormal(0, 0.3, section.n_vars))
    once = model.fine_tune(phantom.reference, section, epochs=1)
    twice = once.fine_tune(phantom.reference, section, epochs=1)
    for tuned in (once, twice):
        np.testing.assert_array_equal(tuned.trained.expression, model.trained.expression)
        np.testing.assert_array_equal(tuned.trained.panel.mean, model.trained.panel.mean)
    assert twice.trained.tuned_to is not None
    assert np.abs(twice.trained.tuned_to.mean - model.trained.panel.mean).max() > 0.1


def test_the_same_reference_in_another_order_and_precision_is_taken(
    phantom: Phantom, model: DPVAE
) -> None:
    order = np.random.default_rng(0).permutation(phantom.reference.n_obs)
    other = phantom.reference[order].copy()
    other.obsm["spatial"] = other.obsm["spatial"].astype(np.float32)
    assert is_trained_on(model, other)
    tuned = model.fine_tune(other, phantom.query, epochs=1).trained
    for before, after in zip(model.trained.members, tuned.members, strict=True):
        np.testing.assert_array_equal(after.trained_on, before.trained_on[order])


def test_own_weights_of_pairs_hold_beside_cells_whose_places_are_known(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    """The cells are spots more, and have no pairs."""
    reference, query = phantom.reference.copy(), phantom.query.copy()
    near = neighbour_graph(reference.obsm["spatial"], np.zeros(reference.n_obs, int), 6)
    reference.obsp["biology"] = near.maximum(near.T)
    model = DPVAE(replace(hasty, mask="given", pairs_key="biology")).fit(reference)
    query.obsm["known"] = phantom.truth.loc[query.obs_names].to_numpy()
    tuned = model.fine_tune(reference, query, epochs=2, known_key="known")
    assert len(tuned.trained.coordinates) == reference.n_obs
    assert np.isfinite(tuned.place(query).obsm["spatial"]).all()
