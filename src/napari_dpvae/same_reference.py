"""Whether a model was trained on a reference."""

from __future__ import annotations

import anndata as ad
import numpy as np

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.dpvae import DPVAE


def is_trained_on(model: DPVAE, reference: ad.AnnData) -> bool:
    """Whether a model's anchors are spots of a reference, and its genes the reference's genes.

    Parameters
    ----------
    model
        Trained.
    reference
        Spots by genes with ``obsm["spatial"]``.
    """
    anchors, spots = model.trained.coordinates, np.asarray(reference.obsm[SPATIAL], float)
    if anchors.shape[1] != spots.shape[1] or len(anchors) > len(spots):
        return False
    if (reference.var_names.get_indexer(model.genes) < 0).any():
        return False
    together = np.unique(np.concatenate([np.unique(anchors, axis=0), spots]), axis=0)
    return len(together) == len(np.unique(spots, axis=0))
