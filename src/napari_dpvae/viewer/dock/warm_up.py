"""What a person would wait for the first time, done while the window is idle."""

from __future__ import annotations

import gc
import string
from collections.abc import Generator
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING
from weakref import ReferenceType, ref

from qtpy.QtCore import QObject, QTimer

from napari_dpvae.viewer.canvas.layers import read_units

if TYPE_CHECKING:
    from napari import Viewer

IDLE_MS = 200
"""After the dock is shown."""
EACH_MS = 30
LETTERS = string.digits + string.ascii_letters + ".,-+:;·/()µ…"
"""Of genes' names, numbers and units."""
AT_ONCE = 4
"""napari takes some 6 ms to make a letter."""
UNSEEN = {"opacity": 0.0, "box": True, "box_color": "transparent"}
"""A caption like ours, so that all that draws one is made too."""
IMPORTED = (
    "napari_dpvae.training.fitting",
    "napari_dpvae.placement.place",
    *(f"sklearn.{room}" for room in ("cluster", "decomposition", "linear_model", "neighbors")),
    "scipy.stats",
)
"""What the first jobs would import, beside what the dock is made of."""


class WarmUp(QObject):
    """Does it in small parts, once.

    Parameters
    ----------
    viewer
        Whose canvas is to know the letters of captions and scales.
    parent
        What this lives as long as.
    """

    def __init__(self, viewer: Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._parts = parts = _parts(ref(viewer))
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._go_on)
        parent.destroyed.connect(lambda: _end(parts))

    def begin(self) -> None:
        """Wait until the window is there, and idle; what is done is not done again."""
        self._timer.start(IDLE_MS)

    def _go_on(self) -> None:
        self._timer.setInterval(EACH_MS)
        if next(self._parts, self) is self:
            self._timer.stop()


def _parts(viewer: ReferenceType[Viewer]) -> Generator[None, None, None]:
    read_units()
    yield
    yield from _letters(viewer)
    importing = Thread(target=lambda: [import_module(name) for name in IMPORTED], daemon=True)
    importing.start()
    while importing.is_alive():
        yield
    # All that was imported is passed over whenever Python looks for what is of no more use, for a
    # third of a second in which the window stands still: set aside, it no longer is.
    gc.freeze()


def _letters(viewer: ReferenceType[Viewer]) -> Generator[None, None, None]:
    """Have napari draw letters in the caption, unseen: a first one would wait for each of its own.

    A caption that there is, or that comes meanwhile, is let be.
    """
    if (there := viewer()) is None or there.canvas.overlays.text.visible:
        return
    caption, text = there.canvas.overlays.text, ""
    del there
    before = {name: getattr(caption, name) for name in (*UNSEEN, "text")}
    caption.update(UNSEEN)
    try:
        for start in range(0, len(LETTERS), AT_ONCE):
            if viewer() is None or caption.text != text:
                return
            caption.text = text = LETTERS[start : start + AT_ONCE]
            caption.visible = True
            yield
    finally:
        if viewer() is not None:
            if caption.text == text:
                caption.visible = False
            else:
                del before["text"]
            caption.update(before)


def _end(parts: Generator[None, None, None]) -> None:
    """With the dock: nothing of it is left to be seen, or set aside."""
    parts.close()
    gc.unfreeze()
