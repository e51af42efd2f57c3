"""Reasons to look twice at the data, in plain words."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from napari_dpvae.data.concerns import concerns
from napari_dpvae.data.read import read_query, read_reference


@pytest.fixture
def pair(phantom: Any) -> tuple[ad.AnnData, ad.AnnData]:
    return phantom.reference.copy(), phantom.query.copy()


def with_places(cells: ad.AnnData) -> ad.AnnData:
    reference = cells.copy()
    reference.obsm["spatial"] = np.arange(2.0 * cells.n_obs).reshape(-1, 2)
    return reference


def test_a_good_pair_raises_none(dataset: Any) -> None:
    c2, c3 = (read_reference(dataset(f"breast_her2st_{name}")) for name in ("C2", "C3"))
    assert concerns(c2) == concerns(c2, c3) == []


def test_a_reference_without_counts_or_image(pair: tuple[ad.AnnData, ad.AnnData]) -> None:
    reference, _ = pair
    reference = reference[:50].copy()
    del reference.uns["spatial"]
    reference.X = sparse.csr_matrix(np.log1p(reference.X.toarray()))
    said = concerns(reference)
    assert len(said) == 3
    for part, words in zip(said, ("50 spots", "no image", "no counts"), strict=True):
        assert words in part


def test_a_volume_is_not_blamed_for_having_no_image(volume: ad.AnnData) -> None:
    assert concerns(volume) == []


def test_names_that_differ_by_case_are_told_from_names_that_differ(
    pair: tuple[ad.AnnData, ad.AnnData],
) -> None:
    reference, query = pair
    query.var_names = [name.upper() for name in query.var_names]
    matched, species = concerns(reference, query)
    assert "300 of 300 genes are matched" in matched and "case" in matched
    assert "orthologs" in species
    query.var_names = [f"ENSG{i}" for i in range(query.n_vars)]
    (said,) = concerns(reference, query)
    assert "Only 0 genes" in said and "Ensembl" in said


def test_a_shallow_query_and_one_of_another_unit(pair: tuple[ad.AnnData, ad.AnnData]) -> None:
    reference, query = pair
    reference.X = reference.X * 50
    (said,) = concerns(reference, query)
    assert "shallow" in said
    query.X = query.X * 0.37
    (said,) = concerns(reference, query)
    assert "reference holds counts and the query normalised values" in said
    said = concerns(with_places(query), reference)[-1]
    assert "reference holds normalised values and the query counts" in said


def test_the_real_dissociated_query(dataset: Any) -> None:
    reference = read_reference(dataset("drosophila_embryo_BDTNP3D"))
    query = read_query(dataset("drosophila_embryo_scRNA_Karaiskos"))
    (said,) = concerns(reference)
    assert "normalised" in said
    (said,) = concerns(reference, query)
    assert "query counts" in said
