"""A slice of human cortex with its layers, and a fifth of its spots as if dissociated."""

from __future__ import annotations

import numpy as np

from benchmarks.tour.stage import Stage

SETTINGS = {"epochs": 60, "regularisation": "medium", "members": 3}
"""Shorter than the defaults: there are thousands of spots."""
LABELS = "layer"


def play(stage: Stage) -> None:
    """Colour by the layers that anatomists drew, before and after placing."""
    dock = stage.dock
    slice_ = stage.read("dlpfc_Visium_151510", "phantom_reference.h5ad")
    taken = np.random.default_rng(0).random(slice_.n_obs) < 0.2
    query = slice_[taken].copy()
    del query.obsm["spatial"], query.uns["spatial"]
    dock.session.reference, dock.session.query = slice_[~taken].copy(), query
    stage.show_only(dock.explore)
    labels = LABELS if LABELS in dock.session.columns else None
    dock.session.colouring.column = labels
    stage.shoot("layers")
    stage.show_only(dock.model)
    for name, value in SETTINGS.items():
        dock.model.form[name].value = value
    dock.model.train.click()
    stage.settle(8000)
    stage.shoot("training")
    stage.wait(dock.model)
    dock.place.place.click()
    stage.wait(dock.place)
    stage.show_only(dock.explore)
    dock.session.colouring.column = labels
    spots, cells = (stage.viewer.layers[name] for name in ("reference spots", "placed cells"))
    spots.visible, cells.size = False, spots.size[0]
    stage.shoot("layers-placed")
