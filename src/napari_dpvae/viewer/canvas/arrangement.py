"""Reference and placed cells beside each other, with one camera for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari.layers import Image, Layer
from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    from napari import Viewer

LAID_OUT_MS = 0
SPACING = 0.01
"""Between the halves, as a share of one."""


class SideBySide:
    """napari's grid with two halves: placed cells, reference; the histology in both.

    Parameters
    ----------
    viewer
        Whose grid it is.
    reference, placed
        The layers of each half, from the lowest.
    """

    def __init__(self, viewer: Viewer, reference: Sequence[Layer], placed: Sequence[Layer]) -> None:
        self._viewer = viewer
        self._placed = placed
        self._copies = [_copy(layer) for layer in reference if isinstance(layer, Image)]
        active = viewer.layers.selection.active
        viewer.layers.extend(self._copies)
        viewer.layers.selection.active = active
        left = [*self._copies, *(layer for layer in placed if layer in viewer.layers)]
        right = [layer for layer in reference if layer in viewer.layers]
        for layer in [*left, *right]:
            viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))
        # napari puts so many layers into each half: the fuller one comes first.
        viewer.canvas.grid.stride = max(len(left), 1)
        viewer.canvas.grid.shape = (1, -1)
        viewer.canvas.grid.spacing = SPACING
        viewer.canvas.grid.enabled = True
        self._named = [side[-1] for side in (left, right) if side]
        for layer in self._named:
            layer.name_overlay.visible = True
        viewer.reset_view()
        # The halves get their size when the canvas is laid out: until then it is that of a stamp.
        self._laid_out = QTimer()
        self._laid_out.setSingleShot(True)
        self._laid_out.timeout.connect(lambda: viewer.reset_view(reset_camera_angle=False))
        self._laid_out.start(LAID_OUT_MS)

    def end(self) -> None:
        """Lay everything on one tissue again, the placed cells on top."""
        self._laid_out.stop()
        for layer in self._named:
            layer.name_overlay.visible = False
        layers = self._viewer.layers
        self._viewer.canvas.grid.enabled = False
        for layer in self._placed:
            if layer in layers:
                layers.move(layers.index(layer), len(layers))
        for layer in self._copies:
            if layer in layers:
                layers.remove(layer)
        self._viewer.reset_view()


def _copy(image: Image) -> Image:
    """The same picture once more; the data are shared."""
    return Image(image.data, name=f"{image.name} (placed)", scale=image.scale, rgb=image.rgb)
