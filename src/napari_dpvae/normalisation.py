"""Counts or normalised values, brought to one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import anndata as ad
import numpy as np
from scipy import sparse

TARGET_SUM = 1e4
"""Counts per cell after depth normalisation."""

Matrix: TypeAlias = np.ndarray | sparse.spmatrix


def holds_counts(x: Matrix) -> bool:
    """Whether a matrix holds raw counts: no value is negative or has a fraction."""
    values = np.asarray(x.data if sparse.issparse(x) else x)
    return bool(np.all(values >= 0) and np.all(values == np.floor(values)))


def log_normalise(values: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
    """``log1p`` of values (n, g) brought to a depth of TARGET_SUM; as they are without a depth."""
    if depth is None:
        return values
    return np.log1p(values * (TARGET_SUM / np.maximum(depth, 1.0))[:, None])


def log_expression(cells: ad.AnnData, genes: Sequence[str] | None = None) -> sparse.csr_matrix:
    """Log-normalised expression of some genes: values as they are unless the cells hold counts.

    Parameters
    ----------
    cells
        Cells by genes. Their depth is that over all of their genes.
    genes
        All if not given.

    Returns
    -------
    scipy.sparse.csr_matrix
        (n, g) float32.
    """
    chosen = cells if genes is None else cells[:, list(genes)]
    x = sparse.csr_matrix(chosen.X, dtype=np.float32)
    if not holds_counts(cells.X):
        return x
    scale = (TARGET_SUM / np.maximum(depths(cells.X), 1.0)).astype(np.float32)
    return sparse.csr_matrix((sparse.diags_array(scale) @ x).log1p())


def depths(x: Matrix) -> np.ndarray:
    """(n,) sum of each row."""
    return np.asarray(x.sum(axis=1), float).ravel()


def dense(x: Matrix) -> np.ndarray:
    """The matrix as a float64 array."""
    full: Any = x.toarray() if isinstance(x, sparse.spmatrix | sparse.sparray) else x
    return np.asarray(full, dtype=np.float64)
