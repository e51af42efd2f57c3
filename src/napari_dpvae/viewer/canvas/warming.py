"""What napari makes at its first layer and its first texts, made while the window is idle."""

from __future__ import annotations

import string
from collections.abc import Iterator
from weakref import WeakSet

import numpy as np
from napari import Viewer
from napari.layers import Points
from qtpy.QtCore import QObject, QTimer

TURN_MS = 30
GLYPHS = string.digits + string.ascii_letters + string.punctuation + "·…"
"""Of captions and colour bars: each takes about 10 ms, the first time."""
_WARMED: WeakSet[Viewer] = WeakSet()


def warm_up(viewer: Viewer, parent: QObject) -> None:
    """Prepare a window that shows nothing yet, a little in each turn of the event loop; once.

    Parameters
    ----------
    viewer
        Whose first picture shall not wait.
    parent
        That it ends with.
    """
    if viewer in _WARMED:
        return
    _WARMED.add(viewer)
    turns = _turns(viewer)
    timer = QTimer(parent)
    timer.setInterval(TURN_MS)

    def go_on() -> None:
        if next(turns, None) is None:
            timer.stop()
            timer.deleteLater()

    timer.timeout.connect(go_on)
    timer.start()


def _turns(viewer: Viewer) -> Iterator[str]:
    if viewer.layers:
        return
    # napari reads its table of physical units for the first layer that is made.
    Points(np.empty((0, 2)))
    yield "units"
    caption = viewer.canvas.overlays.text
    if caption.visible:
        return
    caption.color, caption.box = "transparent", False
    for glyph in GLYPHS:
        caption.text, caption.visible = glyph, True
        yield glyph
        if viewer.layers or caption.text != glyph:
            break
    else:
        caption.visible = False
    caption.color = None
