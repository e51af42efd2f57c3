"""When the canvas draws: in turns of its own, as what changes and its frames each take a while."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from qtpy.QtCore import QTimer
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QWidget

from napari_dpvae.viewer.canvas.own_context import canvases

LATER_MS = 20
"""In which a window takes events."""


def draw_later(window: QWidget) -> None:
    """Have what is about to change in a window drawn in a turn of its own."""
    for canvas in canvases(window):
        canvas.setUpdatesEnabled(False)
        _after(canvas, partial(_draw, canvas))


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
