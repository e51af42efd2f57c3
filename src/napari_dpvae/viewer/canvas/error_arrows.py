"""Where held-out cells were placed, drawn as arrows from their true places."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

import numpy as np
import pandas as pd
from napari.layers import Layer

from napari_dpvae.evaluation.experiments import HeldOutCells
from napari_dpvae.geometry.alignment import fit_similarity
from napari_dpvae.viewer.canvas.layers import LayerData, to_napari

if TYPE_CHECKING:
    from napari import Viewer

    from napari_dpvae.viewer.state.session import Session

COLORMAP = "YlOrRd"
"""From pale to red: both are seen on stained tissue."""
WIDTH = 0.008
"""Of an arrow, as a share of the extent."""


class ErrorArrows:
    """One layer of arrows; those of the evaluation before go when others come.

    Parameters
    ----------
    viewer
        Where to draw.
    session
        Whose held-out cells to draw.
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        # Sessions are kept by viewer: holding the viewer here would keep both for ever.
        self._viewer = ref(viewer)
        self._layer: Layer | None = None
        session.held_out_changed.connect(self._draw)

    def _draw(self, held_out: HeldOutCells | None) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        if self._layer is not None and self._layer in viewer.layers:
            viewer.layers.remove(self._layer)
        self._layer = None
        if held_out is not None:
            self._layer = viewer.add_layer(Layer.create(*arrows_layer(held_out)))


def arrows_layer(held_out: HeldOutCells) -> LayerData:
    """An arrow from the true place of each cell to the one it was given, coloured by its length.

    True places of another frame are first laid on the placed ones by the best similarity.
    """
    placed, true = held_out.placed, held_out.true
    if not held_out.one_frame and np.ptp(true, axis=0).max() > 0:
        true = fit_similarity(true, placed).apply(true)
    starts, ends = to_napari(true), to_napari(placed)
    error = np.linalg.norm(ends - starts, axis=1)
    options = {
        "name": f"placement errors, {held_out.method}",
        "features": pd.DataFrame({"error": error}),
        "edge_color": "error",
        "edge_colormap": COLORMAP,
        "edge_width": WIDTH * float(np.linalg.norm(np.ptp(starts, axis=0))),
        "vector_style": "arrow",
        "opacity": 1.0,
        "ndim": starts.shape[1],
    }
    return np.stack([starts, ends - starts], axis=1), options, "vectors"
