"""What certainty is foretold follows from what expression tells of places."""

from __future__ import annotations

import re
from typing import Any

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae.analysis.prospect import found_again, prospect


def told(*cells: ad.AnnData, **how: Any) -> tuple[int, int]:
    """Percents of the diagonal, of half of the spots and of nine in ten."""
    half, most = re.findall(r"to (\d+)%", found_again(*cells, **how))
    return int(half), int(most)


def test_spots_that_are_told_apart_are_found_again(phantom: Any) -> None:
    half, most = told(phantom.reference)
    assert half <= 10 and half < most <= 25
    shuffled = phantom.reference.copy()
    np.random.default_rng(0).shuffle(shuffled.obsm["spatial"])
    assert told(shuffled)[0] > 2 * half


def test_a_query_that_is_shallow_or_lacks_genes_tells_less(phantom: Any) -> None:
    reference, query = phantom.reference, phantom.query
    shallow = query.copy()
    shallow.X = sparse.csr_matrix(
        np.random.default_rng(0).binomial(query.X.toarray().astype(int), 0.1)
    )
    few = query[:, ::30].copy()
    assert told(reference, query)[0] < min(told(reference, shallow)[0], told(reference, few)[0])
    assert "by the 10 genes that are shared" in found_again(reference, few)


def test_units_and_sections(phantom: Any) -> None:
    logged = phantom.query.copy()
    logged.X = logged.X.log1p()
    assert told(phantom.reference, logged)[0] <= 10
    two = ad.concat([phantom.reference, phantom.reference[:100]], label="slice", index_unique="-")
    two.obsm["spatial"][321:] += 1e6
    assert told(two, section_key="slice") == told(phantom.reference)


def test_what_no_gene_tells_is_said(phantom: Any) -> None:
    query = phantom.query[:, :1].copy()
    query.X = query.X * 0
    reference = phantom.reference.copy()
    reference.X = sparse.csr_matrix(reference.X.toarray() * (np.arange(300) > 0))
    said = list(prospect(reference, query))
    assert "cannot be told" in said[1] and len(said) == 4
