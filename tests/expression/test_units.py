"""Counts taken back from what programs make of them: the unit of a file does not move a cell."""

from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
from scipy import sparse

from napari_dpvae import DPVAE, TrainingSettings
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.expression.units import as_counts, units_of

Change = Callable[[ad.AnnData], None]


def log1p(cells: ad.AnnData) -> None:
    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.pp.log1p(cells)


def log2_cpm(cells: ad.AnnData) -> None:
    sc.pp.normalize_total(cells, target_sum=1e6)
    sc.pp.log1p(cells, base=2)


def log1p_of_the_median_depth(cells: ad.AnnData) -> None:
    sc.pp.normalize_total(cells)
    sc.pp.log1p(cells)


def per_million(cells: ad.AnnData) -> None:
    sc.pp.normalize_total(cells, target_sum=1e6)


def dense_log1p(cells: ad.AnnData) -> None:
    log1p(cells)
    cells.X = cells.X.toarray()


UNITS = [log1p, log2_cpm, log1p_of_the_median_depth, per_million, dense_log1p]


def changed(cells: ad.AnnData, change: Change) -> ad.AnnData:
    other = cells.copy()
    change(other)
    return other


@pytest.mark.parametrize("change", UNITS)
@pytest.mark.parametrize("name", ["breast_her2st_C2", "mpfc_STARmap_BZ5", "dlpfc_Visium_151510"])
def test_counts_come_back_as_they_were(
    dataset: Callable[[str], Path], name: str, change: Change
) -> None:
    cells = ad.read_h5ad(dataset(name))[:200].copy()
    found, counts = as_counts(changed(cells, change).X)
    assert counts
    np.testing.assert_array_equal(sparse.csr_matrix(found).toarray(), cells.X.toarray())


@pytest.mark.parametrize(
    "change", [lambda x: x.power(0.3), lambda x: np.log1p(np.log1p(x)), lambda x: x * -1.0]
)
def test_no_counts_are_made_up(phantom: Phantom, change: Callable[[object], object]) -> None:
    cells = phantom.reference.copy()
    cells.X = change(cells.X)
    assert not units_of(cells.X).counts
    found, counts = as_counts(cells.X)
    assert found is cells.X and not counts


def test_random_values_are_no_counts() -> None:
    rng = np.random.default_rng(0)
    x = sparse.random_array((300, 200), density=0.2, rng=rng, format="csr")
    x.data = rng.uniform(0.1, 5, x.nnz)
    assert not units_of(x).counts


@pytest.mark.parametrize("change", [log1p, log2_cpm])
def test_a_cell_lies_where_it_lies_whatever_the_units_of_both_sides(
    phantom: Phantom, hasty: TrainingSettings, change: Change
) -> None:
    counts = DPVAE(hasty).fit(phantom.reference).place(phantom.query)
    other = DPVAE(hasty).fit(changed(phantom.reference, change))
    placed = other.place(changed(phantom.query, change))
    np.testing.assert_allclose(placed.obsm["spatial"], counts.obsm["spatial"], atol=0.5)
    assert placed.obs["dpvae_status"].equals(counts.obs["dpvae_status"])
    np.testing.assert_allclose(placed.obs["dpvae_radius"], counts.obs["dpvae_radius"], rtol=1e-3)
