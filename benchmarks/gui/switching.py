"""Milliseconds of Python to show another gene on so many cells, before they are redrawn."""

from __future__ import annotations

import time
from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
from napari import Viewer
from napari.layers import Points
from qtpy.QtWidgets import QApplication
from scipy import sparse

import napari_dpvae as dpv
from napari_dpvae.data.keys import SPATIAL

GENES = 200
DENSITY = 0.1
SWITCHES = 7
"""Of each way; the median counts."""

Switch = Callable[[str], None]


def many_cells(n: int) -> ad.AnnData:
    """Cells by genes with random counts, at random places of a square."""
    rng = np.random.default_rng(0)
    each = int(DENSITY * GENES)
    genes = (rng.integers(GENES, size=(n, 1)) + np.arange(0, GENES, GENES // each)) % GENES
    values = rng.poisson(2, genes.size).astype(np.float32) + 1
    starts = np.arange(0, genes.size + 1, genes.shape[1])
    counts = sparse.csr_matrix((values, np.sort(genes).ravel(), starts), (n, GENES))
    cells = ad.AnnData(
        counts,
        obs=pd.DataFrame(index=np.arange(n).astype(str)),
        var=pd.DataFrame(index=[f"Gene{i}" for i in range(GENES)]),
    )
    cells.obsm[SPATIAL] = rng.uniform(0, 30 * np.sqrt(n), (n, 2))
    return cells


def ours(viewer: Viewer, cells: ad.AnnData) -> Switch:
    """The session's gene, which colours a layer of this package."""
    state = dpv.session(viewer)
    state.placed = cells

    def switch(gene: str) -> None:
        state.gene = gene

    return switch


def layer_face_color(viewer: Viewer, cells: ad.AnnData) -> Switch:
    """Napari's own way: a feature of a points layer, named as its colour."""
    layer = Points(np.asarray(cells.obsm[SPATIAL])[:, ::-1], size=20)
    viewer.add_layer(layer)

    def switch(gene: str) -> None:
        values = cells.obs_vector(gene)
        layer.features = pd.DataFrame({gene: values})
        layer.face_color = gene

    return switch


def napari_spatialdata(viewer: Viewer, cells: ad.AnnData) -> Switch:
    """A double click on a gene in the View widget of napari-spatialdata."""
    from napari_spatialdata._model import DataModel
    from napari_spatialdata._view import QtAdataViewWidget

    cells.obs["instance"] = np.arange(cells.n_obs)
    cells.obs["region"] = pd.Categorical(["cells"] * cells.n_obs)
    keys = {"region": "cells", "region_key": "region", "instance_key": "instance"}
    cells.uns["spatialdata_attrs"] = keys
    metadata = {"adata": cells, "indices": list(range(cells.n_obs)), "name": "cells"} | keys
    layer = Points(np.asarray(cells.obsm[SPATIAL])[:, ::-1], size=20, metadata=metadata)
    viewer.add_layer(layer)
    model = DataModel()
    widget = QtAdataViewWidget(viewer, model)
    model.layer, model.adata = layer, cells

    def switch(gene: str) -> None:
        widget.var_widget._onAction((gene,))

    return switch


WAYS = {
    "napari-dpvae": ours,
    "layer.face_color = gene": layer_face_color,
    "napari-spatialdata": napari_spatialdata,
}


def milliseconds(way: str, n: int) -> float:
    """The median time of a switch; the first, which may prepare something, does not count."""
    viewer = Viewer(show=False)
    try:
        switch = WAYS[way](viewer, many_cells(n))
        times = []
        for i in range(SWITCHES + 1):
            start = time.perf_counter()
            switch(f"Gene{i}")
            times.append(time.perf_counter() - start)
            QApplication.processEvents()
        return float(1000 * np.median(times[1:]))
    finally:
        viewer.close()
