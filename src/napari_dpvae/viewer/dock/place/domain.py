"""Where cells may lie: as the settings say, or inside what a person drew."""

from __future__ import annotations

from napari import Viewer
from napari.layers import Layer
from qtpy.QtWidgets import QComboBox

from napari_dpvae.viewer.canvas.outlines import can_outline
from napari_dpvae.viewer.dock.style import elastic

BY_SETTINGS = "as in the settings"


class DomainBox(QComboBox):
    """Offers the shapes and labels that are open; a layer that goes is let go."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.setToolTip(
            "Where cells may lie. Draw the tissue's outline in a Shapes layer, or paint it in a "
            "Labels layer, and choose the layer here."
        )
        elastic(self)

        # Not the method itself: to let go of that, napari compares the widget, which is gone then.
        def refresh() -> None:
            self._list()

        events = viewer.layers.events
        watched = (events.inserted, events.removed, events.renamed)
        for event in watched:
            event.connect(refresh)
        self.destroyed.connect(lambda: [event.disconnect(refresh) for event in watched])
        self._list()

    @property
    def layer(self) -> Layer | None:
        """The one chosen; None for the settings' domain."""
        return self.currentData()

    def _list(self) -> None:
        before = self.currentData()
        self.clear()
        self.addItem(BY_SETTINGS, None)
        for layer in self._viewer.layers:
            if can_outline(layer):
                self.addItem(f"inside '{layer.name}'", layer)
        self.setCurrentIndex(max(self.findData(before), 0))
