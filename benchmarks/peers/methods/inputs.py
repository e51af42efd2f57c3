"""What every method starts from: log-normalised shared genes, the variable ones, dense."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
import scanpy as sc
from scipy.sparse import issparse

GENES = 2000
"""Highly variable genes of the reference; all genes where there are fewer."""


class Inputs(NamedTuple):
    """Reference and query with the same genes in the same order."""

    reference: ad.AnnData
    query: ad.AnnData
    coordinates: np.ndarray
    """(n, d) of the reference."""
    logged: bool
    """Whether the expression was counts, and is log-normalised now."""
    seed: int


def read_inputs(folder: Path, seed: int) -> Inputs:
    reference, query = (_dense(ad.read_h5ad(folder / f"{x}.h5ad")) for x in ("reference", "query"))
    shared = reference.var_names[reference.var_names.isin(query.var_names)]
    reference, query = reference[:, shared].copy(), query[:, shared].copy()
    counts = bool(np.equal(np.mod(reference.X, 1), 0).all())
    if counts:
        for cells in (reference, query):
            sc.pp.normalize_total(cells, target_sum=1e4)
            sc.pp.log1p(cells)
    if len(shared) > GENES:
        sc.pp.highly_variable_genes(reference, n_top_genes=GENES)
        chosen = reference.var_names[reference.var["highly_variable"]]
        reference, query = reference[:, chosen].copy(), query[:, chosen].copy()
    return Inputs(reference, query, np.asarray(reference.obsm["spatial"], float), counts, seed)


def _dense(cells: ad.AnnData) -> ad.AnnData:
    cells.X = (cells.X.toarray() if issparse(cells.X) else np.asarray(cells.X)).astype(np.float32)
    return cells
