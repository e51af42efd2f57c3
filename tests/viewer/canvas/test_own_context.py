"""Layers go in the OpenGL context that draws them: in another, the next frames crashed."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from napari.components import LayerList, ViewerModel
from napari.layers import Points
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QOffscreenSurface, QOpenGLContext
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from napari_dpvae.viewer.canvas.own_context import remove_in_own_context


class Shown:
    """What is asked of a viewer with a window."""

    def __init__(self, window: QMainWindow) -> None:
        self.layers = LayerList()
        self.window = SimpleNamespace(main_menu=window.menuBar())


def test_the_canvas_has_its_context_as_a_layer_goes(qtbot: QtBot) -> None:
    window, content, canvas = QMainWindow(), QWidget(), QOpenGLWidget()
    content.setLayout(QVBoxLayout())
    content.layout().addWidget(canvas)
    window.setCentralWidget(content)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(canvas.isValid)
    viewer: Any = Shown(window)
    remove_in_own_context(viewer)
    layer = Points(np.zeros((3, 2)))
    viewer.layers.append(layer)
    surface, other, found = QOffscreenSurface(), QOpenGLContext(), []
    surface.create()
    assert other.create() and other.makeCurrent(surface)
    viewer.layers.events.removed.connect(lambda: found.append(QOpenGLContext.currentContext()))
    viewer.layers.remove(layer)
    assert found == [canvas.context()]


def test_a_viewer_without_a_window_is_let_be() -> None:
    viewer = ViewerModel()
    remove_in_own_context(viewer)
    viewer.layers.remove(viewer.add_points(np.zeros((3, 2))))
    assert not viewer.layers
