"""Regions of a query of another platform: calibrated on spots as that platform sees them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from benchmarks.platform_gap import single_cells
from scipy import sparse

from napari_dpvae import DPVAE, TrainingSettings
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.expression.aligned import Cells
from napari_dpvae.expression.imitate import imitate
from napari_dpvae.placement import calibrate
from napari_dpvae.placement.calibrate import calibrated
from napari_dpvae.placement.query import read_by
from napari_dpvae.placement.solve import Solver
from napari_dpvae.uncertainty.conformal import conformal_factor

Dataset = Callable[[str], Path]


def share_inside(placed: ad.AnnData, true: np.ndarray) -> float:
    errors = np.linalg.norm(placed.obsm["spatial"] - true, axis=1)
    return float((errors <= placed.obs["dpvae_radius"]).mean())


def scores(solver: Solver, *, with_profiles: bool = True) -> np.ndarray:
    return calibrated(solver, with_profiles=with_profiles).errors.scores


def imitated(model: DPVAE, query: ad.AnnData) -> Cells:
    trained = model.trained
    aligned = read_by(trained, query).aligned
    assert aligned.totals is not None
    rng = np.random.default_rng(0)
    return imitate(trained.panel, trained.expression, aligned.present, aligned.totals, rng)


def test_regions_hold_dissociated_cells_that_those_of_spots_do_not(
    phantom: Phantom, quick: TrainingSettings
) -> None:
    model = DPVAE(replace(quick, epochs=100)).fit(phantom.reference)
    placed, true = model.place(phantom.query), phantom.truth.to_numpy()
    assert placed.uns["dpvae"]["calibrated_as"] == "query"
    inside = share_inside(placed, true)
    assert 0.85 < inside < 0.98
    trained, query = model.trained, phantom.query
    wider = scores(Solver.of(trained, read_by(trained, query)))
    assert len(wider) == phantom.reference.n_obs
    narrow = conformal_factor(trained.scores, 0.9) / conformal_factor(wider, 0.9)
    placed.obs["dpvae_radius"] *= narrow
    assert share_inside(placed, true) < inside - 0.08


def test_single_cells_lie_in_their_regions_among_spots_of_several(
    dataset: Dataset, quick: TrainingSettings
) -> None:
    """Spots are sums of neighbouring cells of a section whose other cells are thinned."""
    dataset("cortex_osmFISH")
    task = single_cells("osmFISH", seed=0)
    model = DPVAE(replace(quick, epochs=60)).fit(task.reference)
    assert 0.85 < share_inside(model.place(task.query), task.true) < 0.98


def test_each_spot_is_scored_by_the_networks_that_did_not_see_it(
    phantom: Phantom, model: DPVAE
) -> None:
    solver = Solver.of(model.trained, read_by(model.trained, phantom.query))
    first, second = solver.members
    everywhere = replace(first, trained_on=np.ones_like(first.trained_on))
    alone = replace(solver, trained=replace(model.trained, members=(everywhere, second)))
    of_second = scores(alone, with_profiles=False)
    assert len(of_second) == (~second.trained_on).sum()
    # The same spots, imitated alike, by the same network.
    every = scores(solver, with_profiles=False)
    np.testing.assert_array_equal(of_second, every[-len(of_second) :])


def test_of_many_spots_some_are_scored_that_stand_for_all(
    phantom: Phantom, model: DPVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    solver = Solver.of(model.trained, read_by(model.trained, phantom.query))
    every = scores(solver)
    monkeypatch.setattr(calibrate, "MOST_SPOTS", 150)
    some = scores(solver)
    assert len(some) == 150 < len(every)
    assert conformal_factor(some, 0.5) == pytest.approx(conformal_factor(every, 0.5), rel=0.2)


def test_imitated_spots_are_as_deep_as_the_query_and_catch_its_genes(
    phantom: Phantom, model: DPVAE
) -> None:
    aligned = read_by(model.trained, phantom.query).aligned
    cells = imitated(model, phantom.query)
    assert cells.x.shape == model.trained.expression.shape
    np.testing.assert_allclose(cells.x.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(cells.x.std(axis=0), 1, atol=0.1)
    # Zeros of a gene tell of its mean, which the standardised values do not.
    silent = [np.mean(x <= x.min(axis=0) + 1e-6, axis=0) for x in (cells.x, aligned.x)]
    assert np.corrcoef(*silent)[0, 1] > 0.9
    assert abs(silent[0].mean() - silent[1].mean()) < 0.1


def test_a_gene_that_the_query_lacks_stays_at_the_mean(phantom: Phantom, model: DPVAE) -> None:
    panel = model.trained.panel
    query = phantom.query[:, ~phantom.query.var_names.isin(panel.genes[:5])].copy()
    x = imitated(model, query).x
    assert (x[:, :5] == 0).all() and np.isfinite(x).all()


def test_the_same_regions_twice(phantom: Phantom, model: DPVAE) -> None:
    first, second = (model.place(phantom.query).obs["dpvae_radius"] for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("change", [lambda x: x.power(0.3), lambda x: np.log1p(np.log1p(x))])
def test_values_that_are_no_counts_tell_no_noise(
    phantom: Phantom, model: DPVAE, change: Callable[[sparse.csr_matrix], sparse.csr_matrix]
) -> None:
    query = phantom.query.copy()
    query.X = change(query.X)
    about = model.place(query).uns["dpvae"]
    assert about["standardised_by"] == "query" and about["calibrated_as"] == "reference"


def test_cells_of_the_same_platform_are_calibrated_as_the_reference(
    phantom: Phantom, model: DPVAE
) -> None:
    assert model.place(phantom.reference).uns["dpvae"]["calibrated_as"] == "reference"


@pytest.mark.parametrize("change", [np.log1p, lambda x: x.power(0.3)])
def test_a_reference_of_logarithms_or_of_values_imitates_a_query_of_counts(
    phantom: Phantom,
    hasty: TrainingSettings,
    change: Callable[[sparse.csr_matrix], sparse.csr_matrix],
) -> None:
    reference = phantom.reference.copy()
    reference.X = change(reference.X)
    placed = DPVAE(hasty).fit(reference).place(phantom.query)
    assert placed.uns["dpvae"]["calibrated_as"] == "query"
    assert np.isfinite(placed.obs["dpvae_radius"]).all()
