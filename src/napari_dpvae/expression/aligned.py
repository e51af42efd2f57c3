"""A query in the columns of a gene panel: how it is brought there is found once, for all chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae.data.values import Matrix, few_rows
from napari_dpvae.expression.normalise import CONSTANT, LIMIT, log_normalise_rows
from napari_dpvae.expression.platform import FEWEST_CELLS, PlatformGap, measure_gap, similar
from napari_dpvae.expression.units import Units, units_of
from napari_dpvae.steps import by_threads

CHUNK = 2048
"""Cells read at once: bounds memory."""
RUNS, RUN = 64, 64
"""Of many cells so many runs, each of so many cells, stand for all."""


@dataclass(frozen=True)
class PanelExpression:
    """The panel's genes in a query, read a chunk of cells at a time.

    Attributes
    ----------
    x
        (n, G) cells by genes, in memory or backed by a file: rows can be taken from it.
    units
        Of x.
    columns
        (p,) of the query, one for each gene of the panel that it has.
    depth_columns
        Of the query, that a cell's depth is summed over; None for values that are no counts.
    depth_share
        Of the counts of a cell, that these columns hold in the reference.
    """

    x: Any
    units: Units
    columns: np.ndarray
    depth_columns: np.ndarray | None
    depth_share: float

    @classmethod
    def of(
        cls, cells: ad.AnnData, columns: np.ndarray, depth_columns: np.ndarray, depth_share: float
    ) -> PanelExpression:
        """Of cells in whose columns these genes are: see the attributes."""
        x = cells.X
        if sparse.issparse(x) and x.format != "csr":
            x = sparse.csr_matrix(x)
        units = units_of(x)
        return cls(x, units, columns, depth_columns if units.counts else None, depth_share)

    @property
    def n_cells(self) -> int:
        """Rows."""
        n: int = self.x.shape[0]
        return n

    def rows(self, parts: int = 1) -> Iterator[slice]:
        """Of all cells, :data:`CHUNK` at a time, or a part of that."""
        at_once = -(-CHUNK // parts)
        for start in range(0, self.n_cells, at_once):
            yield slice(start, start + at_once)

    def measured(self, rows: slice | np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray | None]:
        """(m, p) values as measured, and (m,) depths, float64."""
        parts = [self._measured(part) for part in few_rows(self.x, rows)]
        values, depths = zip(*parts, strict=True)
        depth = None if self.depth_columns is None else np.concatenate(depths)
        return sparse.vstack(values, format="csr"), depth

    def _measured(self, rows: Matrix) -> tuple[sparse.csr_matrix, np.ndarray | None]:
        raw = sparse.csr_matrix(rows, dtype=np.float64)
        raw.sum_duplicates()
        raw.eliminate_zeros()
        raw = self.units.read(raw)
        return raw[:, self.columns], self._depth(raw)

    def read(self, rows: slice | np.ndarray) -> sparse.csr_matrix:
        """(m, p) log-normalised, float64."""
        return log_normalise_rows(*self.measured(rows))

    def _depth(self, raw: sparse.csr_matrix) -> np.ndarray | None:
        if self.depth_columns is None:
            return None
        counted = np.zeros(raw.shape[1])
        counted[self.depth_columns] = 1.0
        return np.asarray(raw @ counted) / self.depth_share


class Moments:
    """Mean and standard deviation of each gene, gathered a chunk of cells at a time.

    Parameters
    ----------
    n_genes
        Columns.
    """

    def __init__(self, n_genes: int) -> None:
        self._n = 0
        self._sum, self._squares = np.zeros(n_genes), np.zeros(n_genes)

    def add(self, values: sparse.csr_matrix) -> None:
        """Take up the rows of (n, n_genes)."""
        n_genes = len(self._sum)
        self._n += values.shape[0]
        self._sum += np.bincount(values.indices, values.data, n_genes)
        self._squares += np.bincount(values.indices, values.data**2, n_genes)

    def statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation (1 where a gene is constant), (n_genes,) each."""
        mean, square = self._sum / self._n, self._squares / self._n
        variance = square - mean**2
        return mean, np.sqrt(np.where(variance > CONSTANT * square, variance, 1.0))


class Shares:
    """Mean share of each gene in the depth of a cell, gathered a chunk of cells at a time.

    Parameters
    ----------
    n_genes
        Columns.
    """

    def __init__(self, n_genes: int) -> None:
        self._n, self._sum, self._largest = 0, np.zeros(n_genes), np.zeros((2, n_genes))

    def add(self, counts: sparse.csr_matrix, depths: np.ndarray) -> None:
        """Take up the rows of (n, n_genes), whose depths are (n,)."""
        shares = counts.tocsc()
        shares.data /= np.maximum(depths, 1.0)[shares.indices]
        self._n += len(depths)
        self._sum += np.asarray(shares.sum(axis=0)).ravel()
        largest = np.concatenate([self._largest, _two_largest(shares)])
        self._largest = np.partition(largest, 2, axis=0)[2:]

    def means(self) -> np.ndarray:
        """(n_genes,): see :class:`Totals`."""
        if self._n < FEWEST_CELLS:
            return self._sum / max(self._n, 1)
        return (self._sum - np.ptp(self._largest, axis=0)) / self._n


def _two_largest(columns: sparse.csc_matrix) -> np.ndarray:
    """(2, p) of what is stored in each column, none of it negative; 0 where there is less."""
    stored, two = np.diff(columns.indptr), np.zeros((2, columns.shape[1]))
    some = np.flatnonzero(stored)
    if len(some):
        starts, data = columns.indptr[some], columns.data
        largest = np.maximum.reduceat(data, starts)
        is_largest = data == np.repeat(largest, stored[some])
        others = np.maximum.reduceat(np.where(is_largest, 0.0, data), starts)
        alone = np.add.reduceat(is_largest, starts, dtype=int) == 1
        two[:, some] = largest, np.where(alone, others, largest)
    return two


class Totals(NamedTuple):
    """What is gathered of a whole query in one pass."""

    mean: np.ndarray
    """(p,) of the panel's genes that it has, log-normalised."""
    deviation: np.ndarray
    """(p,)."""
    share: np.ndarray
    """(p,) of each gene in the depth of a cell, mean over all cells; 0 where there are no depths.

    Every cell counts alike, as one that is far deeper than all others would decide it; and the
    largest share of a gene no more than the next, as one wrong value would."""
    depth: np.ndarray | None
    """(n,) of each cell; None where the query does not hold counts."""


def gather(expression: PanelExpression, chosen: np.ndarray | None = None) -> Totals:
    """Pass over a query once.

    Parameters
    ----------
    expression
        Of the query's cells.
    chosen
        (n,) bool: cells whose mean and deviation are taken; all if not given.
    """
    n_genes = len(expression.columns)
    moments, shares = Moments(n_genes), Shares(n_genes)
    depth = np.empty(0 if expression.depth_columns is None else expression.n_cells)
    every = list(expression.rows())
    for rows, (counts, depths) in zip(every, by_threads(expression.measured, every), strict=True):
        if depths is not None:
            depth[rows] = depths
            shares.add(counts, depths)
        values = log_normalise_rows(counts, depths)
        moments.add(values if chosen is None else values[chosen[rows]])
    known = expression.depth_columns is not None
    return Totals(*moments.statistics(), shares.means(), depth if known else None)


class Cells(NamedTuple):
    """Some cells of a query, as networks read them."""

    x: np.ndarray
    """(m, n_genes) float32, standardised; 0 (the reference's mean) where the query lacks a gene."""
    expressed: np.ndarray
    """(m,) bool: whether the cell expresses any gene of the panel."""
    values: sparse.csr_matrix
    """(m, p) log-normalised, of the panel's genes that the query has."""

    def take(self, chosen: np.ndarray | slice) -> Cells:
        """Those of a boolean mask, or of a slice."""
        return Cells(*(each[chosen] for each in self))


@dataclass(frozen=True)
class AlignedQuery:
    """A query in the panel's columns; its cells are standardised when they are read.

    Attributes
    ----------
    expression
        Of the panel's genes.
    n_core
        Of the panel's genes, that are its core.
    present
        (n_genes,) bool: which genes of the panel the query has.
    mean, deviation
        (n_genes,) that standardise it.
    expected_mean, expected_deviation
        (n_genes,) that bring decoded expression to units: the reference's, or those that a query
        of the same platform has in their place.
    statistics
        Whose mean and deviation standardise it: ``reference`` or, when the two are in different
        units or the platform gap is wide, ``query``.
    totals
        Of the whole query; None where nobody asked for them.
    gap
        Between the platforms; None when the query has too few cells.
    """

    expression: PanelExpression
    n_core: int
    present: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    expected_mean: np.ndarray
    expected_deviation: np.ndarray
    statistics: str
    totals: Totals | None
    gap: PlatformGap | None

    @property
    def n_cells(self) -> int:
        """Cells of the query."""
        return self.expression.n_cells

    @property
    def across_gap(self) -> bool:
        """Whether it is read by its own statistics."""
        return self.statistics == "query"

    @property
    def depths(self) -> np.ndarray | None:
        """(n,) of its cells, where it holds counts that were looked at."""
        return None if self.totals is None else self.totals.depth

    def by_platform(
        self, axes: np.ndarray, depth: float, counts: bool, measured: np.ndarray | None
    ) -> AlignedQuery:
        """The same cells, standardised as their platform asks for, in one pass over them.

        By their own statistics where their units are others than the reference's, or the gap
        between the platforms is wide; else as they are.

        Parameters
        ----------
        axes
            (k, n_core) principal axes of the reference's standardised expression.
        depth
            Median of the reference's spots.
        counts
            Whether the reference holds counts.
        measured
            (n,) bool: cells that this is found of; all if not given.
        """
        totals = gather(self.expression, measured)
        core = self.present[: self.n_core]
        known = np.flatnonzero(core)
        own, usual, spread = totals.mean[: len(known)], self.mean[known], self.deviation[known]
        gap, other_units, depths = None, self.expression.units.counts != counts, totals.depth
        few = (self.n_cells if measured is None else measured.sum()) < FEWEST_CELLS
        if other_units or few:
            pass
        elif depths is None:
            # Values that are no counts tell a unit by their size, but no platform: where they
            # follow the tissue closely, a part of it is farther off than another assay of it all.
            other_units = usual.sum() > 0 and not similar(own.sum() / usual.sum())
        else:
            chosen = depths if measured is None else depths[measured]
            ratio = float(np.median(chosen)) / max(depth, 1.0)
            gap = measure_gap((own - usual) / spread, usual, spread, axes[:, core], ratio)
        aligned = replace(self, totals=totals, gap=gap)
        if other_units or (gap is not None and gap.wide):
            return aligned.by_statistics(totals.mean, totals.deviation)
        return aligned

    def by_reference(self, mean: np.ndarray, deviation: np.ndarray) -> AlignedQuery:
        """The same cells, standardised by a reference's (n_genes,) mean and deviation."""
        return replace(self, mean=mean, deviation=deviation, statistics="reference")

    def by_statistics(self, mean: np.ndarray, deviation: np.ndarray) -> AlignedQuery:
        """The same cells by their own mean and deviation, (p,) of the genes present."""
        own, spread = self.mean.copy(), self.deviation.copy()
        own[self.present], spread[self.present] = mean, deviation
        return replace(self, mean=own, deviation=spread, statistics="query")

    def read(self, rows: slice | np.ndarray = slice(None)) -> Cells:
        """Some of its cells, standardised."""
        return self.standardised(self.expression.read(rows))

    def some(self) -> Cells:
        """Of few cells all, of many runs from all over the query."""
        if self.n_cells <= RUNS * RUN:
            return self.read()
        starts = np.linspace(0, self.n_cells - RUN, RUNS).astype(int).tolist()
        runs = by_threads(self.expression.read, [slice(start, start + RUN) for start in starts])
        return self.standardised(sparse.vstack(list(runs), format="csr"))

    def standardised(self, values: sparse.csr_matrix) -> Cells:
        """Cells by (m, p) log-normalised expression."""
        stored, n_genes = np.diff(values.indptr), len(self.present)
        mean, deviation = self.mean[self.present], self.deviation[self.present]
        silent = np.zeros(n_genes, np.float32)
        silent[self.present] = np.clip(-mean / deviation, -LIMIT, LIMIT)
        x = np.tile(silent, (len(stored), 1))
        column = values.indices
        scaled = (values.data - mean[column]) / deviation[column]
        at = np.repeat(np.arange(len(x)) * n_genes, stored)
        at += np.flatnonzero(self.present)[column]
        x.ravel()[at] = np.clip(scaled, -LIMIT, LIMIT)
        return Cells(x, stored > 0, values)

    def without_cells(self) -> AlignedQuery:
        """What standardises cells, without the query's own."""
        none = replace(self.expression, x=sparse.csr_matrix((0, self.expression.x.shape[1])))
        return replace(self, expression=none, totals=None)

    @cached_property
    def x(self) -> np.ndarray:
        """(n, n_genes) all cells at once, for what compares them with each other."""
        x = np.empty((self.n_cells, len(self.present)), np.float32)
        # All that are read stay in memory, and those under way come on top.
        every = list(self.expression.rows(parts=4))
        for rows, cells in zip(every, by_threads(self.read, every), strict=True):
            x[rows] = cells.x
        return x

    def likeness(self, x: np.ndarray, decoded: np.ndarray) -> np.ndarray:
        """How much cells are like what a model expects of them.

        Parameters
        ----------
        x
            (m, n_genes) some of its cells, standardised.
        decoded
            (m, n_core) of the same cells, standardised by the reference.

        Returns
        -------
        numpy.ndarray
            (m,) Pearson correlation over the core's genes present, of normalised expression.
        """
        core = slice(self.n_core)
        whole = bool(self.present[core].all())
        present = slice(None) if whole else self.present[core]
        mean, deviation, expected_mean, expected_deviation = (
            each[core][present].astype(np.float32)
            for each in (self.mean, self.deviation, self.expected_mean, self.expected_deviation)
        )
        measured = x[:, core][:, present] * deviation + mean
        expected = decoded[:, present] * expected_deviation + expected_mean
        return row_correlation(measured, expected)


def row_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) Pearson correlation of each row of a with that of b; 0 for a constant row."""
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.einsum("ij,ij->i", a, b) / np.maximum(norms, 1e-12)
