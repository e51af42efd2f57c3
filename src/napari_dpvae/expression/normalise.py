"""Counts or normalised values, brought to one scale, and standardised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae.data.values import Matrix, dense, depths, holds_counts

TARGET_SUM = 1e4
"""Counts per cell after depth normalisation."""
LIMIT = 10.0
"""Standardised values are clipped to plus and minus this, as ``scanpy.pp.scale`` does."""
LARGEST_LOGARITHM = float(np.log1p(1e6))
"""Values beyond counts per million are no logarithms."""
COLUMNS = 200
"""Of a sparse matrix that are made dense at once, at most."""
MANY = 16
"""Counts that are expected of a cell, of which each is no longer told apart."""
MOST_LIKELY = 45
"""More counts than these are next to never seen where fewer than MANY are expected."""
VALUES_AT_ONCE = 4_000_000
"""That are dense at once: bounds memory."""
CONSTANT = 1e-12
"""Variance, as a share of the mean square, below which a gene is constant but for rounding."""


class Statistics(NamedTuple):
    """Mean and standard deviation (1 where a gene is constant) of each gene of a panel."""

    mean: np.ndarray
    """(n_genes,)."""
    deviation: np.ndarray
    """(n_genes,)."""


def log_normalise(values: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
    """``log1p`` of values (n, g) brought to a depth of TARGET_SUM; as they are without a depth."""
    if depth is None:
        return values
    return np.log1p(values * _to_target(depth))


def expected_logs(expected: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Mean (g,) of :func:`log_normalise` over cells whose counts are Poisson, once for each cell.

    Summed over the counts that are likely, or where many are expected to second order: without
    chance, so that what hardly differs has hardly another mean.

    Parameters
    ----------
    expected
        (n, g) counts that are expected of each cell.
    depth
        (n,) of the cells.
    """
    scale = _to_target(depth)
    few = np.where(expected < MANY, expected, 0.0)
    probability, logs = np.exp(-few), np.zeros_like(few)
    for count in range(1, MOST_LIKELY):
        probability *= few / count
        logs += probability * np.log1p(count * scale)
    scaled = 1 + expected * scale
    many = np.log(scaled) - expected * (scale / scaled) ** 2 / 2
    means: np.ndarray = np.where(expected < MANY, logs, many).mean(axis=0)
    return means


def _to_target(depth: np.ndarray) -> np.ndarray:
    """(n, 1) what brings cells of a depth (n,) to TARGET_SUM."""
    scale: np.ndarray = (TARGET_SUM / np.maximum(depth, 1.0))[:, None]
    return scale


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
    logged = np.repeat(_scale(depth), np.diff(values.indptr))
    return sparse.csr_matrix((_logged(values, logged), values.indices, values.indptr), values.shape)


def log_columns(x: sparse.csc_matrix, depth: np.ndarray | None) -> sparse.csc_matrix:
    """:func:`log_values` of a matrix whose columns lie together."""
    values = x.astype(np.float32, copy=False)
    if depth is None:
        return values
    logged = _scale(depth)[values.indices]
    return sparse.csc_matrix((_logged(values, logged), values.indices, values.indptr), values.shape)


def _scale(depth: np.ndarray) -> np.ndarray:
    """What counts of cells of a depth (n,) are multiplied with, in single precision."""
    scale: np.ndarray = (TARGET_SUM / np.maximum(depth, 1.0)).astype(np.float32)
    return scale


def _logged(values: sparse.csr_matrix | sparse.csc_matrix, scale: np.ndarray) -> np.ndarray:
    """``log1p`` of stored values times a scale for each, which is overwritten: bounds memory."""
    np.multiply(values.data, scale, out=scale)
    return np.log1p(scale, out=scale)


def statistics(values: np.ndarray) -> Statistics:
    """Of each column, float64."""
    deviation = values.std(axis=0)
    return Statistics(values.mean(axis=0), np.where(deviation > 0, deviation, 1.0))


def sparse_statistics(values: sparse.csc_matrix, columns: np.ndarray) -> Statistics:
    """:func:`statistics` of some columns (k,) of a matrix, a few at a time: bounds memory."""
    at_once = min(COLUMNS, max(VALUES_AT_ONCE // values.shape[0], 1))
    parts = [
        statistics(dense(values[:, columns[start : start + at_once]]))
        for start in range(0, len(columns), at_once)
    ]
    mean, deviation = zip(*parts, strict=True)
    return Statistics(np.concatenate(mean), np.concatenate(deviation))


def logs_to_roots(logs: np.ndarray) -> None:
    """Overwrite :func:`log_normalise` of what is in proportion to molecules by its square root."""
    np.expm1(logs, out=logs)
    np.sqrt(logs, out=logs)


def standardised(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Values (n, g) in deviations from the mean, within the limit."""
    clipped: np.ndarray = np.clip((values - mean) / deviation, -LIMIT, LIMIT)
    return clipped
