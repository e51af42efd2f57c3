"""What napari itself opened: a file dropped on its canvas, or a sample."""

from __future__ import annotations

from collections.abc import Callable

import anndata as ad
from napari import Viewer
from napari.layers import Layer
from qtpy.QtCore import QObject, QTimer

from napari_dpvae.viewer.canvas.layers import OPENED


class OpenedLayers:
    """Hands over the cells of layers that napari opened with this plugin.

    Where they are wanted their layers go: the session draws them with what else it knows.

    Parameters
    ----------
    viewer
        Whose layers they are.
    wants, take
        Whether cells are wanted, and what takes them.
    parent
        That it ends with.
    """

    def __init__(
        self,
        viewer: Viewer,
        wants: Callable[[ad.AnnData], bool],
        take: Callable[[ad.AnnData], None],
        parent: QObject,
    ) -> None:
        self._viewer, self._wants, self._take = viewer, wants, take
        self._timer = QTimer(parent)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._hand_over)
        viewer.layers.events.inserted.connect(self._on_inserted)
        self._on_inserted()

    def end(self) -> None:
        """Look no more."""
        self._viewer.layers.events.inserted.disconnect(self._on_inserted)

    def _on_inserted(self) -> None:
        if self._opened():
            # napari is still at work: it adds the other layers of the file.
            self._timer.start()

    def _hand_over(self) -> None:
        layers, taken = self._opened(), []
        for layer in layers:
            cells = layer.metadata.pop(OPENED)
            if self._wants(cells):
                self._viewer.layers.remove(layer)
                taken.append(cells)
        for cells in {id(cells): cells for cells in taken}.values():
            self._take(cells)

    def _opened(self) -> list[Layer]:
        return [layer for layer in self._viewer.layers if OPENED in layer.metadata]
