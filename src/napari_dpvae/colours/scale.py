"""Colour scales: the values of a gene, and the limits between which they are drawn."""

from __future__ import annotations

from typing import NamedTuple

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae.data.features import other_values
from napari_dpvae.data.values import holds_counts
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
        self._x = sparse.csc_matrix(cells.X)
        depth = np.asarray(self._x.sum(axis=1), np.float64).ravel()
        self._depth = depth if self.counts else None

    def values(self, gene: str) -> tuple[np.ndarray, str] | None:
        """(n,) float64 of a gene, or of a feature of another kind, and their unit.

        None where it was not measured.
        """
        if gene not in self._index:
            return other_values(self._cells, gene)
        column = self._x[:, [self._index.get_loc(gene)]].toarray().astype(np.float64)
        unit = "log1p counts per 10,000" if self.counts else "normalised expression"
        return log_normalise(column, self._depth).ravel(), unit


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
