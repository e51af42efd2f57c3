"""From counts to the standardised gene panel that the network reads."""

from __future__ import annotations

from dataclasses import dataclass, replace

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from napari_dpvae.errors import DataError
from napari_dpvae.gene_choice import choose_genes
from napari_dpvae.normalisation import (
    Matrix,
    dense,
    depths,
    holds_counts,
    log_expression,
    log_normalise,
)
from napari_dpvae.platform_gap import FEWEST_CELLS, PlatformGap, measure_gap
from napari_dpvae.settings import GeneChoice

LIMIT = 10.0
"""Standardised values are clipped to plus and minus this, as ``scanpy.pp.scale`` does."""
AXES = 5
"""Principal axes of the reference along which a query's composition may differ from it."""
FEWEST_SHARED = 10
"""A query must share this many panel genes, or all of a smaller panel."""


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
        (g,) names.
    mean, deviation
        (g,) of the reference's normalised expression.
    axes
        (k, g) principal axes of the reference's standardised expression.
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
    ) -> GenePanel:
        """Choose the panel from the reference alone.

        Parameters
        ----------
        reference
            Spots by genes, with ``obsm["spatial"]``; counts, or normalised values.
        n_genes, choice
            As for :func:`napari_dpvae.gene_choice.choose_genes`.
        sections
            (n,) integer code of each spot's section; one section if not given.
        """
        if sections is None:
            sections = np.zeros(reference.n_obs, int)
        counts = holds_counts(reference.X)
        shares = _mean_share(reference.X) if counts else np.empty(0)
        depth_genes = reference.var_names.to_numpy(str) if counts else np.empty(0, str)
        ranked = choose_genes(reference, n_genes, choice, sections)
        values = dense(log_expression(reference, ranked))
        mean, deviation = statistics(values)
        return cls(
            genes=np.asarray(ranked, str),
            mean=mean,
            deviation=deviation,
            axes=_principal_axes((values - mean) / deviation),
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
            :data:`napari_dpvae.platform_gap.FEWEST_CELLS` no gap is measured.

        Raises
        ------
        DataError
            When too few panel genes are there, with what to do about it.
        """
        present = _known(self.genes, cells.var_names)
        self._check_shared(cells, present)
        counts = holds_counts(cells.X)
        depth = self._depth_of(cells) if counts else None
        values = log_normalise(dense(cells[:, self.genes[present]].X), depth)
        mean, deviation = self.mean.copy(), self.deviation.copy()
        gap = None
        judged = np.ones(cells.n_obs, bool) if kin is None else kin
        if depth is not None and self.counts and judged.sum() >= FEWEST_CELLS:
            gap = measure_gap(
                (values[judged].mean(axis=0) - mean[present]) / deviation[present],
                mean[present],
                deviation[present],
                self.axes[:, present],
                float(np.median(depth[judged])) / max(self.depth, 1.0),
            )
        own = counts != self.counts or (gap is not None and gap.wide)
        if own:
            mean[present], deviation[present] = statistics(
                values[judged] if judged.any() else values
            )
        x = np.zeros((cells.n_obs, len(self.genes)), np.float32)
        x[:, present] = standardised(values, mean[present], deviation[present])
        return Aligned(
            x=x,
            present=present,
            mean=mean,
            deviation=deviation,
            statistics="query" if own else "reference",
            expressed=(values != 0).any(axis=1),
            depth=depth,
            gap=gap,
        )

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
            (n, n_genes) of the same cells, standardised by the reference.

        Returns
        -------
        numpy.ndarray
            (n,) Pearson correlation over the genes present, of normalised expression.
        """
        measured = aligned.x[rows] * aligned.deviation + aligned.mean
        expected = decoded * self.deviation + self.mean
        return row_correlation(measured[:, aligned.present], expected[:, aligned.present])

    def _depth_of(self, cells: ad.AnnData) -> np.ndarray:
        """(n,) the sum of each cell over the reference's genes, as if none were lacking."""
        if not self.counts:
            return depths(cells.X)
        shared = _known(self.depth_genes, cells.var_names)
        return depths(cells[:, self.depth_genes[shared]].X) / self.depth_share[shared].sum()

    def _check_shared(self, cells: ad.AnnData, present: np.ndarray) -> None:
        needed = min(FEWEST_SHARED, len(self.genes))
        if present.sum() >= needed:
            return
        found = f"{present.sum()} of the {len(self.genes)} genes of the panel are in the query"
        if _known(self.genes, cells.obs_names).sum() >= needed:
            raise DataError(
                f"Only {found}, but its rows are named like genes: it looks transposed; "
                "save query.T instead."
            )
        lower = {gene.lower() for gene in cells.var_names}
        if sum(gene.lower() in lower for gene in self.genes) >= needed:
            raise DataError(
                f"Only {found}, but more when upper and lower case are ignored: "
                "rename its genes to the reference's spelling."
            )
        raise DataError(
            f"Only {found} and {needed} are needed: check that both use the same gene names "
            f"(reference: {_some(self.genes)}; query: {_some(cells.var_names)})."
        )


def row_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n,) Pearson correlation of each row of a with that of b; 0 for a constant row."""
    a = a - a.mean(axis=1, keepdims=True)
    b = b - b.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(axis=1) / np.maximum(norms, 1e-12)


def statistics(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (1 where a gene is constant) of each column, float64."""
    deviation = values.std(axis=0)
    return values.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


def standardised(values: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Values (n, g) in deviations from the mean, within the limit."""
    clipped: np.ndarray = np.clip((values - mean) / deviation, -LIMIT, LIMIT)
    return clipped


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
