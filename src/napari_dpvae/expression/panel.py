"""From counts to the standardised gene panel that the network reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from napari_dpvae.data.values import Matrix, dense, depths, holds_counts
from napari_dpvae.errors import DataError
from napari_dpvae.expression.genes import choose_genes
from napari_dpvae.expression.normalise import (
    NormalisedCells,
    log_expression,
    standardised,
    statistics,
)
from napari_dpvae.expression.platform import FEWEST_CELLS, PlatformGap, measure_gap
from napari_dpvae.settings import GeneChoice

AXES = 5
"""Principal axes of the reference along which a query's composition may differ from it."""
FEWEST_SHARED = 10
"""A query must share this many genes of the core, or all of a smaller one."""


@dataclass(frozen=True)
class Aligned:
    """A query in the panel's columns.

    Attributes
    ----------
    x
        (n, n_genes) float32, standardised; 0 (the reference's mean) where the query lacks a gene.
    present
        (n_genes,) bool: which genes of the panel the query has.
    mean, deviation
        (n_genes,) that standardised it.
    statistics
        Whose mean and deviation standardised it: ``reference`` or, when the two are in different
        units (counts against normalised values) or the platform gap is wide, ``query``.
    expressed
        (n,) bool: whether the cell expresses any gene of the panel.
    depth
        (n,) the sum of each cell over the reference's genes, as if none were lacking; None where
        the query does not hold counts.
    gap
        Between the platforms; None when only one holds counts, or the query has too few cells.
    """

    x: np.ndarray
    present: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    statistics: str
    expressed: np.ndarray
    depth: np.ndarray | None
    gap: PlatformGap | None

    def take(self, chosen: np.ndarray) -> Aligned:
        """The cells of a boolean mask."""
        depth = None if self.depth is None else self.depth[chosen]
        return replace(self, x=self.x[chosen], expressed=self.expressed[chosen], depth=depth)


@dataclass(frozen=True)
class GenePanel:
    """The genes used, with the reference's statistics.

    Attributes
    ----------
    genes
        (g,) names, the best first.
    n_core
        How many of them are the core, which networks decode and the platform gap is measured on.
    mean, deviation
        (g,) of the reference's normalised expression.
    axes
        (k, n_core) principal axes of the reference's standardised expression.
    counts
        Whether the reference holds raw counts, which are then depth-normalised and ``log1p``-ed.
    depth
        Median depth of the reference's spots; 0 unless ``counts``.
    depth_genes
        (G,) every gene of the reference: the depth of a cell is its sum over these.
    depth_share
        (G,) the mean share of each in a spot's depth; tells what depth a query that lacks some
        of them would have had. Empty, as is ``depth_genes``, unless ``counts``.
    """

    genes: np.ndarray
    n_core: int
    mean: np.ndarray
    deviation: np.ndarray
    axes: np.ndarray
    counts: bool
    depth: float
    depth_genes: np.ndarray
    depth_share: np.ndarray

    @classmethod
    def choose(
        cls,
        reference: ad.AnnData,
        n_genes: int = 500,
        choice: GeneChoice = "moran",
        sections: np.ndarray | None = None,
        *,
        n_wide: int = 0,
    ) -> GenePanel:
        """Choose the panel from the reference alone.

        Parameters
        ----------
        reference
            Spots by genes, with ``obsm["spatial"]``; counts, or normalised values.
        n_genes
            Of the core; all expressed genes if there are fewer.
        choice
            As for :func:`napari_dpvae.expression.genes.choose_genes`.
        sections
            (n,) integer code of each spot's section; one section if not given.
        n_wide
            Of the whole panel, where that is more.
        """
        if sections is None:
            sections = np.zeros(reference.n_obs, int)
        counts = holds_counts(reference.X)
        shares = _mean_share(reference.X) if counts else np.empty(0)
        depth_genes = reference.var_names.to_numpy(str) if counts else np.empty(0, str)
        ranked = choose_genes(reference, max(n_genes, n_wide), choice, sections)
        values = dense(log_expression(reference, ranked))
        mean, deviation = statistics(values)
        return cls(
            genes=np.asarray(ranked, str),
            n_core=min(n_genes, len(ranked)),
            mean=mean,
            deviation=deviation,
            axes=_principal_axes(((values - mean) / deviation)[:, :n_genes]),
            counts=counts,
            depth=float(np.median(depths(reference.X))) if counts else 0.0,
            depth_genes=depth_genes,
            depth_share=shares,
        )

    def standardise(self, cells: ad.AnnData, kin: np.ndarray | None = None) -> Aligned:
        """Align cells to the panel by gene name, and standardise them.

        Parameters
        ----------
        cells
            Cells by genes.
        kin
            (n,) bool: those that the platform gap is measured on, and whose statistics stand in
            for the reference's where it is wide; all if not given. With fewer than
            :data:`napari_dpvae.expression.platform.FEWEST_CELLS` no gap is measured.

        Raises
        ------
        DataError
            When too few panel genes are there, with what to do about it.
        """
        present = _known(self.genes, cells.var_names)
        self._check_shared(cells, present)
        counts = holds_counts(cells.X)
        depth = self._depth_of(cells) if counts else None
        values = NormalisedCells(cells[:, self.genes[present]].X, depth)
        mean, deviation = self.mean.copy(), self.deviation.copy()
        judged = np.ones(cells.n_obs, bool) if kin is None else kin
        gap, by_itself = None, counts != self.counts
        if by_itself:
            own = values.statistics(judged if judged.any() else ~judged)
        elif depth is not None and judged.sum() >= FEWEST_CELLS:
            own = values.statistics(judged)
            gap = self._measure_gap(present, own[0], float(np.median(depth[judged])))
            by_itself = gap.wide
        if by_itself:
            mean[present], deviation[present] = own
        x = np.zeros((cells.n_obs, len(self.genes)), np.float32)
        expressed = np.zeros(cells.n_obs, bool)
        for rows, part in values.chunks():
            x[rows, present] = standardised(part, mean[present], deviation[present])
            expressed[rows] = (part != 0).any(axis=1)
        return Aligned(
            x=x,
            present=present,
            mean=mean,
            deviation=deviation,
            statistics="query" if by_itself else "reference",
            expressed=expressed,
            depth=depth,
            gap=gap,
        )

    def _measure_gap(self, present: np.ndarray, mean: np.ndarray, depth: float) -> PlatformGap:
        """Between the reference and cells with a mean of the genes present, and a median depth."""
        core = present[: self.n_core]
        known = np.flatnonzero(core)
        own, usual, deviation = mean[: len(known)], self.mean[known], self.deviation[known]
        ratio = depth / max(self.depth, 1.0)
        return measure_gap((own - usual) / deviation, usual, deviation, self.axes[:, core], ratio)

    def adapted_to(self, aligned: Aligned) -> GenePanel:
        """The same genes with the statistics of aligned cells that cover the same tissue.

        Sections differ in their means, as much along the axes of the tissue as across them. Cells
        of a part of the tissue differ so too, and must not be taken for all of it.
        """
        values = aligned.x[:, aligned.present] * aligned.deviation[aligned.present]
        values += aligned.mean[aligned.present]
        mean, deviation = self.mean.copy(), self.deviation.copy()
        mean[aligned.present], deviation[aligned.present] = statistics(values)
        return replace(self, mean=mean, deviation=deviation)

    def likeness(self, aligned: Aligned, rows: slice, decoded: np.ndarray) -> np.ndarray:
        """How much cells are like what a model expects of them.

        Parameters
        ----------
        aligned
            From :meth:`standardise`.
        rows
            Which of its cells.
        decoded
            (n, n_core) of the same cells, standardised by the reference.

        Returns
        -------
        numpy.ndarray
            (n,) Pearson correlation over the core's genes present, of normalised expression.
        """
        core = slice(self.n_core)
        present = aligned.present[core]
        measured = aligned.x[rows, core] * aligned.deviation[core] + aligned.mean[core]
        return row_correlation(measured[:, present], self.in_units(decoded)[:, present])

    def in_units(self, x: np.ndarray) -> np.ndarray:
        """Normalised expression of the core's genes, from what is standardised (n, n_core)."""
        expression: np.ndarray = x * self.deviation[: self.n_core] + self.mean[: self.n_core]
        return expression

    def _depth_of(self, cells: ad.AnnData) -> np.ndarray:
        """(n,) the sum of each cell over the reference's genes, as if none were lacking."""
        if not self.counts:
            return depths(cells.X)
        shared = _known(self.depth_genes, cells.var_names)
        return depths(cells[:, self.depth_genes[shared]].X) / self.depth_share[shared].sum()

    def _check_shared(self, cells: ad.AnnData, present: np.ndarray) -> None:
        core = self.genes[: self.n_core]
        shared, needed = present[: self.n_core].sum(), min(FEWEST_SHARED, self.n_core)
        if shared >= needed:
            return
        found = f"{shared} of the {self.n_core} genes of the panel's core are in the query"
        if _known(core, cells.obs_names).sum() >= needed:
            raise DataError(
                f"Only {found}, but its rows are named like genes: it looks transposed; "
                "save query.T instead."
            )
        lower = {gene.lower() for gene in cells.var_names}
        if sum(gene.lower() in lower for gene in core) >= needed:
            raise DataError(
                f"Only {found}, but more when upper and lower case are ignored: "
                "rename its genes to the reference's spelling."
            )
        raise DataError(
            f"Only {found} and {needed} are needed: check that both use the same gene names "
            f"(reference: {_some(core)}; query: {_some(cells.var_names)})."
        )


def row_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) Pearson correlation of each row of a with that of b; 0 for a constant row."""
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(axis=1) / np.maximum(norms, 1e-12)


def _principal_axes(x: np.ndarray) -> np.ndarray:
    """The first axes (k, g) of centred expression x (n, g)."""
    k = min(AXES, *x.shape)
    return PCA(n_components=k, svd_solver="covariance_eigh").fit(x).components_


def _mean_share(x: Matrix) -> np.ndarray:
    """(n_genes,) the share of each gene in the counts of all spots."""
    sums = np.asarray(x.sum(axis=0), float).ravel()
    return sums / max(sums.sum(), 1.0)


def _known(genes: np.ndarray, names: pd.Index) -> np.ndarray:
    """(g,) bool: which genes are among the names; by hash, where numpy would compare all pairs."""
    return np.asarray(names.get_indexer(pd.Index(genes)) >= 0)


def _some(names: np.ndarray | pd.Index) -> str:
    return ", ".join(map(str, names[:3])) + ", …"
