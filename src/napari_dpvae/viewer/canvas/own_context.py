"""The OpenGL context that a window's canvas draws in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

from napari.components import ViewerModel
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QMainWindow, QWidget

if TYPE_CHECKING:
    from napari import Viewer


def canvases(window: QWidget) -> list[QOpenGLWidget]:
    """What draws in a window."""
    # To look through all that docks hold would take longer than many a frame.
    where = window.centralWidget() if isinstance(window, QMainWindow) else window
    found: list[QOpenGLWidget] = where.findChildren(QOpenGLWidget)
    return found


def remove_in_own_context(viewer: Viewer | ViewerModel) -> None:
    """Have the layers of a viewer go in the context that they are drawn in.

    napari has OpenGL delete what a layer was drawn by as soon as it goes, and not in a frame: by
    then the context may be current in which Qt puts the window together, and one of the next frames
    would crash.
    """
    held = ref(viewer)

    def make_current() -> None:
        # A viewer without a window draws nothing.
        window = getattr(held(), "window", None)
        for canvas in [] if window is None else canvases(window.main_menu.window()):
            if canvas.isValid():
                canvas.makeCurrent()

    viewer.layers.events.removing.connect(make_current)
