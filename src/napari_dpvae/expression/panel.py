"""From counts to the standardised gene panel that the network reads."""

from __future__ import annotations

from dataclasses import dataclass, field

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from napari_dpvae.data.gene_names import BY_TABLE, other_names
from napari_dpvae.data.values import Matrix, dense, depths
from napari_dpvae.errors import DataError
from napari_dpvae.expression.aligned import (
    CHUNK,
    AlignedQuery,
    PanelExpression,
    row_correlation,
)
from napari_dpvae.expression.genes import choose_genes, morans_i, nearest_spots
from napari_dpvae.expression.normalise import (
    LARGEST_LOGARITHM,
    LIMIT,
    Statistics,
    log_columns,
    logs_to_roots,
    sparse_statistics,
)
from napari_dpvae.expression.units import as_counts
from napari_dpvae.settings import GeneChoice

AXES = 5
"""Principal axes of the reference along which a query's composition may differ from it."""
MOST_FOR_AXES = 20_000
"""More spots than this are thinned evenly to find axes."""
LEAST_PATTERN = 0.005
"""Moran's I that a gene counts as having at least: where none has a pattern, all count alike."""
FEWEST_SHARED = 10
"""A query must share this many genes of the core, or all of a smaller one."""


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
    pattern
        (g,) Moran's I of :meth:`stabilised` expression, above 0 and up to 1.
    other_names
        What the reference calls its genes beside their names, by column of its ``var``: of
        ``depth_genes``, or of ``genes`` unless ``counts``.
    root_statistics
        Of the square roots of the reference's expression, in proportion to molecules; None unless
        ``counts``.
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
    pattern: np.ndarray
    other_names: dict[str, list[str]] = field(default_factory=dict)
    root_statistics: Statistics | None = None

    @property
    def var(self) -> pd.DataFrame:
        """Genes of the reference, with what else they are called."""
        known = self.depth_genes if self.counts else self.genes
        return pd.DataFrame(self.other_names, index=pd.Index(known, dtype=str))

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
        logged, depth, shares = _logged(reference)
        counts = depth is not None
        depth_genes = reference.var_names.to_numpy(str) if counts else np.empty(0, str)
        ranked = choose_genes(reference, max(n_genes, n_wide), choice, sections, logged=logged)
        columns = reference.var_names.get_indexer(ranked)
        mean, deviation = sparse_statistics(logged, columns)
        core = slice(min(n_genes, len(ranked)))
        # Rows first: the columns are those that hold most.
        some = dense(logged[:: -(-reference.n_obs // MOST_FOR_AXES)][:, columns[core]])
        roots = None
        if counts:
            # In place: a second matrix of this size would be the largest of all.
            logs_to_roots(logged.data)
            roots = sparse_statistics(logged, columns)
        pattern = morans_i(logged, nearest_spots(reference, sections), sections, columns)
        return cls(
            genes=np.asarray(ranked, str),
            n_core=core.stop,
            mean=mean,
            deviation=deviation,
            axes=_principal_axes((some - mean[core]) / deviation[core]),
            counts=counts,
            depth=0.0 if depth is None else float(np.median(depth)),
            depth_genes=depth_genes,
            depth_share=shares,
            pattern=np.clip(np.nan_to_num(pattern), LEAST_PATTERN, 1),
            other_names=other_names(reference.var if counts else reference.var.loc[ranked]),
            root_statistics=roots,
        )

    def standardised(self, reference: ad.AnnData) -> np.ndarray:
        """(n, n_genes) float32 of the reference, by its own mean and deviation."""
        return self._by_name(reference).x

    def align(self, cells: ad.AnnData, measured: np.ndarray | None = None) -> AlignedQuery:
        """Align cells to the panel by gene name, in one pass over them.

        Parameters
        ----------
        cells
            Cells by genes.
        measured
            (n,) bool: those that the platform gap is measured on, and whose statistics stand in
            for the reference's where it is wide; all if not given. Of fewer than
            :data:`napari_dpvae.expression.platform.FEWEST_CELLS` no gap is measured.

        Raises
        ------
        DataError
            When too few panel genes are there, with what to do about it.
        """
        aligned = self._by_name(cells)
        return aligned.by_platform(self.axes, self.depth, self.counts, measured)

    def _by_name(self, cells: ad.AnnData) -> AlignedQuery:
        """Cells in the panel's columns, standardised by the reference's mean and deviation."""
        names = cells.var_names
        present = _known(self.genes, names)
        self._check_shared(cells, present)
        columns = names.get_indexer(self.genes[present])
        depth_columns, share = np.arange(len(names)), 1.0
        if self.counts:
            shared = _known(self.depth_genes, names)
            depth_columns = names.get_indexer(self.depth_genes[shared])
            share = float(self.depth_share[shared].sum())
        return AlignedQuery(
            expression=PanelExpression.of(cells, columns, depth_columns, share),
            n_core=self.n_core,
            present=present,
            mean=self.mean,
            deviation=self.deviation,
            expected_mean=self.mean,
            expected_deviation=self.deviation,
            statistics="reference",
            totals=None,
            gap=None,
        )

    def stabilised(self, x: np.ndarray) -> np.ndarray:
        """Standardised expression of which principal components are taken, (n, p) float32.

        Square roots of counts, whose noise is the same for all genes, however much they are
        expressed (Bartlett 1936, J. R. Stat. Soc. Suppl. 3:68). Where the reference holds no
        counts, expression as it is.

        Parameters
        ----------
        x
            (n, p) standardised, of the panel's first genes; 0, where a gene is not known, stays.
        """
        if self.root_statistics is None:
            return x
        log_mean, log_deviation, mean, deviation = (
            each[: x.shape[1]].astype(np.float32)
            for each in (self.mean, self.deviation, *self.root_statistics)
        )
        roots = x * log_deviation + log_mean
        np.clip(roots, 0, LARGEST_LOGARITHM, out=roots)
        logs_to_roots(roots)
        roots -= mean
        roots /= deviation
        np.clip(roots, -LIMIT, LIMIT, out=roots)
        roots[x == 0] = 0
        return roots

    @property
    def component_weights(self) -> np.ndarray:
        """(n_genes,) of standardised genes in their principal components.

        A gene has the weight of its deviation, so that genes next to silent bring little noise,
        times its spatial autocorrelation: what has no pattern in the tissue tells of no place.
        """
        roots = self.root_statistics
        return self.pattern * (self.deviation if roots is None else roots.deviation)

    def _in_units(self, x: np.ndarray) -> np.ndarray:
        """Normalised expression of the core's genes, from what is standardised (n, n_core)."""
        expression: np.ndarray = x * self.deviation[: self.n_core] + self.mean[: self.n_core]
        return expression

    def likeness(
        self, x: np.ndarray, decoded: np.ndarray, present: np.ndarray | None = None
    ) -> np.ndarray:
        """(n,) how much spots are like what a model makes of them, some at a time: bounds memory.

        Parameters
        ----------
        x, decoded
            (n, n_core) standardised: as measured, and as decoded.
        present
            (n_core,) bool: genes that are compared; all if not given.
        """
        genes = slice(None) if present is None else present
        return np.concatenate(
            [
                row_correlation(
                    *(
                        self._in_units(values[start : start + CHUNK])[:, genes]
                        for values in (x, decoded)
                    )
                )
                for start in range(0, len(x), CHUNK)
            ]
        )

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
            f"Only {found} and {needed} are needed: name both alike, as {BY_TABLE} does by a table "
            f"of names (reference: {_some(core)}; query: {_some(cells.var_names)})."
        )


def _logged(reference: ad.AnnData) -> tuple[sparse.csc_matrix, np.ndarray | None, np.ndarray]:
    """Log-normalised expression, and of counts their depths and :func:`_mean_share`.

    The counts themselves may be a copy, which is let go as soon as their columns lie together.
    """
    # Looked at and taken once: of a view each access would copy it.
    x, counts = as_counts(reference.X)
    depth, shares = (depths(x), _mean_share(x)) if counts else (None, np.empty(0))
    x = sparse.csc_matrix(x)
    return log_columns(x, depth), depth, shares


def _principal_axes(x: np.ndarray) -> np.ndarray:
    """The first axes (k, g) of centred expression x (n, g)."""
    from sklearn.decomposition import PCA

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
