"""Likeliest spots: spread as a tissue is, neighbours of the right kind, by what cells express."""

from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import torch
from scipy import sparse

import napari_dpvae as dpv
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.evaluation.tissue import contact_f1, sliced_wasserstein
from napari_dpvae.geometry.spacing import spot_distance
from napari_dpvae.placement.likeliest import fitted_odds, room_of

KEY = "dpvae_likeliest"


@pytest.mark.parametrize(("query", "kept"), [("dissociated", 0.02), ("held-out spots", 0.05)])
def test_they_are_spread_as_the_tissue_is_and_keep_more_contacts_than_draws(
    phantom: Phantom, quick: dpv.TrainingSettings, query: str, kept: float
) -> None:
    held_out = np.arange(phantom.reference.n_obs) % 3 == 0
    model = dpv.DPVAE(quick).fit(phantom.reference[~held_out].copy())
    cells, true = phantom.query.copy(), phantom.truth.to_numpy()
    if query == "held-out spots":
        cells = phantom.reference[held_out].copy()
        true = cells.obsm["spatial"]
    # Of so few molecules that cells are in doubt, and their means bunch.
    counts = np.random.default_rng(0).binomial(cells.X.toarray().astype(int), kept)
    cells.X = sparse.csr_matrix(counts.astype(np.float32))
    # The tissue's layers lie about its middle.
    types = np.digitize(np.linalg.norm(true - true.mean(axis=0), axis=1), [400, 800])
    placed = model.place(cells, likeliest=True, draws=10)
    found = placed.obsm[KEY]
    estimated = sliced_wasserstein(true, placed.obsm["spatial"])
    assert sliced_wasserstein(true, found) < 0.9 * estimated
    drawn = placed.obsm["dpvae_draws"].swapaxes(0, 1)
    assert contact_f1(true, found, types) > np.mean([contact_f1(true, d, types) for d in drawn])


def test_they_follow_expression_and_lie_at_spots(phantom: Phantom, model: dpv.DPVAE) -> None:
    spots, true = phantom.reference.obsm["spatial"], phantom.truth.to_numpy()
    found = model.place(phantom.query, likeliest=True).obsm[KEY]
    away = np.linalg.norm(found[:, None] - spots, axis=2).min(axis=1)
    assert away.max() < spot_distance(spots) / 4 * (1 + 1e-9)
    assert len(np.unique(found, axis=0)) == len(found)
    shuffled = phantom.query.copy()
    shuffled.X = shuffled.X[np.random.default_rng(0).permutation(shuffled.n_obs)]
    other = model.place(shuffled, likeliest=True).obsm[KEY]
    errors = [np.linalg.norm(each - true, axis=1).mean() for each in (found, other)]
    assert errors[0] < 0.7 * errors[1]


def test_one_cell_of_a_small_reference_has_one_too(
    phantom: Phantom, quick: dpv.TrainingSettings
) -> None:
    few = phantom.reference[::25].copy()
    placed = dpv.DPVAE(quick).fit(few).place(phantom.query[:1].copy(), likeliest=True)
    away = np.linalg.norm(placed.obsm[KEY] - few.obsm["spatial"], axis=1)
    assert away.min() < spot_distance(few.obsm["spatial"]) / 4 * (1 + 1e-9)


def test_estimates_are_the_same_and_nothing_is_there_that_is_not_asked_for(
    phantom: Phantom, model: dpv.DPVAE
) -> None:
    asked = model.place(phantom.query, likeliest=True)
    plain = model.place(asked)
    assert KEY in asked.obsm and KEY not in plain.obsm
    np.testing.assert_array_equal(asked.obsm["spatial"], plain.obsm["spatial"])
    assert asked.obs.equals(plain.obs)


def test_they_do_not_depend_on_the_order_of_the_cells(phantom: Phantom, model: dpv.DPVAE) -> None:
    order = np.random.default_rng(0).permutation(phantom.query.n_obs)
    found = model.place(phantom.query, likeliest=True).obsm[KEY]
    again = model.place(phantom.query[order].copy(), likeliest=True).obsm[KEY]
    # Sums in another order differ in the last digit, by which one of two spots is the likelier.
    assert (np.abs(again - found[order]).max(axis=1) < 1e-2).mean() > 0.98


def test_a_file_is_placed_as_in_memory_and_keeps_none_of_another_placing(
    phantom: Phantom, model: dpv.DPVAE, tmp_path: Path
) -> None:
    query, first, second = (tmp_path / f"{name}.h5ad" for name in ("query", "first", "second"))
    phantom.query.write_h5ad(query)
    dpv.place_file(model, query, first, likeliest=True)
    found = ad.read_h5ad(first).obsm[KEY]
    expected = model.place(phantom.query, likeliest=True).obsm[KEY]
    assert (np.abs(found - expected).max(axis=1) < 1e-2).mean() > 0.98
    dpv.place_file(model, first, second)
    assert KEY not in ad.read_h5ad(second).obsm


def test_a_cell_whose_place_is_known_stays_there(phantom: Phantom, model: dpv.DPVAE) -> None:
    query = phantom.query.copy()
    query.obsm["known"] = np.full((query.n_obs, 2), np.nan)
    query.obsm["known"][:30] = phantom.truth.to_numpy()[:30]
    placed = model.place(query, mode="impute", known_key="known", likeliest=True)
    np.testing.assert_array_equal(placed.obsm[KEY][:30], query.obsm["known"][:30])
    assert np.abs(placed.obsm[KEY] - placed.obsm["spatial"])[30:].max() > 1


@pytest.mark.parametrize("mode", ["free", "anchored"])
def test_where_no_counts_tell_they_are_the_estimates(
    phantom: Phantom, model: dpv.DPVAE, mode: dpv.settings.Mode
) -> None:
    query = phantom.query.copy()
    if mode == "anchored":
        query.X = query.X.power(0.3)
    placed = model.place(query, mode=mode, likeliest=True)
    np.testing.assert_array_equal(placed.obsm[KEY], placed.obsm["spatial"])


def test_a_part_of_the_tissue_is_not_spread_over_all_of_it(
    phantom: Phantom, quick: dpv.TrainingSettings
) -> None:
    spots = phantom.reference.obsm["spatial"]
    held_out = np.arange(len(spots)) % 3 == 0
    model = dpv.DPVAE(quick).fit(phantom.reference[~held_out].copy())
    left = held_out & (spots[:, 0] < np.median(spots[:, 0]))
    query = phantom.reference[left].copy()
    found = {
        covers: model.place(query, likeliest=True, query_covers=covers).obsm[KEY]
        for covers in ("any", "part", "whole")
    }
    off = {covers: sliced_wasserstein(spots[left], each) for covers, each in found.items()}
    assert off["part"] < 0.8 * off["whole"] and off["any"] < 0.8 * off["whole"]


def test_weights_are_those_that_the_truth_was_drawn_by() -> None:
    rng = torch.Generator().manual_seed(0)
    telling, other = torch.randn((2, 4000, 30), generator=rng)
    chosen = torch.multinomial(torch.softmax(2 * telling, dim=1), 1, generator=rng)
    weights = fitted_odds([(telling, other)], [chosen.numpy()]).weights
    assert weights == pytest.approx((2, 0), abs=0.1)
    mixed = chosen[torch.randperm(len(chosen), generator=rng)]
    assert fitted_odds([(telling, other)], [mixed.numpy()]).weights == pytest.approx(
        (0, 0), abs=0.1
    )


def test_crowded_cells_share_out_as_far_as_they_cover_the_tissue() -> None:
    rng = torch.Generator().manual_seed(0)
    # All like the first of two spots better, some of them by a little.
    odds = torch.stack([torch.rand(400, generator=rng), torch.zeros(400)], dim=1)

    def at_first(whole: float) -> float:
        return float(((odds.numpy() + room_of(odds, 400, whole)).argmax(axis=1) == 0).mean())

    assert at_first(0) == 1
    assert at_first(1) == pytest.approx(0.5, abs=0.05)
    assert at_first(1) < at_first(0.5) < 1
    # Those that like it better stay.
    stay = (odds.numpy() + room_of(odds, 400, 1.0)).argmax(axis=1) == 0
    assert odds[stay, 0].min() > odds[~stay, 0].max()


@pytest.mark.parametrize("n", [1, 50])
def test_one_cell_or_cells_all_alike_are_not_sent_elsewhere(n: int) -> None:
    odds = torch.tensor([[3.0, 2.9, -40.0, 0.0]]).repeat(n, 1)
    assert ((odds.numpy() + room_of(odds, n, 1.0)).argmax(axis=1) == 0).all()
