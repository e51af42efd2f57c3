"""Groups of placed cells: the genes that set one apart, and how far it lies from another."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.errors import DataError
from napari_dpvae.expression.normalise import log_expression

FEWEST = 2
"""Cells of a group that can be compared."""
SHUFFLES = 50


def group_genes(
    placed: ad.AnnData, column: str, group: str, against: str | None = None
) -> pd.DataFrame:
    """Genes that are higher or lower in a group of cells (:func:`scanpy.tl.rank_genes_groups`).

    Parameters
    ----------
    placed
        Cells by genes: counts, or normalised values.
    column, group
        The group, by a column of ``obs`` and its category there.
    against
        Another category; all cells that are not in the group if not given.

    Returns
    -------
    pandas.DataFrame
        ``gene``, ``score``, ``log2 fold change`` and ``p adjusted``, highest score first.

    Raises
    ------
    DataError
        When a group has fewer than two cells.
    """
    import scanpy as sc

    inside, others = _members(placed, column, group, against)
    chosen = inside | others
    cells = ad.AnnData(
        log_expression(placed)[chosen],
        obs=pd.DataFrame({"side": pd.Categorical(np.where(inside[chosen], "group", "others"))}),
        var=pd.DataFrame(index=placed.var_names),
    )
    sc.tl.rank_genes_groups(cells, "side", groups=["group"], reference="others", method="t-test")
    found = sc.get.rank_genes_groups_df(cells, "group")
    names = {"names": "gene", "scores": "score", "logfoldchanges": "log2 fold change"}
    found = found.rename(columns=names | {"pvals_adj": "p adjusted"})
    return found[["gene", "score", "log2 fold change", "p adjusted"]].dropna(ignore_index=True)


def group_expression(placed: ad.AnnData, column: str, genes: Sequence[str]) -> pd.DataFrame:
    """How much, and in how many of its cells, each group expresses each gene.

    Parameters
    ----------
    placed
        Cells by genes: counts, or normalised values.
    column
        Of ``obs``, with the groups; cells without one are left out.
    genes
        Of the cells.

    Returns
    -------
    pandas.DataFrame
        ``group``, ``gene``, ``mean`` of log-normalised expression, and ``share`` of the cells that
        express it at all, 0 to 1.

    Raises
    ------
    DataError
        When a gene or the column is not there.
    """
    groups, x = _grouped(placed, column, genes)
    logged = pd.DataFrame(x, columns=list(genes))
    found = logged.groupby(groups, observed=True)
    mean, share = found.mean(), (logged > 0).groupby(groups, observed=True).mean()
    table = mean.stack().rename("mean").to_frame()
    table["share"] = share.stack()
    return table.rename_axis(["group", "gene"]).reset_index()


def group_values(placed: ad.AnnData, column: str, gene: str) -> dict[str, np.ndarray]:
    """Log-normalised expression of a gene in the cells of each group.

    Parameters and errors are those of :func:`group_expression`.
    """
    groups, x = _grouped(placed, column, [gene])
    names = groups.cat.categories
    return {str(name): x[(groups == name).to_numpy(), 0] for name in names}


def _grouped(placed: ad.AnnData, column: str, genes: Sequence[str]) -> tuple[pd.Series, np.ndarray]:
    """The group of each cell that has one, and its expression of the genes (n, k)."""
    if column not in placed.obs:
        raise DataError(f"The placed cells have no obs column '{column}'.")
    unknown = [gene for gene in genes if gene not in placed.var_names]
    if unknown:
        raise DataError(f"The placed cells have no gene '{unknown[0]}': choose one of theirs.")
    groups = placed.obs[column].astype("category").reset_index(drop=True)
    there = groups.notna().to_numpy()
    x = log_expression(placed)[:, placed.var_names.get_indexer(list(genes))]
    kept = groups[there].cat.remove_unused_categories().reset_index(drop=True)
    return kept, np.asarray(x[there].toarray(), np.float64)


def group_distance(
    placed: ad.AnnData, column: str, group: str, other: str, seed: int = 0
) -> dict[str, float]:
    """How far a group of cells lies from another.

    Parameters
    ----------
    placed, column, group, other
        The groups, by a column of ``obs`` and their categories there.
    seed
        For the shuffles.

    Returns
    -------
    dict
        In coordinate units: ``centres``, the distance between the median places; ``nearest``, the
        median distance from a cell of the group to the nearest of the other; ``by_chance``, the
        same when the other is as many cells drawn from all that are not in the group.

    Raises
    ------
    DataError
        When a group has fewer than two cells.
    """
    inside, others = _members(placed, column, group, other)
    places = np.asarray(placed.obsm[SPATIAL], float)
    here, there = places[inside], places[others]
    pool = places[~inside]
    rng = np.random.default_rng(seed)
    drawn = (rng.choice(len(pool), len(there), replace=False) for _ in range(SHUFFLES))
    return {
        "centres": float(np.linalg.norm(np.median(here, axis=0) - np.median(there, axis=0))),
        "nearest": _nearest(here, there),
        "by_chance": float(np.mean([_nearest(here, pool[some]) for some in drawn])),
    }


def _nearest(here: np.ndarray, there: np.ndarray) -> float:
    """Median distance from the places (n, d) to the nearest of the others (m, d)."""
    return float(np.median(cKDTree(there).query(here)[0]))


def _members(
    placed: ad.AnnData, column: str, group: str, other: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) bool of each side."""
    if column not in placed.obs:
        raise DataError(f"The placed cells have no obs column '{column}'.")
    names = placed.obs[column].astype(object).astype(str)
    inside = (names == group).to_numpy()
    others = ~inside if other is None else (names == other).to_numpy() & ~inside
    for name, side in ((group, inside), (other or "the rest", others)):
        if side.sum() < FEWEST:
            raise DataError(
                f"There are {side.sum()} cells in '{name}': comparing needs at least {FEWEST}."
            )
    return inside, others
