"""How much cells express a set of genes, such as the markers of a type, as one number."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.errors import DataError
from napari_dpvae.expression.normalise import log_expression

MOST_NAMED = 2
"""Genes of a set that its column names."""


def gene_set_score(cells: ad.AnnData, genes: Sequence[str]) -> np.ndarray:
    """Mean expression of a set of genes over that of others which are expressed alike.

    By :func:`scanpy.tl.score_genes` (Tirosh et al., Science 2016), on log-normalised expression.

    Parameters
    ----------
    cells
        Cells or spots by genes.
    genes
        Those that were not measured do not count.

    Returns
    -------
    numpy.ndarray
        (n,) around 0: positive where the set is expressed more than others.

    Raises
    ------
    DataError
        When none of the genes was measured, or no other.

    Examples
    --------
    >>> from napari_dpvae.analysis.gene_sets import gene_set_score
    >>> gene_set_score(reference, model.genes[:5]).shape
    (321,)
    """
    import scanpy as sc

    measured = [gene for gene in dict.fromkeys(genes) if gene in cells.var_names]
    if not measured:
        raise DataError("None of the set's genes was measured: give others.")
    if len(measured) == cells.n_vars:
        raise DataError("The set holds all genes: there is none to compare them with.")
    scored = ad.AnnData(log_expression(cells), var=pd.DataFrame(index=cells.var_names))
    sc.tl.score_genes(scored, measured, score_name="score", random_state=0)
    return scored.obs["score"].to_numpy(float)


def score_name(genes: Sequence[str]) -> str:
    """The column of ``obs`` for the score of a set."""
    more = f" and {len(genes) - MOST_NAMED} more" if len(genes) > MOST_NAMED else ""
    return f"score of {', '.join(genes[:MOST_NAMED])}{more}"
