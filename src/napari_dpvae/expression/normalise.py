"""Counts or normalised values, brought to one scale, and standardised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import anndata as ad
import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from napari_dpvae.data.values import Matrix, dense, depths, holds_counts

TARGET_SUM = 1e4
"""Counts per cell after depth normalisation."""
LIMIT = 10.0
"""Standardised values are clipped to plus and minus this, as ``scanpy.pp.scale`` does."""
CHUNK = 8192
"""Cells standardised at once: bounds memory."""


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


def statistics(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (1 where a gene is constant) of each column, float64."""
    deviation = values.std(axis=0)
    return values.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


def standardised(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Values (n, g) in deviations from the mean, within the limit."""
    clipped: np.ndarray = np.clip((values - mean) / deviation, -LIMIT, LIMIT)
    return clipped


class NormalisedCells:
    """Normalised expression of cells, a chunk at a time: dense, all of it may not fit into memory.

    Parameters
    ----------
    x
        (n, g) as measured.
    depth
        (n,) that counts are normalised by; None for values that are normalised.
    """

    def __init__(self, x: Matrix, depth: np.ndarray | None) -> None:
        self._x = sparse.csr_matrix(x) if sparse.issparse(x) else x
        self._depth = depth

    def chunks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """Rows, and their (m, g) float64 values."""
        for start in range(0, self._x.shape[0], CHUNK):
            rows = slice(start, start + CHUNK)
            depth = None if self._depth is None else self._depth[rows]
            yield rows, log_normalise(dense(self._x[rows]), depth)

    def statistics(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (g,) of the rows of a mask: see :func:`statistics`."""
        scaler = StandardScaler()
        for rows, part in self.chunks():
            if chosen[rows].any():
                scaler.partial_fit(part[chosen[rows]])
        return scaler.mean_, np.sqrt(np.where(scaler.var_ > 0, scaler.var_, 1.0))
