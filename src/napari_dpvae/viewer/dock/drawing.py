"""When the canvas draws: in turns of its own, as what changes and its frames each take a while."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QMainWindow, QWidget

if TYPE_CHECKING:
    from napari import Viewer

LATER_MS = 20
"""In which a window takes events."""


def draw_later(window: QWidget) -> None:
    """Have what is about to change in a window drawn in a turn of its own."""
    for canvas in _canvases(window):
        canvas.setUpdatesEnabled(False)
        _after(canvas, partial(_draw, canvas))


def remove_in_own_context(viewer: Viewer, dock: QWidget) -> None:
    """Have layers go in the OpenGL context that they are drawn in, while the dock is there.

    napari has OpenGL delete what a layer was drawn by as soon as it goes, and not in a frame: by
    then the context may be current in which Qt puts the window together, and one of the next frames
    would crash.
    """

    def make_current() -> None:
        for canvas in _canvases(dock.window()):
            if canvas.isValid():
                canvas.makeCurrent()

    removing = viewer.layers.events.removing
    removing.connect(make_current)
    dock.destroyed.connect(lambda: removing.disconnect(make_current))


def _canvases(window: QWidget) -> list[QOpenGLWidget]:
    # To look through all that docks hold would take longer than many a frame.
    where = window.centralWidget() if isinstance(window, QMainWindow) else window
    found: list[QOpenGLWidget] = where.findChildren(QOpenGLWidget)
    return found


def _draw(canvas: QOpenGLWidget) -> None:
    """One frame now, and what napari moves by it, such as captions, in another turn."""
    canvas.setUpdatesEnabled(True)
    canvas.repaint()
    canvas.setUpdatesEnabled(False)
    _after(canvas, partial(canvas.setUpdatesEnabled, True))


def _after(canvas: QOpenGLWidget, work: Callable[[], object]) -> None:
    """Unless the canvas is gone by then."""
    timer = QTimer(canvas)
    timer.setSingleShot(True)
    timer.timeout.connect(work)
    timer.timeout.connect(timer.deleteLater)
    timer.start(LATER_MS)
