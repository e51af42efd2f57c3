"""``python -m benchmarks.neighbours``: the widgets of napari-spatialdata on our layers.

Opens a store of the phantom's placed cells in its own window, where they must lie at the same
coordinates; then its View, Scatter and Annotation beside our layers of them. Colours the cells by a
gene in each, and writes pictures of the windows. Needs a screen, and napari-spatialdata
(``pip install -c constraints.txt napari-spatialdata``).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anndata as ad
import numpy as np
from napari import Viewer, current_viewer
from napari.layers import Layer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget
from spatialdata import SpatialData, read_zarr

import napari_dpvae as dpv
from napari_dpvae.data.spatial_data import FRAME, INSTANCE, REGION, to_spatialdata
from napari_dpvae.viewer.canvas.picture import SETTLE_MS, write_picture

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "napari-spatialdata.png"
STORE_PICTURE = PICTURE.with_name("spatialdata-store.png")
READ_MS = 3000
"""It reads an element in the background, and takes no other meanwhile."""
LAYERS = {"placed cells": "placed_cells", "reference spots": "reference_spots"}
"""Our layers, and what their data are called in the SpatialData."""
WIDGETS = ("View", "Annotation", "Scatter")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.neighbours")
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where to write it (.png)")
    options = parser.parse_args()
    phantom = dpv.read_phantom()
    model = dpv.DPVAE(epochs=60, members=2).fit(phantom.reference)
    placed = model.place(phantom.query)
    # First: it would open in a viewer that there is.
    apart = open_store(placed, phantom.reference, model.genes[0], STORE_PICTURE)
    print(f"Cells of the store lie {apart:g} units apart from those; wrote {STORE_PICTURE}.")
    viewer = dpv.view(placed, phantom.reference, gene=model.genes[0])
    sdata = to_spatialdata(placed, phantom.reference)
    describe_layers(viewer, sdata)
    widgets = open_widgets(viewer, sdata)
    widgets["View"].var_widget._onAction((model.genes[0],))
    viewer.window.resize(1600, 960)
    # Its plot wants to be laid out before it is asked for anything.
    QTest.qWait(SETTLE_MS)
    plot(widgets["Scatter"], *model.genes[:2])
    write_picture(viewer, options.picture)
    print(f"Opened {', '.join(widgets)}; wrote {options.picture}.")


def open_store(placed: ad.AnnData, reference: ad.AnnData, gene: str, picture: Path) -> float:
    """Write a store, open it; the largest distance of a cell from where it was placed."""
    from napari_spatialdata import Interactive

    with TemporaryDirectory() as folder:
        dpv.write_spatialdata(placed, Path(folder, "placed.zarr"), reference)
        sdata = read_zarr(Path(folder, "placed.zarr"))
        window = Interactive(sdata, headless=True)
        for element in (*sdata.images, *sdata.shapes):
            window.add_element(element=element, element_coordinate_system=FRAME)
            QTest.qWait(READ_MS)
        viewer = current_viewer()
        cells = viewer.layers["placed_cells"]
        viewer.layers.move(viewer.layers.index(cells), -1)
        viewer.layers.selection.active = cells
        _, view = viewer.window.add_plugin_dock_widget("napari-spatialdata", "View")
        view.var_widget._onAction((gene,))
        viewer.window.resize(1600, 960)
        write_picture(viewer, picture)
        apart = np.abs(cells.data[:, ::-1] - placed.obsm["spatial"]).max()
    return float(apart)


def describe_layers(viewer: Viewer, sdata: SpatialData) -> None:
    """Tell of our layers what napari-spatialdata asks a layer of its own."""
    for name, element in LAYERS.items():
        layer: Layer = viewer.layers[name]
        table = sdata.tables[f"{element}_table"]
        layer.metadata.update(
            sdata=sdata,
            adata=table,
            name=element,
            region_key=REGION,
            instance_key=INSTANCE,
            table_names=[f"{element}_table"],
            indices=table.obs[INSTANCE].tolist(),
        )


def open_widgets(viewer: Viewer, sdata: SpatialData) -> dict[str, Any]:
    """Its widgets as its users open them; they find each other by the dock "SpatialData"."""
    from napari.utils.events import EventedList
    from napari_spatialdata._sdata_widgets import SdataWidget

    docked: QWidget = SdataWidget(viewer, EventedList(data=[sdata]))
    viewer.window.add_dock_widget(docked, name="SpatialData", area="left")
    widgets = {}
    for name in WIDGETS:
        viewer.layers.selection.active = viewer.layers["placed cells"]
        _, widgets[name] = viewer.window.add_plugin_dock_widget(
            "napari-spatialdata", name, tabify=name != WIDGETS[0]
        )
    # The last one brings a layer of its own to the front.
    viewer.layers.selection.active = viewer.layers["placed cells"]
    return widgets


def plot(scatter: Any, across: str, up: str) -> None:
    """Two genes against each other in its Scatter, coloured by the first."""
    for axis, gene in (
        (scatter.x_widget, across),
        (scatter.y_widget, up),
        (scatter.color_widget, across),
    ):
        axis.selection_widget.setCurrentText("var")
        axis.widget._onAction((gene,))
    scatter.plot_button_widget.click()


if __name__ == "__main__":
    main()
