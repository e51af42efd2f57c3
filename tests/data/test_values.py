"""What kind of expression a matrix holds, and what programs make of counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from napari_dpvae.data import values
from napari_dpvae.data.values import canonical, depths, expression_kind, few_rows, holds_counts

Make = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def depth(x: np.ndarray) -> np.ndarray:
    return np.maximum(x.sum(axis=1, keepdims=True), 1)


def without_ambient(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As SoupX: a share of each cell's depth goes, by the mean profile, where there is some."""
    expected = 0.1 * depth(x) * x.sum(axis=0) / x.sum()
    return np.where(x > 0, np.maximum(x - expected, 0), 0)


def split(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As molecules that map to several genes: some values have fractions."""
    return np.where(rng.random(x.shape) < 0.1, x * rng.random(x.shape), x)


def one_fraction(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    changed = x.copy()
    changed[3, np.flatnonzero(x[3])[0]] = 0.5
    return changed


KINDS: list[tuple[str, str, Make]] = [
    ("counts", "counts", lambda x, rng: x),
    ("counts with fractions", "ambient", without_ambient),
    ("counts with fractions", "cleaned", lambda x, rng: x * rng.uniform(0.7, 1, x.shape)),
    ("counts with fractions", "split", split),
    ("counts with fractions", "one", one_fraction),
    ("log1p", "log1p", lambda x, rng: np.log1p(x / depth(x) * 1e4)),
    ("log1p", "of some genes", lambda x, rng: np.log1p(x / depth(x) * 1e4)[:, ::3]),
    ("log1p", "rounded", lambda x, rng: np.round(np.log1p(x / depth(x) * 1e4), 3)),
    ("log1p", "of counts", lambda x, rng: np.log1p(x)),
    ("log2", "of CPM", lambda x, rng: np.log2(x / depth(x) * 1e6 + 1)),
    ("log2", "of counts", lambda x, rng: np.log2(x + 1)),
    ("log10", "log10", lambda x, rng: np.log10(x / depth(x) * 1e4 + 1)),
    ("square roots", "roots", lambda x, rng: np.sqrt(x)),
    ("normalised", "CPM", lambda x, rng: x / depth(x) * 1e6),
    ("normalised", "of some genes", lambda x, rng: (x / depth(x) * 1e4)[:, ::2]),
    ("normalised", "a share", lambda x, rng: x * 0.37),
    ("normalised", "intensities", lambda x, rng: rng.uniform(0, 1, x.shape)),
    ("scaled", "scaled", lambda x, rng: np.log1p(x) - np.log1p(x).mean(axis=0)),
]  # fmt: skip


@pytest.fixture(params=["phantom", "few genes"])
def counts(request: pytest.FixtureRequest, phantom: Any) -> np.ndarray:
    """Spots of many genes, and of a targeted panel."""
    x = phantom.reference.X.toarray().astype(float)
    return x if request.param == "phantom" else x[:, np.argsort(-x.sum(axis=0))[:60]]


@pytest.mark.parametrize(("kind", "name", "make"), KINDS, ids=[f"{k}-{n}" for k, n, _ in KINDS])
def test_kinds_are_told(counts: np.ndarray, kind: str, name: str, make: Make) -> None:
    x = make(counts, np.random.default_rng(0)).astype(np.float32)
    for form in (x, sparse.csr_matrix(x), sparse.csc_matrix(x), sparse.csr_array(x)):
        assert expression_kind(form) == kind
        assert holds_counts(form) == kind.startswith("counts")


def test_counts_stored_in_parts_are_counts() -> None:
    x = sparse.csr_matrix(([0.5, 0.5, 3.0], [1, 1, 2], [0, 2, 3]), shape=(2, 3))
    assert holds_counts(x)
    assert x.nnz == 3, "what is looked at is not changed"
    assert canonical(x).toarray().tolist() == [[0, 1, 0], [0, 0, 3]]
    assert canonical(canonical(x).tocsr()) is not None


def test_depths_of_small_types_do_not_overflow() -> None:
    assert depths(np.full((2, 300), 2000, np.float16)).tolist() == [600_000, 600_000]
    assert depths(sparse.csr_matrix(np.full((1, 300), 127, np.int8))).tolist() == [300 * 127]
    assert depths(np.full((1, 300), 255, np.uint8)).tolist() == [300 * 255]


def test_real_data(dataset: Any) -> None:
    import anndata as ad

    assert expression_kind(ad.read_h5ad(dataset("breast_her2st_C2")).X) == "counts"
    assert expression_kind(ad.read_h5ad(dataset("drosophila_embryo_BDTNP3D")).X) == "normalised"


def test_a_sparse_matrix_that_has_no_rows_gets_them() -> None:
    x = sparse.coo_matrix(([1.0, 2.0, 3.0], ([0, 0, 1], [1, 1, 0])), shape=(2, 2))
    np.testing.assert_array_equal(canonical(x).toarray(), [[0, 3], [3, 0]])
    assert canonical(x).format == "csr"


def test_fractions_that_are_very_rare_leave_counts(phantom: Any) -> None:
    x = sparse.csr_matrix(np.ones((60_000, 3), np.float32))
    x.data[-1] = 0.5
    assert expression_kind(x) == "counts with fractions"


@pytest.mark.parametrize("rows", [slice(None), slice(3, 11), np.array([7, 2, 2, 9]), slice(0, 0)])
@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix])
def test_a_few_rows_at_a_time_are_all_rows_in_order(
    rows: slice | np.ndarray, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.arange(1.0, 61.0).reshape(12, 5)
    monkeypatch.setattr(values, "FEW", 12)
    parts = [sparse.csr_matrix(part).toarray() for part in few_rows(make(x), rows)]
    assert all(len(part) <= 2 for part in parts)
    np.testing.assert_array_equal(np.vstack(parts), x[rows])
