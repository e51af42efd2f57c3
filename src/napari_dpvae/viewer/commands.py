"""What napari's menus and its command palette can ask of the dock."""

from __future__ import annotations

from typing import TYPE_CHECKING

# Not for type checkers only: napari hands over the viewer by this annotation.
from napari import Viewer

if TYPE_CHECKING:
    from napari_dpvae.viewer.dock.dock import DpvaeDock

PLUGIN, WIDGET = "napari-dpvae", "Place dissociated cells"
"""As in the manifest."""


def open_dock(viewer: Viewer) -> DpvaeDock:
    """The viewer's dock, opened if it is not there."""
    container, dock = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    container.show()
    container.raise_()
    opened: DpvaeDock = dock
    return opened


def show(viewer: Viewer) -> None:
    """Open the dock."""
    open_dock(viewer).setFocus()


def train(viewer: Viewer) -> None:
    """Press Train."""
    dock = open_dock(viewer)
    dock.flow.press(dock.model, dock.model.train)


def place(viewer: Viewer) -> None:
    """Press Place cells."""
    dock = open_dock(viewer)
    dock.flow.press(dock.place, dock.place.place)


def evaluate(viewer: Viewer) -> None:
    """Press Evaluate."""
    dock = open_dock(viewer)
    dock.flow.press(dock.evaluate, dock.evaluate.evaluate)


def save(viewer: Viewer) -> None:
    """Press Cells… in the step Save."""
    dock = open_dock(viewer)
    dock.flow.press(dock.save, dock.save.cells)


def next_gene(viewer: Viewer) -> None:
    """Go to the next most spatial gene, or the next of the markers."""
    dock = open_dock(viewer)
    dock.flow.press(dock.explore, dock.explore.gene.next)


def previous_gene(viewer: Viewer) -> None:
    """Go back by one gene."""
    dock = open_dock(viewer)
    dock.flow.press(dock.explore, dock.explore.gene.previous)
