"""Features that are no genes have no part in placing, wherever they come from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from napari_dpvae import DPVAE, read_query
from napari_dpvae.data.formats.modalities import are_genes, genes_alone
from napari_dpvae.viewer.state.session import Session


def with_proteins(cells: ad.AnnData, seed: int = 0) -> ad.AnnData:
    """The cells with three proteins among their genes, as values that were centred."""
    values = np.random.default_rng(seed).normal(0, 100, (cells.n_obs, 3))
    proteins = ad.AnnData(sparse.csr_matrix(values), obs=cells.obs[[]])
    proteins.var_names = ["CD3", "CD4", "CD19"]
    found = ad.concat([proteins, cells], axis=1, merge="first")
    found.uns = dict(cells.uns)
    found.obsm = dict(cells.obsm)
    found.var["feature_types"] = ["Antibody Capture"] * 3 + ["Gene Expression"] * cells.n_vars
    return found


def test_proteins_in_memory_are_left_out_as_those_of_files_are(
    phantom: Any, model: DPVAE, placed: ad.AnnData, caplog: pytest.LogCaptureFixture
) -> None:
    for seed in (0, 1):
        query = with_proteins(phantom.query, seed)
        found = model.place(query)
        assert "The query: Antibody Capture travel along" in caplog.text
        np.testing.assert_array_equal(found.obsm["spatial"], placed.obsm["spatial"])
        proteins = found.obsm["Antibody_Capture"].toarray()
        np.testing.assert_array_equal(proteins, query.X[:, :3].toarray())
        assert found.var_names.tolist() == phantom.query.var_names.tolist()
        assert query.n_vars == found.n_vars + 3
        np.testing.assert_array_equal(model.encode(query), model.encode(phantom.query))


def test_no_protein_is_trained_on(phantom: Any) -> None:
    quick = DPVAE(epochs=1, genes=300, members=2, checks=0, blocks=0)
    quick.fit(with_proteins(phantom.reference))
    assert set(quick.genes) <= set(phantom.reference.var_names)
    tuned = quick.fine_tune(
        with_proteins(phantom.reference), with_proteins(phantom.query), epochs=1
    )
    assert tuned.is_trained


def test_a_session_takes_genes(phantom: Any) -> None:
    session = Session()
    session.reference = with_proteins(phantom.reference)
    session.query = with_proteins(phantom.query)
    for cells in (session.reference, session.query):
        assert cells.n_vars == phantom.query.n_vars and "Antibody_Capture" in cells.obsm


def test_proteins_in_raw_are_left_out_too(phantom: Any, tmp_path: Path) -> None:
    query = with_proteins(phantom.query)
    query.X = abs(query.X.astype(int)).astype(np.float32)
    query.raw = query
    query = query[:, 3:].copy()
    query.X = query.X.toarray() - query.X.toarray().mean(axis=0)
    query.write_h5ad(tmp_path / "q.h5ad")
    found = read_query(tmp_path / "q.h5ad")
    np.testing.assert_array_equal(found.X.toarray(), phantom.query.X.toarray())


@pytest.mark.parametrize(
    ("kinds", "genes"),
    [
        (["GEX", "ADT"], [True, False]),
        (["Gene Expression", "Negative Control Probe"], [True, False]),
        (["Gene Expression", None], [True, True]),
        (["rna", "atac"], [True, False]),
        (["protein_coding", "lncRNA"], [True, True]),
        (["Antibody Capture", "Peaks"], [False, False]),
        (pd.Categorical(["Gene Expression", "Custom"]), [True, False]),
    ],
)
def test_kinds_by_many_names(kinds: Any, genes: list[bool]) -> None:
    assert are_genes(pd.DataFrame({"feature_types": kinds})).tolist() == genes


def test_what_is_all_genes_stays_as_it_is(phantom: Any) -> None:
    assert genes_alone(phantom.query, "The query") is phantom.query
