"""A canvas draws in a turn of its own after something changed, and then as before."""

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from napari_dpvae.viewer.dock.drawing import draw_later


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
