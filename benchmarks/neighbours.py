"""``python -m benchmarks.neighbours``: the widgets of napari-spatialdata on our layers.

Opens its View, Scatter and Annotation beside the phantom's placed cells, colours the cells by a
gene in each, and writes a picture of the window. Needs a screen, and napari-spatialdata
(``pip install -c constraints.txt napari-spatialdata``).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from napari import Viewer
from napari.layers import Layer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget
from spatialdata import SpatialData

import napari_dpvae as dpv
from napari_dpvae.data.spatial_data import INSTANCE, REGION, to_spatialdata
from napari_dpvae.viewer.canvas.picture import SETTLE_MS, write_picture

PICTURE = Path(__file__).parents[1] / "docs" / "images" / "napari-spatialdata.png"
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
