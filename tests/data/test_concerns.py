"""Reasons to look twice at the data, in plain words."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from napari_dpvae.data.concerns import pair_concerns, reference_concerns
from napari_dpvae.data.read import read_query, read_reference


@pytest.fixture
def pair(phantom: Any) -> tuple[ad.AnnData, ad.AnnData]:
    return phantom.reference.copy(), phantom.query.copy()


def test_a_good_pair_raises_none(dataset: Any) -> None:
    c2, c3 = (read_reference(dataset(f"breast_her2st_{name}")) for name in ("C2", "C3"))
    assert reference_concerns(c2) == pair_concerns(c2, c3) == []


def test_a_reference_without_counts_or_image(pair: tuple[ad.AnnData, ad.AnnData]) -> None:
    reference, _ = pair
    reference = reference[:50].copy()
    del reference.uns["spatial"]
    reference.X = sparse.csr_matrix(np.log1p(reference.X.toarray()))
    said = reference_concerns(reference)
    assert [word for word in ("50 spots", "no counts", "no image") if word in " ".join(said)] == [
        "50 spots",
        "no counts",
        "no image",
    ]


def test_a_volume_is_not_blamed_for_having_no_image(volume: ad.AnnData) -> None:
    assert reference_concerns(volume) == []


def test_names_that_differ_by_case_are_told_from_names_that_differ(
    pair: tuple[ad.AnnData, ad.AnnData],
) -> None:
    reference, query = pair
    query.var_names = [name.upper() for name in query.var_names]
    (said,) = pair_concerns(reference, query)
    assert "case" in said
    query.var_names = [f"ENSG{i}" for i in range(query.n_vars)]
    (said,) = pair_concerns(reference, query)
    assert "Only 0 genes" in said and "Ensembl" in said


def test_a_shallow_query_and_one_of_another_unit(pair: tuple[ad.AnnData, ad.AnnData]) -> None:
    reference, query = pair
    reference.X = reference.X * 50
    (said,) = pair_concerns(reference, query)
    assert "shallow" in said
    query.X = query.X * 0.37
    (said,) = pair_concerns(reference, query)
    assert "reference holds counts and the query normalised values" in said
    (said,) = pair_concerns(query, reference)
    assert "reference holds normalised values and the query counts" in said


def test_the_real_dissociated_query(dataset: Any) -> None:
    reference = read_reference(dataset("drosophila_embryo_BDTNP3D"))
    query = read_query(dataset("drosophila_embryo_scRNA_Karaiskos"))
    assert any("normalised" in said for said in reference_concerns(reference))
    assert len(pair_concerns(reference, query)) == 1
