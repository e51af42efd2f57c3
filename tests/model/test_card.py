"""The card of a model, and whose model it is."""

from __future__ import annotations

from typing import Any

import napari_dpvae as dpv
from napari_dpvae.model.same_reference import is_trained_on


def test_the_card_says_what_when_which_genes_and_how_good(model: dpv.DPVAE) -> None:
    card = dpv.model_card(model)
    assert "321 spots" in card and "in 2-D" in card
    assert "mean error of held-out spots" in card
    assert f"epochs: {model.settings.epochs} (default" in card
    assert ", ".join(model.genes[:5]) in card and "and 40 more" in card
    assert model.trained.model_hash() in card


def test_a_model_stopped_early_says_so(phantom: Any, hasty: dpv.TrainingSettings) -> None:
    model = dpv.DPVAE(hasty)
    for report in model.fit_epochs(phantom.reference):
        if report.epoch:
            break
    assert "not measured" in dpv.model_card(model)


def test_a_model_knows_its_reference(model: dpv.DPVAE, phantom: Any, volume: Any) -> None:
    assert is_trained_on(model, phantom.reference)
    shuffled = phantom.reference[::-1].copy()
    assert is_trained_on(model, shuffled)
    moved = phantom.reference.copy()
    moved.obsm["spatial"] = moved.obsm["spatial"] + 1
    assert not is_trained_on(model, moved)
    renamed = phantom.reference.copy()
    renamed.var_names = [f"Other{i}" for i in range(renamed.n_vars)]
    assert not is_trained_on(model, renamed)
    assert not is_trained_on(model, volume)
    assert not is_trained_on(model, phantom.reference[:100].copy())


def test_the_losses_of_the_last_networks_are_kept(model: dpv.DPVAE) -> None:
    curve = model.card["curve"]
    assert set(curve) == {"reconstruction", "distance", "kl"}
    assert len(curve["distance"]) == model.settings.epochs
    # What it was trained for: distances are kept better at the end than at the beginning.
    assert curve["distance"][-1] < 0.7 * curve["distance"][0]
    for name, last in model.card["losses"].items():
        assert abs(curve[name][-1] - last) < 1e-5
