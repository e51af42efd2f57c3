"""Which genes of placed cells are spatial."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.analysis.cells import Answer, answer_table, belonging
from napari_dpvae.analysis.contacts import nearest_pairs
from napari_dpvae.data.keys import DPVAE, PANEL, SPATIAL
from napari_dpvae.errors import DataError
from napari_dpvae.expression.normalise import log_expression

BLOCK = 200
"""Genes at a time, so that a long question can be stopped."""


def spatial_genes(placed: ad.AnnData, column: str | None = None) -> Answer:
    """Spatial autocorrelation (Moran's I) of each gene over the placed cells.

    Parameters
    ----------
    placed
        From :meth:`napari_dpvae.DPVAE.place`.
    column
        Not used.

    Returns
    -------
    pandas.DataFrame
        ``gene``, ``I``, ``p`` (normal), ``p adjusted`` (Benjamini-Hochberg) and ``in panel``,
        highest first. Genes in the panel placed the cells: that they are spatial is circular.

    Raises
    ------
    DataError
        When fewer cells belong to the reference than have neighbours.
    """
    import squidpy as sq
    from scipy.stats import false_discovery_control

    cells, note = belonging(placed)
    x = log_expression(cells).tocsc()
    seen = np.flatnonzero(np.diff(x.indptr) >= max(2, 0.01 * cells.n_obs))
    graph = nearest_pairs(np.asarray(cells.obsm[SPATIAL], float))
    parts = []
    for start in range(0, len(seen), BLOCK):
        yield start / len(seen)
        genes = seen[start : start + BLOCK]
        block = ad.AnnData(x[:, genes].tocsr(), var=pd.DataFrame(index=cells.var_names[genes]))
        block.obsp["spatial_connectivities"] = graph
        parts.append(
            sq.gr.spatial_autocorr(
                block, mode="moran", n_perms=None, n_jobs=1, copy=True, show_progress_bar=False
            )
        )
    if not parts:
        raise DataError("No gene is expressed in more than one of the placed cells.")
    found = pd.concat(parts).sort_values("I", ascending=False, kind="stable")
    p = found["pval_norm"].fillna(1.0).to_numpy()
    panel = placed.uns.get(DPVAE, {}).get(PANEL, ())
    return answer_table(
        note,
        gene=found.index,
        I=found["I"],
        p=p,
        **{"p adjusted": false_discovery_control(p), "in panel": found.index.isin(np.ravel(panel))},
    )
