"""What napari's menus and its command palette can ask of the dock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import napari

# Not for type checkers only: napari hands over the viewer by this annotation.
from napari import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

if TYPE_CHECKING:
    from napari_dpvae.viewer.dock.dock import DpvaeDock

PLUGIN, WIDGET = "napari-dpvae", "Place dissociated cells"
"""As in the manifest."""
LOADING = "Loading the libraries of the dp-VAE: some seconds, the first time…"


def __getattr__(name: str) -> Any:
    """The dock's class, where the manifest finds it: what it needs takes seconds to import."""
    if name != "DpvaeDock":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    with _said_to_be_busy():
        from napari_dpvae.viewer.dock.dock import DpvaeDock
    return DpvaeDock


@contextmanager
def _said_to_be_busy() -> Iterator[None]:
    """The window says so, by cursor and status bar, before it hears nothing for a while."""
    viewer = napari.current_viewer()
    if viewer is None or QApplication.instance() is None:
        yield
        return
    viewer.status = LOADING
    QApplication.setOverrideCursor(Qt.CursorShape.WaitCursor)
    QApplication.processEvents()
    try:
        yield
    finally:
        QApplication.restoreOverrideCursor()
        viewer.status = "Ready"


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


def report(viewer: Viewer) -> None:
    """Press Report… in the step Save."""
    dock = open_dock(viewer)
    dock.flow.press(dock.save, dock.save.report)


def save_session(viewer: Viewer) -> None:
    """Press Session… in the step Save."""
    dock = open_dock(viewer)
    dock.flow.press(dock.save, dock.save.whole)


def open_session(viewer: Viewer) -> None:
    """Press Open session… in the step Data."""
    dock = open_dock(viewer)
    dock.flow.press(dock.data, dock.data.saved.button)


def next_gene(viewer: Viewer) -> None:
    """Go to the next most spatial gene, or the next of the markers."""
    dock = open_dock(viewer)
    dock.flow.press(dock.explore, dock.explore.gene.next)


def previous_gene(viewer: Viewer) -> None:
    """Go back by one gene."""
    dock = open_dock(viewer)
    dock.flow.press(dock.explore, dock.explore.gene.previous)
