"""Counts that are not in X."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from napari_dpvae import DPVAE, read_query, read_reference


@pytest.fixture
def scaled(phantom: Any) -> ad.AnnData:
    """As Seurat and scanpy leave it: scaled values of some genes, all counts in raw."""
    whole = phantom.reference
    x = np.log1p(whole.X.toarray())
    x = ((x - x.mean(axis=0)) / (x.std(axis=0) + 1e-6)).astype(np.float32)
    cells = ad.AnnData(x, obs=whole.obs.copy(), var=whole.var.copy(), obsm=dict(whole.obsm))
    cells = cells[:, ::3].copy()
    cells.raw = whole.copy()
    return cells


def test_counts_in_raw_are_used_and_said(
    scaled: ad.AnnData, phantom: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scaled.write_h5ad(tmp_path / "r.h5ad")
    for found in (
        read_reference(tmp_path / "r.h5ad"),
        read_reference(tmp_path / "r.h5ad", layer="raw"),
    ):
        np.testing.assert_array_equal(found.X.toarray(), phantom.reference.X.toarray())
        np.testing.assert_array_equal(found.obsm["spatial"], phantom.reference.obsm["spatial"])
    assert "not counts (scaled): the counts in .raw are used" in caplog.text
    assert read_reference(tmp_path / "r.h5ad", layer="X").n_vars == scaled.n_vars


def test_counts_in_a_layer_are_used(phantom: Any, tmp_path: Path) -> None:
    cells = phantom.query.copy()
    cells.layers["lognorm"] = cells.X.log1p()
    cells.layers["umis"] = cells.X.copy()
    cells.X = cells.X.log1p()
    cells.write_h5ad(tmp_path / "q.h5ad")
    np.testing.assert_array_equal(
        read_query(tmp_path / "q.h5ad").X.toarray(), phantom.query.X.toarray()
    )


def test_values_that_are_nowhere_counts_stay(phantom: Any, tmp_path: Path) -> None:
    cells = phantom.query.copy()
    cells.X = cells.X.log1p()
    cells.raw = cells.copy()
    cells.write_h5ad(tmp_path / "q.h5ad")
    np.testing.assert_array_equal(read_query(tmp_path / "q.h5ad").X.toarray(), cells.X.toarray())


@pytest.mark.parametrize("x", [None, "zeros"])
def test_an_empty_x_is_filled_or_refused(
    phantom: Any, tmp_path: Path, refuses: Any, x: str | None
) -> None:
    cells = phantom.query.copy()
    cells.layers["counts"] = cells.X.copy()
    cells.X = None if x is None else sparse.csr_matrix(cells.shape, dtype=np.float32)
    cells.write_h5ad(tmp_path / "q.h5ad")
    for layer in (None, "counts"):
        assert read_query(tmp_path / "q.h5ad", layer=layer).X.sum() == phantom.query.X.sum()
    del cells.layers["counts"]
    cells.write_h5ad(tmp_path / "q.h5ad")
    with refuses("name the layer"):
        read_query(tmp_path / "q.h5ad")


def test_numbered_genes_are_named_by_their_column(
    phantom: Any, tmp_path: Path, refuses: Any, caplog: pytest.LogCaptureFixture
) -> None:
    cells = phantom.query.copy()
    names = cells.var_names.tolist()
    cells.var_names = [str(i) for i in range(cells.n_vars)]
    cells.write_h5ad(tmp_path / "q.h5ad")
    with refuses("put the gene names in var_names"):
        read_query(tmp_path / "q.h5ad")
    cells.var["gene_ids"] = [f"ENSG{i}" for i in range(cells.n_vars)]
    cells.var["features"] = names
    cells.write_h5ad(tmp_path / "q.h5ad")
    assert read_query(tmp_path / "q.h5ad").var_names.tolist() == names
    assert "named by var['features']" in caplog.text


def test_zeros_and_ones_are_no_counts(phantom: Any, tmp_path: Path) -> None:
    cells = phantom.query.copy()
    cells.layers["binary"] = (cells.X > 0).astype(np.float32)
    cells.X = cells.X.log1p()
    cells.write_h5ad(tmp_path / "q.h5ad")
    np.testing.assert_array_equal(read_query(tmp_path / "q.h5ad").X.toarray(), cells.X.toarray())
    cells.layers["umis"], cells.X = phantom.query.X.copy(), cells.layers["binary"].copy()
    cells.write_h5ad(tmp_path / "q.h5ad")
    assert read_query(tmp_path / "q.h5ad").X.sum() == phantom.query.X.sum()


def test_counts_with_fractions_in_raw_are_used(phantom: Any, tmp_path: Path) -> None:
    cells = phantom.query.copy()
    kept = cells.copy()
    kept.X.data = kept.X.data - np.random.default_rng(0).uniform(0, 0.4, kept.X.nnz)
    cells.raw = kept
    cells.X = cells.X.log1p()
    cells.write_h5ad(tmp_path / "q.h5ad")
    np.testing.assert_array_equal(read_query(tmp_path / "q.h5ad").X.toarray(), kept.X.toarray())


def test_logarithms_in_raw_go_before_scaled_values(
    scaled: ad.AnnData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    logged = scaled.raw.to_adata()
    logged.X = logged.X.log1p()
    scaled.raw = logged
    scaled.write_h5ad(tmp_path / "r.h5ad")
    found = read_reference(tmp_path / "r.h5ad")
    np.testing.assert_allclose(found.X.toarray(), logged.X.toarray())
    assert "the logarithms (log1p) in .raw are used" in caplog.text


def test_cells_in_memory_are_taken_as_they_are_with_a_word(
    scaled: ad.AnnData, phantom: Any, model: Any, hasty: Any, caplog: pytest.LogCaptureFixture
) -> None:
    DPVAE(hasty).fit(scaled)
    assert "The reference holds values that are not counts (scaled) in X, and counts in raw.X" in (
        caplog.text
    )
    query = phantom.query.copy()
    query.layers["umis"] = query.X.copy()
    caplog.clear()
    model.place(query)
    assert "which are not used" not in caplog.text, "X holds them"
    query.X = query.X.log1p()
    model.place(query)
    assert "counts in layers['umis'], which are not used" in caplog.text
