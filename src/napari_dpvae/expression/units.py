"""What unit expression is in: counts, values that counts can be taken back from, or neither."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from napari_dpvae.data.values import (
    COUNTS,
    INVERSES,
    LARGEST_COUNT,
    Kind,
    Matrix,
    expression_kind,
)
from napari_dpvae.errors import DataError

Undo = Callable[[np.ndarray], np.ndarray]

SAMPLE = 500
"""Rows that are looked at to see whether counts can be taken back."""
FEW = 50
"""Counts up to this are told apart: beyond, single precision blurs neighbouring ones."""
OFF = 0.05
"""Farthest that a count may come out from a whole number."""
MOST_MULTIPLE = 6
"""The smallest count of a cell is this at most, or its counts are not taken back."""
FITTING = 0.99
"""Share of the cells whose values must come out as counts."""


@dataclass(frozen=True)
class Units:
    """How counts are had from what is in a matrix.

    Attributes
    ----------
    kind
        Of the values.
    counts
        Whether there are counts.
    undo
        What undoes a logarithm or the like, which leaves counts times one number for each cell;
        None where there is nothing to undo.
    """

    kind: Kind
    counts: bool
    undo: Undo | None = None

    def read(self, x: sparse.csr_matrix) -> sparse.csr_matrix:
        """Rows as counts, where counts can be had; else as they are.

        Raises
        ------
        DataError
            When a value stands for more than a count can be.
        """
        if self.undo is None:
            return x
        counts = _counts(x, self.undo)[0]
        if not np.max(counts.data, initial=0.0) <= LARGEST_COUNT:
            raise DataError(
                f"A value in X does not fit the others of its cell: read as {self.kind}, it stands "
                f"for more than {LARGEST_COUNT:.0e} counts; correct it, or drop that cell."
            )
        return counts


def units_of(x: Any) -> Units:
    """What unit a matrix is in.

    ``log1p`` of counts per 10,000, ``log2(CPM + 1)`` and their like are a function of counts times
    one number for each cell. So the smallest value of a cell belongs to its smallest count, mostly
    1, and all others come out whole.

    Parameters
    ----------
    x
        (n, g) cells by genes, in memory or backed by a file.
    """
    every = max(1, x.shape[0] // SAMPLE)
    kind = expression_kind(x)
    if kind in COUNTS:
        return Units(kind, counts=True)
    undo = INVERSES.get(kind, np.positive)
    some = sparse.csr_matrix(x[::every], dtype=np.float64)
    some.eliminate_zeros()
    if kind != "scaled" and some.nnz and _counts(some, undo)[1] >= FITTING:
        return Units(kind, counts=True, undo=undo)
    return Units(kind, counts=False)


def as_counts(x: Matrix) -> tuple[Matrix, bool]:
    """Values as counts, where counts can be taken back from them, and whether they are counts now.

    What needs nothing taken back is returned as it is.
    """
    units = units_of(x)
    if units.undo is None:
        return x, units.counts
    return units.read(sparse.csr_matrix(x, dtype=np.float64)).astype(np.float32), True


@np.errstate(over="ignore", divide="ignore", invalid="ignore")
def _counts(x: sparse.csr_matrix, undo: Undo) -> tuple[sparse.csr_matrix, float]:
    """Counts of cells, each times a number of its own once undone, and the share that they fit.

    Infinite where a value stands for more than can be told.
    """
    scaled = undo(x.data)
    full = np.diff(x.indptr) > 0
    smallest = np.ones(x.shape[0])
    smallest[full] = np.minimum.reduceat(scaled, x.indptr[:-1][full])
    row = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
    ratio = scaled / smallest[row]
    multiple, fits = np.ones(x.shape[0]), np.zeros(x.shape[0], bool)
    for k in range(1, MOST_MULTIPLE + 1):
        times = k * ratio
        off = (np.abs(times - np.rint(times)) > OFF) & (times < FEW)
        alike = np.bincount(row, off, x.shape[0]) == 0
        multiple[alike & ~fits] = k
        fits |= alike
    counts = np.rint(multiple[row] * ratio)
    return sparse.csr_matrix((counts, x.indices, x.indptr), x.shape), float(fits.mean())
