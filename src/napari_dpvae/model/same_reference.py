"""Whether a model was trained on a reference."""

from __future__ import annotations

import anndata as ad
import numpy as np
from scipy.spatial import cKDTree

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.model.trained import HasTrained

TOLERANCE = 1e-6
"""Of the extent: coordinates may have been through single precision on their way."""


def is_trained_on(model: HasTrained, reference: ad.AnnData) -> bool:
    """Whether a model's anchors are spots of a reference, and its genes the reference's genes.

    Parameters
    ----------
    model
        Trained.
    reference
        Spots by genes with ``obsm["spatial"]``.
    """
    anchors, spots = model.trained.coordinates, np.asarray(reference.obsm[SPATIAL], float)
    if (
        anchors.shape[1] != spots.shape[1]
        or not np.isin(model.trained.panel.genes, reference.var_names).all()
    ):
        return False
    if np.array_equal(anchors, spots):
        return True
    distance, _ = cKDTree(spots).query(anchors, distance_upper_bound=np.ptp(spots) * TOLERANCE)
    return bool(np.isfinite(distance).all())
