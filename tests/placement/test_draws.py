"""Draws: as many lie in the region as is stated, and together they are spread as the tissue is."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import napari_dpvae as dpv
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.evaluation.tissue import sliced_wasserstein
from napari_dpvae.geometry.domain import Anywhere, NearSpots
from napari_dpvae.placement.calibrate import Errors
from napari_dpvae.placement.draws import draw_places

KEY = "dpvae_draws"


def test_of_draws_as_many_as_stated_lie_in_the_region(phantom: Phantom, model: dpv.DPVAE) -> None:
    placed = model.place(phantom.reference, draws=50, probability=0.8, domain="anywhere")
    assert placed.obsm[KEY].shape == (phantom.reference.n_obs, 50, 2)
    away = np.linalg.norm(placed.obsm[KEY] - placed.obsm["spatial"][:, None], axis=2)
    inside = away <= placed.obs["dpvae_radius"].to_numpy()[:, None]
    assert inside.mean() == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("query", ["dissociated cells", "held-out spots"])
def test_draws_are_spread_as_the_tissue_is_where_placed_cells_bunch(
    phantom: Phantom, quick: dpv.TrainingSettings, query: str
) -> None:
    held_out = np.arange(phantom.reference.n_obs) % 3 == 0
    model = dpv.DPVAE(quick).fit(phantom.reference[~held_out].copy())
    cells, true = phantom.query, phantom.truth.to_numpy()
    if query == "held-out spots":
        cells = phantom.reference[held_out].copy()
        true = cells.obsm["spatial"]
    placed = model.place(cells, draws=10)
    drawn = placed.obsm[KEY].reshape(-1, 2)
    estimated = sliced_wasserstein(true, placed.obsm["spatial"])
    assert sliced_wasserstein(true, drawn) < 0.9 * estimated


def test_draws_stay_in_the_domain_and_follow_expression(phantom: Phantom, model: dpv.DPVAE) -> None:
    spots = phantom.reference.obsm["spatial"]
    placed = model.place(phantom.query, draws=5)
    drawn = placed.obsm[KEY].reshape(-1, 1, 2)
    assert np.linalg.norm(drawn - spots, axis=2).min(axis=1).max() < 100 * (1 + 1e-9)
    shuffled = phantom.query.copy()
    shuffled.X = shuffled.X[np.random.default_rng(0).permutation(shuffled.n_obs)]
    other = model.place(shuffled, draws=5)
    true = phantom.truth.to_numpy()[:, None]
    errors = [np.linalg.norm(each.obsm[KEY] - true, axis=2).mean() for each in (placed, other)]
    assert errors[0] < 0.8 * errors[1]


def test_draws_do_not_depend_on_the_order_of_the_cells(phantom: Phantom, model: dpv.DPVAE) -> None:
    spots = phantom.reference
    order = np.random.default_rng(0).permutation(spots.n_obs)
    drawn = model.place(spots, draws=3).obsm[KEY]
    again = model.place(spots[order].copy(), draws=3).obsm[KEY]
    # Cells at the domain's border may be drawn anew in one order, and rounded off it in the other.
    assert (np.abs(again - drawn[order]).max(axis=(1, 2)) < 1e-2).mean() > 0.98


def test_a_cell_whose_place_is_known_is_drawn_there(phantom: Phantom, model: dpv.DPVAE) -> None:
    query = phantom.query.copy()
    known = np.full((query.n_obs, 2), np.nan)
    known[:30] = phantom.truth.to_numpy()[:30]
    query.obsm["known"] = known
    drawn = model.place(query, mode="impute", known_key="known", draws=2).obsm[KEY]
    np.testing.assert_allclose(drawn[:30], np.repeat(known[:30, None], 2, axis=1), atol=1e-9)
    assert np.ptp(drawn[30:], axis=1).max() > 1


def test_draws_of_before_do_not_stay(phantom: Phantom, model: dpv.DPVAE) -> None:
    drawn = model.place(phantom.query, draws=2)
    assert KEY not in model.place(drawn).obsm


def test_a_model_that_is_not_calibrated_draws_nothing(
    phantom: Phantom, model: dpv.DPVAE, refuses: object
) -> None:
    stopped = dpv.DPVAE(model.settings)
    stopped._trained = replace(model.trained, scores=np.empty(0))
    with refuses("before the model was calibrated"):  # type: ignore[operator]
        stopped.place(phantom.query, draws=1)


def test_draws_are_off_as_held_out_spots_were_that_were_placed_about_the_cell() -> None:
    """Up or down on the left, and away from the middle on the right."""
    rng = np.random.default_rng(0)
    left, right = (rng.normal(x, 1, (40, 2)) for x in (-50, 50))
    up_or_down = np.column_stack([np.zeros(40), np.tile([-1.0, 1.0], 20)])
    errors = Errors(np.vstack([left, right]), np.vstack([up_or_down, np.tile([3.0, 0.0], (40, 1))]))
    points, expected = np.array([[-50.0, 0.0], [50.0, 0.0]]), np.array([1.0, 2.0])
    drawn = draw_places(points, expected, errors, Anywhere(), pd.Index(["a", "b"]), 100, 0)
    steps = drawn - points[:, None]
    assert set(steps[0, :, 1]) == {-1, 1} and not steps[0, :, 0].any()
    np.testing.assert_allclose(steps[1], np.tile([6.0, 0.0], (100, 1)))


def test_draws_that_never_fall_inside_lie_on_the_border() -> None:
    """About a cell at the edge of one spot, by errors that are far too long."""
    spots = np.array([[0.0, 0.0], [1.0, 0.0]])
    domain = NearSpots(spots)
    points = np.array([[0.0, 0.5], [0.5, 0.0]])
    errors = Errors(spots, np.array([[1.0, 0.0], [0.0, 1.0]]))
    drawn = draw_places(points, np.full(2, 100.0), errors, domain, pd.Index(["a", "b"]), 4, 0)
    assert drawn.shape == (2, 4, 2)
    flat = drawn.reshape(-1, 2)
    np.testing.assert_allclose(domain.keep_inside(flat), flat, atol=1e-9)


def test_draws_about_a_cell_beside_the_tissue_lie_as_much_farther_out() -> None:
    spots = np.array([[0.0, 0.0], [1.0, 0.0]])
    tissue, points = NearSpots(spots), np.array([[0.0, 0.5], [0.0, 3.0]])
    errors = Errors(spots, np.array([[0.1, 0.0], [0.0, -0.1]]))
    drawn = draw_places(points, np.ones(2), errors, tissue, pd.Index(["a", "b"]), 20, 0)
    steps = drawn - points[:, None]
    np.testing.assert_allclose(np.linalg.norm(steps, axis=2), 0.1, atol=1e-3)
    assert (drawn[1, :, 1] > 2.8).all()
