"""Which genes go into the panel: those whose expression follows the tissue."""

from __future__ import annotations

from itertools import pairwise

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.errors import DataError
from napari_dpvae.expression.normalise import CONSTANT, VALUES_AT_ONCE, log_expression
from napari_dpvae.geometry.neighbours import neighbour_graph
from napari_dpvae.settings import GeneChoice

NEIGHBOURS = 6
"""Of each spot, over which spatial autocorrelation is measured."""


def choose_genes(
    reference: ad.AnnData,
    n_genes: int,
    choice: GeneChoice,
    sections: np.ndarray,
    *,
    logged: sparse.csc_matrix | None = None,
) -> list[str]:
    """Names of the panel's genes, the best first.

    Parameters
    ----------
    reference
        Spots by genes, with ``obsm["spatial"]``; counts, or normalised values.
    n_genes
        Size of the panel; all expressed genes if there are fewer.
    choice
        ``moran``: highest spatial autocorrelation within sections (:func:`morans_i`);
        ``hvg``: highly variable (:func:`scanpy.pp.highly_variable_genes`).
    sections
        (n,) integer code of each spot's section.
    logged
        The reference's log-normalised expression, where it is known already.

    Raises
    ------
    DataError
        When no gene is expressed.
    """
    x = log_expression(reference).tocsc() if logged is None else logged
    found = np.flatnonzero(expressed(x))
    if not len(found):
        raise DataError("No gene of the reference is expressed in more than one spot.")
    names = reference.var_names[found]
    if choice == "hvg":
        import scanpy as sc

        table = sc.pp.highly_variable_genes(ad.AnnData(x[:, found]), inplace=False)
        ranks = table["dispersions_norm"].to_numpy(float)
    else:
        ranks = morans_i(x, nearest_spots(reference, sections), sections, found)
    order = np.argsort(-np.nan_to_num(ranks, nan=-np.inf), kind="stable")
    return names[order[:n_genes]].tolist()


def nearest_spots(reference: ad.AnnData, sections: np.ndarray) -> sparse.csr_array:
    """(n, n) graph that spatial autocorrelation is measured over, within sections (n,)."""
    return neighbour_graph(np.asarray(reference.obsm[SPATIAL], float), sections, NEIGHBOURS)


def morans_i(
    x: sparse.csc_matrix, graph: sparse.csr_array, sections: np.ndarray, genes: np.ndarray
) -> np.ndarray:
    """Moran's I of each gene over a graph of spots, about the gene's mean in each section.

    ``I = n / W * sum_ij w_ij z_i z_j / sum_i z_i^2`` (Moran 1950), where ``w`` is the graph with
    rows that sum to 1 and ``W`` their sum. About one mean for all, a gene that differs between
    sections and has no pattern within any would rank high. Some genes at a time are made dense.

    Parameters
    ----------
    x
        (n, g) expression.
    graph
        (n, n) weights of neighbours, within sections.
    sections
        (n,) integer code of each spot's section.
    genes
        (k,) columns of x.

    Returns
    -------
    numpy.ndarray
        (k,); NaN for a gene that is constant within every section.
    """
    degree = np.asarray(graph.sum(axis=1)).ravel()
    weights = sparse.csr_array(sparse.diags_array(1 / np.maximum(degree, 1)) @ graph)
    _, section, size = np.unique(sections, return_inverse=True, return_counts=True)
    spots = np.arange(len(section))
    member = sparse.csr_array((1 / size[section], (section, spots)))
    total, moran = weights.sum(), np.full(len(genes), np.nan)
    at_once = max(VALUES_AT_ONCE // len(section), 1)
    for start in range(0, len(genes), at_once):
        part = slice(start, start + at_once)
        some = x[:, genes[part]].toarray().astype(float)
        square = np.einsum("ij,ij->j", some, some)
        some -= (member @ some)[section]
        variance = np.einsum("ij,ij->j", some, some)
        near = np.einsum("ij,ij->j", some, weights @ some)
        found = (variance > CONSTANT * square) & (total > 0)
        whole = len(section) * near
        np.divide(whole, total * variance, where=found, out=moran[part])
    return moran


def expressed(x: sparse.csc_matrix, kept: np.ndarray | None = None) -> np.ndarray:
    """(n_genes,) bool: genes seen in at least 1 % of the spots, and in more than one.

    Parameters
    ----------
    x
        (n, n_genes) expression.
    kept
        (n,) bool: the spots that count; all if not given.
    """
    kept = np.ones(x.shape[0], bool) if kept is None else kept
    seen = np.array(
        [
            np.count_nonzero(kept[x.indices[start:end]] & (x.data[start:end] != 0))
            for start, end in pairwise(x.indptr)
        ]
    )
    return np.asarray(seen >= max(2.0, 0.01 * kept.sum()))
