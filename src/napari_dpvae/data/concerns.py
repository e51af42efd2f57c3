"""What a person should know of their data before training: no errors, but reasons to look twice."""

from __future__ import annotations

from collections.abc import Iterator

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.values import holds_counts

FEW_SPOTS = 100
FEW_GENES = 50
SMALL_SHARE = 0.1
SHALLOW = 0.1


def concerns(reference: ad.AnnData, query: ad.AnnData | None = None) -> list[str]:
    """One sentence for each thing about the data that may make the placement worse.

    Parameters
    ----------
    reference, query
        Checked: see :mod:`napari_dpvae.data.checks`.
    """
    found = [*_about_spots(reference), *_about_values(reference, query)]
    return found if query is None else [*found, *_about_genes(reference, query)]


def _about_spots(reference: ad.AnnData) -> Iterator[str]:
    if reference.n_obs < FEW_SPOTS:
        yield f"Only {reference.n_obs} spots: expect coarse places."
    flat = np.asarray(reference.obsm[SPATIAL]).shape[1] == 2
    libraries = reference.uns.get(SPATIAL, {}).values()
    if flat and not any(entry.get("images") for entry in libraries):
        yield "The reference has no image: cells are shown on its spots alone."


def _about_genes(reference: ad.AnnData, query: ad.AnnData) -> Iterator[str]:
    shared = len(reference.var_names.intersection(query.var_names))
    n = min(reference.n_vars, query.n_vars)
    if shared >= max(FEW_GENES, SMALL_SHARE * n) or shared == n:
        return
    upper = reference.var_names.str.upper().unique()
    if len(upper.intersection(query.var_names.str.upper())) > 2 * shared:
        yield (
            f"Only {shared:,} genes are shared, but more would be if upper and lower case were "
            "alike: are both of the same species?"
        )
    else:
        yield (
            f"Only {shared:,} genes are shared: are both named alike (symbols or Ensembl "
            "identifiers), and of the same species?"
        )


def _about_values(reference: ad.AnnData, query: ad.AnnData | None) -> Iterator[str]:
    counts = holds_counts(reference.X)
    if query is not None and holds_counts(query.X) != counts:
        kinds = ("counts", "normalised values")
        has, other = kinds if counts else kinds[::-1]
        yield (
            f"The reference holds {has} and the query {other}: they are compared by the genes' "
            "own spread, and raw counts of both would be better."
        )
    elif not counts:
        yield "The reference holds no counts: its values are taken as normalised already."
    elif query is not None:
        yield from _about_depth(reference, query)


def _about_depth(reference: ad.AnnData, query: ad.AnnData) -> Iterator[str]:
    genes = reference.var_names.intersection(query.var_names)
    depths = [_median_depth(cells, genes) for cells in (reference, query)]
    if depths[1] < SHALLOW * depths[0]:
        yield (
            f"The query is shallow: {depths[1]:,.0f} counts in its median cell where the "
            f"reference's median spot has {depths[0]:,.0f}; expect wider regions."
        )


def _median_depth(cells: ad.AnnData, genes: pd.Index) -> float:
    """Counts of the median cell in these genes."""
    columns = cells.var_names.get_indexer(genes)
    return float(np.median(np.asarray(cells.X[:, columns].sum(axis=1))))
