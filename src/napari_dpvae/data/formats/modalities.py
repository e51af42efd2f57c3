"""Several kinds of features in one file: genes are placed by, the others travel along."""

from __future__ import annotations

import logging
import re

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)

GENES = "Gene Expression"
"""What 10x calls the kind of feature that cells are placed by."""
EXPRESSION = (
    *("gene expression", "gene_expression", "genes", "gene", "gex", "rna", "mrna"),
    *("expression", "transcriptome"),
)
"""What others call it, in lower case."""
OTHERS = re.compile(
    r"antibod.*|adt|proteins?|hto|hash.*|multiplex.*|crispr.*|custom|antigen.*|peaks?|atac|"
    r"chromatin.*|blank.*|.*control.*|.*codeword.*",
    re.I,
)
"""Kinds that are known to be none."""
KIND = "feature_types"
"""Column of ``var`` with the kind of each feature."""
MODALITIES = "modalities"
"""``uns``: names of the features of each other kind, whose values are in ``obsm``."""


def genes_alone(cells: ad.AnnData, what: object) -> ad.AnnData:
    """Cells by genes; features of other kinds move to ``obsm``, their names to ``uns``.

    Parameters
    ----------
    cells
        With the kind of each feature in ``var["feature_types"]``; as they are without it.
    what
        Their file, or whose they are, for the sentence.

    Raises
    ------
    DataError
        When none of the features is a gene.
    """
    if not isinstance(cells, ad.AnnData) or cells.isbacked or cells.X is None:
        return cells
    genes = are_genes(cells.var)
    if genes.all():
        return cells
    kinds = cells.var[KIND].astype(str).to_numpy()
    others = list(pd.unique(kinds[~genes]))
    if not genes.any():
        raise DataError(
            f"{what} has no genes but {', '.join(others)}: give the file with gene expression."
        )
    found = cells[:, genes].copy()
    for kind in others:
        part = cells[:, ~genes & (kinds == kind)]
        add_modality(found, kind, part.X, part.var_names)
    logger.warning(
        "%s: %s travel along in obsm and have no part in placing.", what, " and ".join(others)
    )
    return found


def are_genes(var: pd.DataFrame) -> np.ndarray:
    """(g,) bool: which features are genes, by what the column of their kinds says.

    Where it calls none of them a gene, those of kinds that nobody knows are.
    """
    if KIND not in var:
        return np.ones(len(var), bool)
    kinds = var[KIND].astype(object).where(var[KIND].notna(), GENES).astype(str)
    genes = kinds.str.lower().isin(EXPRESSION).to_numpy()
    if genes.any():
        return genes
    return ~kinds.str.fullmatch(OTHERS).to_numpy(bool)


def add_modality(
    cells: ad.AnnData, kind: str, x: np.ndarray | sparse.spmatrix, names: pd.Index
) -> None:
    """Put features of another kind beside the genes.

    Parameters
    ----------
    cells
        To add to.
    kind
        Of the features; what files and stores cannot hold in a name is replaced by ``_``.
    x
        (n, k) values.
    names
        (k,) of the features.
    """
    key = re.sub(r"[^\w.-]", "_", kind)
    cells.obsm[key] = sparse.csr_matrix(x) if sparse.issparse(x) else np.asarray(x)
    cells.uns.setdefault(MODALITIES, {})[key] = names.to_numpy(str).astype(object)
