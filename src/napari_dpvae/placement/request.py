"""What is asked of a placing, checked before any work."""

from __future__ import annotations

import anndata as ad
import numpy as np

from napari_dpvae.data.checked import checked_query
from napari_dpvae.data.coordinates import known_coordinates
from napari_dpvae.errors import DataError
from napari_dpvae.model.trained import Trained
from napari_dpvae.settings import PlacementSettings

MOST_FREE = 5000
"""Cells that ``free`` takes: it keeps all their distances, and compares them many times."""


def checked_request(
    trained: Trained, query: ad.AnnData, settings: PlacementSettings, known_key: str | None = None
) -> tuple[ad.AnnData, np.ndarray]:
    """A query's genes, and which places of its cells are known.

    Parameters are those of :meth:`napari_dpvae.DPVAE.place`.

    Returns
    -------
    query
        Itself, where all its features are genes.
    known
        (n, 2 or 3) in coordinate units; NaN where the place is not known.

    Raises
    ------
    DataError
        With what cannot be placed so, and what to do about it.
    """
    if settings.mode == "impute" and known_key is None:
        raise DataError(
            "The mode impute needs the places that are known: name the obsm entry of the query "
            "that holds them, with NaN for the others."
        )
    if settings.mode != "impute" and known_key is not None:
        raise DataError("Known places are of use to the mode impute alone: choose it.")
    if settings.draws and not len(trained.scores):
        raise DataError(
            "Places cannot be drawn: the training was stopped before the model was calibrated. "
            "Train it to the end, or set draws to 0."
        )
    query = checked_query(query)
    if settings.mode == "free" and query.n_obs > MOST_FREE:
        raise DataError(
            f"The mode free compares all pairs of cells and takes at most {MOST_FREE}; "
            f"the query has {query.n_obs}: use the mode anchored."
        )
    return query, known_coordinates(query, known_key, trained.coordinates.shape[1])
