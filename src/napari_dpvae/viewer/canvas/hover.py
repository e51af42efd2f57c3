"""Says what is known of the cell under the pointer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from psygnal import Signal
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QToolTip

from napari_dpvae.viewer.canvas.cells import Cells
from napari_dpvae.viewer.canvas.finder import Finder

if TYPE_CHECKING:
    from napari import Viewer

    from napari_dpvae.viewer.state.session import Session


class Hover:
    """Follows the pointer over the cells; ``moved`` tells the cell under it, or None.

    Parameters
    ----------
    viewer
        Where the pointer is.
    drawn
        Gives what is drawn, the topmost last.
    session
        What the cells show, and in which unit.
    """

    moved = Signal(object)

    def __init__(self, viewer: Viewer, drawn: Callable[[], list[Cells]], session: Session) -> None:
        self._viewer = ref(viewer)
        self._drawn = drawn
        self._session = session
        self._finders: dict[int, tuple[Cells, Finder]] = {}
        self._last: tuple[Cells, int] | None = None
        viewer.mouse_move_callbacks.append(self._on_move)

    def find(
        self, position: np.ndarray, direction: np.ndarray | None, viewbox: Any
    ) -> tuple[Cells, int] | None:
        """The topmost cell at a position of the world, (d,), and its number."""
        viewer = self._viewer()
        for cells in reversed(self._drawn()):
            layer = cells.marks.layer
            if viewer is None or layer not in viewer.layers or not layer.visible:
                continue
            place = viewer.canvas.grid.position(viewer.layers.index(layer), viewer.layers)
            if viewer.canvas.grid.enabled and viewbox not in (None, place):
                continue
            point = np.asarray(layer.world_to_data(position))[-layer.ndim :]
            found = self._finder(cells).nearest(
                point, direction, cells.marks.size / 2, cells.marks.shown
            )
            if found is not None:
                return cells, found
        return None

    def _finder(self, cells: Cells) -> Finder:
        if id(cells) not in self._finders:
            drawn = {id(one) for one in self._drawn()}
            self._finders = {key: held for key, held in self._finders.items() if key in drawn}
            self._finders[id(cells)] = (cells, Finder(cells.marks.centres))
        return self._finders[id(cells)][1]

    def _on_move(self, viewer: Viewer, event: Any) -> None:
        direction = getattr(event, "view_direction", None)
        found = self.find(np.asarray(event.position), direction, getattr(event, "viewbox", None))
        if found == self._last:
            return
        self._last = found
        text = (
            ""
            if found is None
            else found[0].describe(found[1], self._session.colouring, self._session.unit)
        )
        QToolTip.showText(QCursor.pos(), text)
        self.moved.emit(found)
