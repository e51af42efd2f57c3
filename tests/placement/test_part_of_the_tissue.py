"""Cells of another platform that come from a part of the tissue are placed in that part."""

import anndata as ad
import numpy as np
import pytest

from napari_dpvae import DPVAE, make_phantom
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.evaluation.metrics import localisation_errors
from napari_dpvae.expression.aligned import Totals
from napari_dpvae.expression.composition import as_of_the_whole
from napari_dpvae.geometry.spacing import diagonal


def mean_error(placed: ad.AnnData, true: np.ndarray) -> float:
    return float(localisation_errors(true, placed.obsm["spatial"]).mean())


@pytest.fixture(scope="module")
def many() -> Phantom:
    """The phantom with more dissociated cells: of few the means are noise."""
    return make_phantom(n_cells=1000)


@pytest.fixture(scope="module")
def left(many: Phantom) -> np.ndarray:
    """Which of the phantom's dissociated cells are of its left."""
    x = many.truth.to_numpy()[:, 0]
    return np.asarray(x < np.quantile(x, 0.35))


def totals(model: DPVAE, cells: ad.AnnData) -> Totals:
    found = model.trained.panel.align(cells).totals
    assert found is not None
    return found


def brought_to_the_whole(model: DPVAE, found: Totals) -> Totals:
    trained = model.trained
    present = np.ones(len(trained.panel.genes), bool)
    return as_of_the_whole(trained.panel, trained.expression, present, found, seed=0)


def apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.mean((a - b) ** 2)))


def test_a_part_is_not_spread_over_all_of_the_tissue(
    many: Phantom, model: DPVAE, left: np.ndarray
) -> None:
    cells, true = many.query[left], many.truth.to_numpy()[left]
    any_, whole = (model.place(cells, query_covers=covers) for covers in ("any", "whole"))
    assert any_.uns["dpvae"]["taken_to_cover"] == "part"
    assert any_.uns["dpvae"]["standardised_by"] == whole.uns["dpvae"]["standardised_by"] == "query"
    assert mean_error(any_, true) < 0.7 * mean_error(whole, true)
    inside = localisation_errors(true, any_.obsm["spatial"]) <= any_.obs["dpvae_radius"]
    assert inside.mean() > 0.75


def test_all_of_the_tissue_is_placed_as_if_that_were_known(many: Phantom, model: DPVAE) -> None:
    true = many.truth.to_numpy()
    any_, whole = (model.place(many.query, query_covers=covers) for covers in ("any", "whole"))
    assert any_.uns["dpvae"]["taken_to_cover"] == "whole"
    np.testing.assert_array_equal(any_.obsm["spatial"], whole.obsm["spatial"])
    assert mean_error(any_, true) < 0.1 * diagonal(true)


def test_what_is_known_to_be_a_part_is_taken_for_one(many: Phantom, model: DPVAE) -> None:
    part = model.place(many.query, query_covers="part")
    assert part.uns["dpvae"]["taken_to_cover"] == "part"


def test_statistics_of_a_part_are_brought_to_those_of_the_whole(
    many: Phantom, model: DPVAE, left: np.ndarray
) -> None:
    whole, part = totals(model, many.query), totals(model, many.query[left])
    brought = brought_to_the_whole(model, part)
    assert apart(brought.mean, whole.mean) < 0.6 * apart(part.mean, whole.mean)
    logarithms = [np.log(each.share + 1e-6) for each in (whole, part, brought)]
    assert apart(logarithms[2], logarithms[0]) < 0.6 * apart(logarithms[1], logarithms[0])
    assert brought_to_the_whole(model, whole) is whole


def test_what_differs_between_genes_at_random_is_the_platforms(
    many: Phantom, model: DPVAE, left: np.ndarray
) -> None:
    whole, part = totals(model, many.query), totals(model, many.query[left])
    order = np.random.default_rng(0).permutation(len(part.share))
    folds = (part.share + 1e-9) / (whole.share + 1e-9)
    shuffled = whole._replace(share=whole.share * folds[order])
    assert brought_to_the_whole(model, shuffled) is shuffled
    assert brought_to_the_whole(model, part) is not part


def test_a_platform_without_genes_of_its_own_changes_nothing(model: DPVAE) -> None:
    trained = model.trained
    present = np.zeros(len(trained.panel.genes), bool)
    present[0] = True
    one = Totals(np.ones(1), np.ones(1), np.full(1, 0.01), np.full(50, 100.0))
    assert as_of_the_whole(trained.panel, trained.expression, present, one, seed=0) is one
