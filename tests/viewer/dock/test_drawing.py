"""A canvas draws in a turn of its own after something changed, and then as before."""

import numpy as np
import pytest
from napari.components import ViewerModel
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QOffscreenSurface, QOpenGLContext
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from napari_dpvae.viewer.dock.drawing import draw_later, remove_in_own_context


def filled(window: QWidget) -> QOpenGLWidget:
    """A canvas among what a window shows."""
    content, canvas = QWidget(), QOpenGLWidget()
    content.setLayout(QVBoxLayout())
    content.layout().addWidget(canvas)
    if isinstance(window, QMainWindow):
        window.setCentralWidget(content)
    else:
        content.setParent(window)
    return canvas


@pytest.mark.parametrize("kind", [QMainWindow, QWidget])
def test_a_canvas_waits_for_its_turn_and_draws_again_then(qtbot: QtBot, kind: type) -> None:
    window = kind()
    canvas = filled(window)
    qtbot.addWidget(window)
    draw_later(window)
    assert not canvas.updatesEnabled()
    qtbot.waitUntil(canvas.updatesEnabled)


def test_a_canvas_that_is_gone_by_then_is_not_drawn(qtbot: QtBot) -> None:
    window = QMainWindow()
    canvas = filled(window)
    qtbot.addWidget(window)
    draw_later(window)
    assert not canvas.updatesEnabled()
    with qtbot.waitSignal(canvas.destroyed):
        canvas.deleteLater()
    qtbot.wait(50)


def test_layers_go_in_the_context_that_draws_them(qtbot: QtBot) -> None:
    """In another, napari's deletions made the next frames crash."""
    window, viewer = QMainWindow(), ViewerModel()
    canvas, dock = filled(window), QWidget(window)
    qtbot.addWidget(window)
    remove_in_own_context(viewer, dock)
    layer = viewer.add_points(np.zeros((3, 2)))
    window.show()
    qtbot.waitUntil(canvas.isValid)
    surface, other, found = QOffscreenSurface(), QOpenGLContext(), []
    surface.create()
    assert other.create() and other.makeCurrent(surface)
    viewer.layers.events.removed.connect(lambda: found.append(QOpenGLContext.currentContext()))
    viewer.layers.remove(layer)
    assert found == [canvas.context()]
    with qtbot.waitSignal(dock.destroyed):
        dock.deleteLater()
    viewer.layers.remove(viewer.add_points(np.zeros((3, 2))))
