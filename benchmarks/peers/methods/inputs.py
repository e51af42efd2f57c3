"""What every method starts from: the shared genes, log-normalised and dense."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
import scanpy as sc
from scipy.sparse import issparse

GENES = 2000
"""Highly variable genes of the reference; all genes where there are fewer."""

COUNTS = "counts"
"""Layer with the values as they came, for methods that normalise by themselves."""


class Inputs(NamedTuple):
    """Reference and query with the same genes in the same order."""

    reference: ad.AnnData
    query: ad.AnnData
    coordinates: np.ndarray
    """(n, d) of the reference."""
    logged: bool
    """Whether the expression was counts, and is log-normalised now."""
    seed: int

    def variable(self) -> Inputs:
        """With the highly variable genes of the reference alone."""
        return self._of(_variable(self.reference))

    def variable_in_both(self) -> Inputs:
        """With the genes that are highly variable in the reference and in the query."""
        return self._of(_variable(self.reference) & _variable(self.query))

    def _of(self, genes: np.ndarray) -> Inputs:
        return self._replace(
            reference=self.reference[:, genes].copy(), query=self.query[:, genes].copy()
        )


def read_inputs(folder: Path, seed: int) -> Inputs:
    reference, query = (_dense(ad.read_h5ad(folder / f"{x}.h5ad")) for x in ("reference", "query"))
    shared = reference.var_names[reference.var_names.isin(query.var_names)]
    reference, query = reference[:, shared].copy(), query[:, shared].copy()
    counts = bool(np.equal(np.mod(reference.X, 1), 0).all())
    for cells in (reference, query):
        cells.layers[COUNTS] = cells.X.copy()
    if counts:
        for cells in (reference, query):
            sc.pp.normalize_total(cells, target_sum=1e4)
            sc.pp.log1p(cells)
    return Inputs(reference, query, np.asarray(reference.obsm["spatial"], float), counts, seed)


def _variable(cells: ad.AnnData) -> np.ndarray:
    """Which genes are highly variable; all where there are no more."""
    if cells.n_vars <= GENES:
        return np.ones(cells.n_vars, bool)
    found = sc.pp.highly_variable_genes(cells, n_top_genes=GENES, inplace=False)
    return np.asarray(found["highly_variable"])


def _dense(cells: ad.AnnData) -> ad.AnnData:
    cells.X = (cells.X.toarray() if issparse(cells.X) else np.asarray(cells.X)).astype(np.float32)
    return cells
