"""Counts or normalised values, brought to one scale, and standardised."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae.data.values import Matrix, dense, depths, holds_counts

TARGET_SUM = 1e4
"""Counts per cell after depth normalisation."""
LIMIT = 10.0
"""Standardised values are clipped to plus and minus this, as ``scanpy.pp.scale`` does."""
COLUMNS = 200
"""Of a sparse matrix that are made dense at once."""
CONSTANT = 1e-12
"""Variance, as a share of the mean square, below which a gene is constant but for rounding."""


def log_normalise(values: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
    """``log1p`` of values (n, g) brought to a depth of TARGET_SUM; as they are without a depth."""
    if depth is None:
        return values
    return np.log1p(values * (TARGET_SUM / np.maximum(depth, 1.0))[:, None])


def log_normalise_rows(values: sparse.csr_matrix, depth: np.ndarray | None) -> sparse.csr_matrix:
    """:func:`log_normalise` of a sparse matrix, which stays sparse."""
    if depth is None:
        return values
    each = np.repeat(depth, np.diff(values.indptr))
    logged = log_normalise(values.data[:, None], each).ravel()
    return sparse.csr_matrix((logged, values.indices, values.indptr), values.shape)


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
    depth = depths(cells.X) if holds_counts(cells.X) else None
    return log_values(chosen.X, depth)


def log_values(x: Matrix, depth: np.ndarray | None) -> sparse.csr_matrix:
    """:func:`log_normalise` of a matrix (n, g) in single precision, as :func:`log_expression`."""
    values = sparse.csr_matrix(x, dtype=np.float32)
    if depth is None:
        return values
    scale = (TARGET_SUM / np.maximum(depth, 1.0)).astype(np.float32)
    logged = np.log1p(values.data * np.repeat(scale, np.diff(values.indptr)))
    return sparse.csr_matrix((logged, values.indices, values.indptr), values.shape)


def statistics(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (1 where a gene is constant) of each column, float64."""
    deviation = values.std(axis=0)
    return values.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


def sparse_statistics(
    values: sparse.csc_matrix, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """:func:`statistics` of some columns (k,) of a matrix, a few at a time: bounds memory."""
    parts = [
        statistics(dense(values[:, columns[start : start + COLUMNS]]))
        for start in range(0, len(columns), COLUMNS)
    ]
    mean, deviation = zip(*parts, strict=True)
    return np.concatenate(mean), np.concatenate(deviation)


def standardised(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Values (n, g) in deviations from the mean, within the limit."""
    clipped: np.ndarray = np.clip((values - mean) / deviation, -LIMIT, LIMIT)
    return clipped
