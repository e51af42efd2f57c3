"""Colour scales: the values of a gene, and the limits between which they are drawn."""

from __future__ import annotations

from typing import NamedTuple

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae.data.features import other_values
from napari_dpvae.data.values import depths, few_rows, holds_counts
from napari_dpvae.expression.normalise import log_normalise


class Limits(NamedTuple):
    """Ends of a colour scale: in the values' own unit, or as percentiles of what is shown."""

    low: float
    high: float
    percentiles: bool = True


USUAL = Limits(0.0, 99.0)
"""The top is cut so that one bright cell does not darken all others."""


class Expression:
    """Expression as it is shown: ``log1p`` of counts per 10,000; normalised values as they are.

    Parameters
    ----------
    cells
        Spots or cells by genes.
    """

    def __init__(self, cells: ad.AnnData) -> None:
        self.counts = holds_counts(cells.X)
        self._cells = cells
        self._index = cells.var_names
        # Columns are read one at a time: compressed by column that is a hundred times faster.
        by_column = sparse.issparse(cells.X) and cells.X.format == "csc"
        parts = [cells.X] if by_column else few_rows(cells.X)
        self._parts = [sparse.csc_matrix(part) for part in parts]
        self._depth = np.concatenate([depths(p) for p in self._parts]) if self.counts else None

    def values(self, gene: str) -> tuple[np.ndarray, str] | None:
        """(n,) float64 of a gene, or of a feature of another kind, and their unit.

        None where it was not measured.
        """
        if gene not in self._index:
            return other_values(self._cells, gene)
        column = self._index.get_loc(gene)
        values = np.concatenate([_column(part, column) for part in self._parts])
        unit = "log1p counts per 10,000" if self.counts else "normalised expression"
        return log_normalise(values[:, None], self._depth).ravel(), unit


def _column(x: sparse.csc_matrix, column: int) -> np.ndarray:
    """(n,) float64; what scipy has for it takes ten times as long."""
    held = slice(x.indptr[column], x.indptr[column + 1])
    # Of no values numpy makes whole numbers.
    return np.bincount(x.indices[held], x.data[held], x.shape[0]).astype(np.float64)


def colour_limits(*parts: np.ndarray, limits: Limits = USUAL) -> tuple[float, float]:
    """One colour scale for several sets of values (n,), in their unit; never empty."""
    if not limits.percentiles:
        return limits.low, limits.high
    values = np.concatenate(parts)
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = (float(end) for end in np.percentile(values, limits[:2]))
    if high <= low:
        low, high = float(values.min()), float(values.max())
    return low, high if high > low else low + 1.0
