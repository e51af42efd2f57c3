"""From counts to the standardised gene panel that the network reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.decomposition import PCA

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.errors import DataError
from napari_dpvae.model.pairs import neighbour_graph
from napari_dpvae.platform_gap import FEWEST_CELLS, PlatformGap, measure_gap
from napari_dpvae.settings import GeneChoice

TARGET_SUM = 1e4
"""Counts per cell after depth normalisation."""
LIMIT = 10.0
"""Standardised values are clipped to plus and minus this, as ``scanpy.pp.scale`` does."""
AXES = 5
"""Principal axes of the reference along which a query's composition may differ from it."""
NEIGHBOURS = 6
"""Of each spot, over which spatial autocorrelation is measured."""
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
    gap
        Between the platforms; None when only one holds counts, or the query has too few cells.
    """

    x: np.ndarray
    present: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    statistics: str
    expressed: np.ndarray
    gap: PlatformGap | None


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
        section_key: str | None = None,
    ) -> GenePanel:
        """Choose the panel from the reference alone.

        Parameters
        ----------
        reference
            Spots by genes, with ``obsm["spatial"]``; counts, or normalised values.
        n_genes
            Size of the panel; all expressed genes if there are fewer.
        choice
            ``moran``: highest spatial autocorrelation (:func:`squidpy.gr.spatial_autocorr`);
            ``hvg``: highly variable (:func:`scanpy.pp.highly_variable_genes`).
        section_key
            Column of ``obs`` with the section of each spot.
        """
        counts = holds_counts(reference.X)
        shares = _mean_share(reference.X) if counts else np.empty(0)
        depth_genes = reference.var_names.to_numpy(str) if counts else np.empty(0, str)
        normalised = _normalised(reference, counts)
        candidates = normalised[:, _expressed(normalised.X)].copy()
        if candidates.n_vars == 0:
            raise DataError("No gene of the reference is expressed in more than one spot.")
        ranked = _rank_genes(candidates, n_genes, choice, section_key)
        values = _dense(normalised[:, ranked].X)
        mean, deviation = _statistics(values)
        return cls(
            genes=np.asarray(ranked, str),
            mean=mean,
            deviation=deviation,
            axes=_principal_axes((values - mean) / deviation),
            counts=counts,
            depth=float(np.median(_sums(reference.X))) if counts else 0.0,
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
        depth = self._depth(cells) if counts else None
        values = log_normalise(_dense(cells[:, self.genes[present]].X), depth)
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
            mean[present], deviation[present] = _statistics(
                values[judged] if judged.any() else values
            )
        x = np.zeros((cells.n_obs, len(self.genes)), np.float32)
        standardised = (values - mean[present]) / deviation[present]
        x[:, present] = np.clip(standardised, -LIMIT, LIMIT)
        return Aligned(
            x=x,
            present=present,
            mean=mean,
            deviation=deviation,
            statistics="query" if own else "reference",
            expressed=(values != 0).any(axis=1),
            gap=gap,
        )

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

    def _depth(self, cells: ad.AnnData) -> np.ndarray:
        """(n,) the sum of each cell over the reference's genes, as if none were lacking."""
        if not self.counts:
            return _sums(cells.X)
        shared = _known(self.depth_genes, cells.var_names)
        return _sums(cells[:, self.depth_genes[shared]].X) / self.depth_share[shared].sum()

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


def holds_counts(x: np.ndarray | sparse.spmatrix) -> bool:
    """Whether a matrix holds raw counts: no value is negative or has a fraction."""
    values = np.asarray(x.data if sparse.issparse(x) else x)
    return bool(np.all(values >= 0) and np.all(values == np.floor(values)))


def _normalised(cells: ad.AnnData, counts: bool) -> ad.AnnData:
    """A copy with float32 CSR X, depth-normalised and log1p-ed if it holds counts."""
    x = sparse.csr_matrix(cells.X, dtype=np.float32)
    copy = ad.AnnData(x, obs=cells.obs, var=pd.DataFrame(index=cells.var_names))
    copy.obsm[SPATIAL] = cells.obsm[SPATIAL]
    if counts:
        import scanpy as sc

        sc.pp.normalize_total(copy, target_sum=TARGET_SUM)
        sc.pp.log1p(copy)
    return copy


def log_normalise(values: np.ndarray, depth: np.ndarray | None) -> np.ndarray:
    """``log1p`` of values (n, g) brought to a depth of TARGET_SUM; as they are without a depth."""
    if depth is None:
        return values
    return np.log1p(values * (TARGET_SUM / np.maximum(depth, 1.0))[:, None])


def _expressed(x: sparse.csr_matrix) -> np.ndarray:
    """(n_genes,) bool: genes seen in at least 1 % of the spots, and in more than one."""
    seen = np.asarray((x != 0).sum(axis=0)).ravel()
    return np.asarray(seen >= max(2.0, 0.01 * x.shape[0]))


def _rank_genes(
    candidates: ad.AnnData, n_genes: int, choice: GeneChoice, section_key: str | None
) -> list[str]:
    """Names of the panel's genes, the best first."""
    if choice == "hvg":
        import scanpy as sc

        table = sc.pp.highly_variable_genes(candidates, inplace=False)
        table.index = candidates.var_names
        order = table["dispersions_norm"].sort_values(ascending=False, kind="stable")
        return order.index[:n_genes].tolist()
    import squidpy as sq

    sections = np.zeros(candidates.n_obs, int)
    if section_key is not None:
        sections = candidates.obs[section_key].astype("category").cat.codes.to_numpy().astype(int)
    coordinates = np.asarray(candidates.obsm[SPATIAL], float)
    graph = neighbour_graph(coordinates, sections, NEIGHBOURS)
    candidates.obsp["spatial_connectivities"] = sparse.csr_matrix(graph)
    table = sq.gr.spatial_autocorr(
        candidates, mode="moran", n_perms=None, n_jobs=1, copy=True, show_progress_bar=False
    )
    return table.index[:n_genes].tolist()


def _statistics(x: np.ndarray | sparse.spmatrix) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (1 where a gene is constant) of each column, float64."""
    values = _dense(x)
    deviation = values.std(axis=0)
    return values.mean(axis=0), np.where(deviation > 0, deviation, 1.0)


def _principal_axes(x: np.ndarray) -> np.ndarray:
    """The first axes (k, g) of centred expression x (n, g)."""
    k = min(AXES, *x.shape)
    return PCA(n_components=k, svd_solver="covariance_eigh").fit(x).components_


def _sums(x: np.ndarray | sparse.spmatrix) -> np.ndarray:
    """(n,) sum of each row."""
    return np.asarray(x.sum(axis=1), float).ravel()


def _mean_share(x: np.ndarray | sparse.spmatrix) -> np.ndarray:
    """(n_genes,) the share of each gene in the counts of all spots."""
    sums = np.asarray(x.sum(axis=0), float).ravel()
    return sums / max(sums.sum(), 1.0)


def _dense(x: np.ndarray | sparse.spmatrix) -> np.ndarray:
    dense: Any = x.toarray() if isinstance(x, sparse.spmatrix | sparse.sparray) else x
    return np.asarray(dense, dtype=np.float64)


def _known(genes: np.ndarray, names: pd.Index) -> np.ndarray:
    """(g,) bool: which genes are among the names; by hash, where numpy would compare all pairs."""
    return np.asarray(names.get_indexer(pd.Index(genes)) >= 0)


def _some(names: np.ndarray | pd.Index) -> str:
    return ", ".join(map(str, names[:3])) + ", …"
