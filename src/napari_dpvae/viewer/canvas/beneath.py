"""Images that come one by one: a window that puts many up at once stands still meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING
from weakref import ref

from napari.layers import Layer
from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    from napari import Viewer


class Beneath:
    """Puts layers up beneath another, each in a turn of the window, for as long as that is there.

    Parameters
    ----------
    viewer
        Where they go.
    layers
        From the lowest.
    above
        What they lie beneath, and which stays the active one.
    then
        Called when all are there.
    """

    def __init__(
        self,
        viewer: Viewer,
        layers: Sequence[Layer],
        above: Layer,
        then: Callable[[], object],
    ) -> None:
        self._viewer = ref(viewer)
        self._coming, self._above, self._then = list(layers), above, then
        self._timer = QTimer()
        self._timer.timeout.connect(self._put_up_next)
        self._timer.start(0)

    def _put_up_next(self) -> None:
        viewer = self._viewer()
        if viewer is None or self._above not in viewer.layers:
            self._timer.stop()
            return
        active = viewer.layers.selection.active
        viewer.layers.insert(viewer.layers.index(self._above), self._coming.pop(0))
        viewer.layers.selection.active = active
        if not self._coming:
            self._timer.stop()
            self._then()
