"""Normalised expression in deviations from a mean."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from napari_dpvae.normalisation import Matrix, dense, log_normalise

LIMIT = 10.0
"""Standardised values are clipped to plus and minus this, as ``scanpy.pp.scale`` does."""
CHUNK = 8192
"""Cells standardised at once: bounds memory."""


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
