"""Values and limits of a gene."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from napari_dpvae.colours.scale import Expression, Limits, colour_limits
from napari_dpvae.data import values


def test_values_are_log_counts_per_ten_thousand() -> None:
    x = np.array([[1.0, 3.0], [0.0, 10.0]])
    for matrix in (x, sparse.csr_matrix(x), sparse.csc_matrix(x)):
        shown = Expression(ad.AnnData(matrix))
        values, unit = shown.values("0")
        np.testing.assert_allclose(values, np.log1p([2500.0, 0.0]))
        assert "per 10,000" in unit
        assert shown.values("absent") is None


def test_values_do_not_depend_on_how_the_matrix_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).poisson(0.5, (23, 7)).astype(float)
    whole, _ = Expression(ad.AnnData(x)).values("3")
    twice = sparse.csr_matrix(x)
    twice = sparse.csr_matrix(
        (np.repeat(twice.data / 2, 2), np.repeat(twice.indices, 2), 2 * twice.indptr), x.shape
    )
    monkeypatch.setattr(values, "FEW", 10)
    for matrix in (x, sparse.csr_matrix(x), sparse.csc_matrix(x), twice):
        np.testing.assert_array_equal(Expression(ad.AnnData(matrix)).values("3")[0], whole)


def test_a_gene_that_no_cell_has_is_a_number_too() -> None:
    x = sparse.csr_matrix(np.array([[0.5, 0.0], [-1.25, 0.0]]))
    values, _ = Expression(ad.AnnData(x)).values("1")
    assert values.dtype == np.float64
    assert not values.any()


def test_normalised_values_are_shown_as_they_are() -> None:
    shown = Expression(ad.AnnData(np.array([[0.5], [-1.25]])))
    values, unit = shown.values("0")
    np.testing.assert_array_equal(values, [0.5, -1.25])
    assert unit == "normalised expression"


def test_limits_span_all_parts_and_are_never_empty() -> None:
    low, high = colour_limits(np.linspace(0, 1, 50), np.linspace(0, 5, 50))
    assert low == 0.0
    assert 4.5 < high <= 5.0
    low, high = colour_limits(np.zeros(5))
    assert high > low
    assert colour_limits(np.linspace(0, 1, 101), limits=Limits(10, 50)) == (0.1, 0.5)
    assert colour_limits(np.linspace(0, 1, 50), limits=Limits(-1, 3, False)) == (-1.0, 3.0)
    assert colour_limits(np.full(4, np.nan)) == (0.0, 1.0)
    # A gene seen in a few cells only still gets a scale of its own.
    assert colour_limits(np.r_[np.zeros(1000), 7.0]) == (0.0, 7.0)
