"""The phantom, and real tissue that others publish, in napari's File > Open Sample."""

from __future__ import annotations

from functools import partial

import anndata as ad
import numpy as np
from napari import Viewer, current_viewer
from napari.layers import Layer
from napari.qt.threading import create_worker
from napari.utils.notifications import show_error

from napari_dpvae.data.phantom import read_phantom
from napari_dpvae.data.published import CORTEX, published
from napari_dpvae.viewer.canvas.layers import LayerData, opened_layers


def phantom_layers() -> list[LayerData]:
    """Histology and spots of the phantom; the dock takes them as its reference if it is open."""
    return opened_layers(read_phantom().reference, "phantom spots")


def _fetch(name: str) -> list[LayerData]:
    """Begin to fetch: a layer without points says so, until there are others or an error."""
    viewer, waiting = current_viewer(), f"fetching {name}"
    worker = create_worker(
        published,
        name,
        _start_thread=False,
        _ignore_errors=True,
        _progress={"total": 0, "desc": waiting},
    )
    worker.finished.connect(partial(_remove, viewer, waiting))
    worker.returned.connect(partial(_add, viewer, name))
    worker.errored.connect(lambda error: show_error(str(error)))
    worker.start()
    return [(np.empty((0, 2)), {"name": waiting}, "points")]


def _remove(viewer: Viewer, name: str) -> None:
    # A person may have removed it.
    if name in viewer.layers:
        viewer.layers.remove(name)


def _add(viewer: Viewer, name: str, cells: ad.AnnData) -> None:
    for each in opened_layers(cells, name):
        viewer.add_layer(Layer.create(*each))


def mouse_brain() -> list[LayerData]:
    """A Visium section of 10x Genomics."""
    return _fetch("mouse brain")


def mouse_cortex_cells() -> list[LayerData]:
    """Dissociated cells, a query for the mouse brain."""
    return _fetch(CORTEX)


def breast_cancer() -> list[LayerData]:
    """A Visium section of 10x Genomics."""
    return _fetch("human breast cancer")


def next_breast_cancer() -> list[LayerData]:
    """The section that was cut after it."""
    return _fetch("human breast cancer, the next section")


def lymph_node() -> list[LayerData]:
    """A Visium section of 10x Genomics."""
    return _fetch("human lymph node")
