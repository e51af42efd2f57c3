"""Which genes go into the panel: those whose expression follows the tissue."""

from __future__ import annotations

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.errors import DataError
from napari_dpvae.expression.normalise import log_expression
from napari_dpvae.geometry.neighbours import neighbour_graph
from napari_dpvae.settings import GeneChoice

NEIGHBOURS = 6
"""Of each spot, over which spatial autocorrelation is measured."""


def choose_genes(
    reference: ad.AnnData, n_genes: int, choice: GeneChoice, sections: np.ndarray
) -> list[str]:
    """Names of the panel's genes, the best first.

    Parameters
    ----------
    reference
        Spots by genes, with ``obsm["spatial"]``; counts, or normalised values.
    n_genes
        Size of the panel; all expressed genes if there are fewer.
    choice
        ``moran``: highest spatial autocorrelation (:func:`squidpy.gr.spatial_autocorr`);
        ``hvg``: highly variable (:func:`scanpy.pp.highly_variable_genes`).
    sections
        (n,) integer code of each spot's section.

    Raises
    ------
    DataError
        When no gene is expressed.
    """
    x = log_expression(reference)
    expressed = _expressed(x)
    if not expressed.any():
        raise DataError("No gene of the reference is expressed in more than one spot.")
    candidates = ad.AnnData(x[:, expressed])
    candidates.var_names = reference.var_names[expressed]
    if choice == "hvg":
        import scanpy as sc

        table = sc.pp.highly_variable_genes(candidates, inplace=False)
        table.index = candidates.var_names
        order = table["dispersions_norm"].sort_values(ascending=False, kind="stable")
        return order.index[:n_genes].tolist()
    import squidpy as sq

    coordinates = np.asarray(reference.obsm[SPATIAL], float)
    graph = neighbour_graph(coordinates, sections, NEIGHBOURS)
    candidates.obsp["spatial_connectivities"] = sparse.csr_matrix(graph)
    table = sq.gr.spatial_autocorr(
        candidates, mode="moran", n_perms=None, n_jobs=1, copy=True, show_progress_bar=False
    )
    return table.index[:n_genes].tolist()


def _expressed(x: sparse.csr_matrix) -> np.ndarray:
    """(n_genes,) bool: genes seen in at least 1 % of the spots, and in more than one."""
    seen = np.asarray((x != 0).sum(axis=0)).ravel()
    return np.asarray(seen >= max(2.0, 0.01 * x.shape[0]))
