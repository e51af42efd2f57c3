"""Whether a model was trained on a reference: the one rule for it."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.model.trained import HasTrained, Trained

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
    return anchor_spots(model.trained, reference) is not None


def anchor_spots(trained: Trained, reference: ad.AnnData) -> np.ndarray | None:
    """Which spot of a reference each anchor of a model is; None for another reference.

    Parameters
    ----------
    trained
        The model.
    reference
        Spots by genes with ``obsm["spatial"]``; in any order, and with spots of other sections.

    Returns
    -------
    numpy.ndarray or None
        (r,) integers, each another one.
    """
    anchors, spots = trained.coordinates, np.asarray(reference.obsm[SPATIAL], float)
    has_genes = pd.Index(trained.panel.genes).isin(reference.var_names).all()
    if anchors.shape[1] != spots.shape[1] or not has_genes:
        return None
    if np.array_equal(anchors, spots):
        return np.arange(len(spots))
    distance, nearest = cKDTree(spots).query(
        anchors, distance_upper_bound=np.ptp(spots) * TOLERANCE
    )
    if not np.isfinite(distance).all() or len(np.unique(nearest)) < len(nearest):
        return None
    return np.asarray(nearest)
