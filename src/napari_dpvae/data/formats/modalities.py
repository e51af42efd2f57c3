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
KIND = "feature_types"
"""Column of ``var`` with the kind of each feature."""
MODALITIES = "modalities"
"""``uns``: names of the features of each other kind, whose values are in ``obsm``."""


def genes_alone(cells: ad.AnnData, path: object) -> ad.AnnData:
    """Cells by genes; features of other kinds move to ``obsm``, their names to ``uns``.

    Parameters
    ----------
    cells
        With the kind of each feature in ``var["feature_types"]``; as they are without it.
    path
        For the sentence.

    Raises
    ------
    DataError
        When none of the features is a gene.
    """
    if KIND not in cells.var:
        return cells
    kinds = cells.var[KIND].astype(str)
    if (kinds == GENES).all():
        return cells
    if not (kinds == GENES).any():
        raise DataError(
            f"Cannot read {path}: it has no genes but {', '.join(kinds.unique())}: "
            "give the file with gene expression."
        )
    genes = cells[:, (kinds == GENES).to_numpy()].copy()
    others = [kind for kind in kinds.unique() if kind != GENES]
    for kind in others:
        part = cells[:, (kinds == kind).to_numpy()]
        add_modality(genes, kind, part.X, part.var_names)
    logger.warning(
        "%s: %s travel along in obsm and have no part in placing.", path, " and ".join(others)
    )
    return genes


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
