"""A real window, and the dock in it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from napari import Viewer
from napari._qt.qt_viewer import QtViewer
from napari.components import ViewerModel
from napari.qt import get_current_stylesheet
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QObject, QSettings
from qtpy.QtWidgets import QApplication

from napari_dpvae.viewer.commands import open_dock
from napari_dpvae.viewer.dock.dock import WIDTH, DpvaeDock
from napari_dpvae.viewer.dock.job import _Worker
from napari_dpvae.viewer.open import _SESSIONS

WAIT_MS = 60_000
QUICK = {
    "epochs": 20, "regularisation": "light", "genes": 100, "wide_genes": 0, "members": 2,
    "checks": 0, "blocks": 0,
}  # fmt: skip
"""Settings that train in a second."""


def gone(*things: QObject) -> None:
    """Have Qt delete them now, and not when it is idle."""
    for thing in things:
        thing.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.fixture(autouse=True)
def forgetful(tmp_path: Path) -> None:
    """What is remembered between runs is remembered within a test only."""
    folder = str(tmp_path / "settings")
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, folder)


@pytest.fixture(autouse=True)
def followed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coverage follows the threads that Python starts; jobs run in Qt's."""
    work = _Worker.work

    def traced(worker: _Worker) -> Any:
        if sys.gettrace() is None:
            sys.settrace(threading.gettrace())
        return work(worker)

    monkeypatch.setattr(_Worker, "work", traced)


@pytest.fixture(scope="session")
def window() -> Iterator[Viewer]:
    """One viewer for all tests that leave it open: to make and to close one takes seconds.

    For tests of closing, and of several viewers, there is napari's ``make_napari_viewer``.
    """
    with pytest.MonkeyPatch.context() as patch:
        # As make_napari_viewer does: no thread for the status bar.
        patch.setattr("napari._qt.threads.status_checker.StatusChecker.start", lambda *a: None)
        viewer = Viewer(show=False, show_welcome_screen=False)
        # It looks at each event of each widget, for a menu bar that comes and goes.
        QApplication.instance().removeEventFilter(viewer.window._qt_window)
        yield viewer
        viewer.close()


@pytest.fixture
def drawn(window: Viewer, qtbot: QtBot) -> Iterator[Viewer]:
    """The window, as if it were new."""
    callbacks = list(window.mouse_move_callbacks)
    yield window
    docks = list(window.window.dock_widgets.values())
    window.window.remove_dock_widget("all")
    gone(*docks)
    window.canvas.grid.enabled = False
    window.layers.clear()
    _SESSIONS.pop(window, None)
    window.mouse_move_callbacks[:] = callbacks
    window.dims.ndisplay = 2
    window.canvas.overlays.text.visible = False
    window.theme = "dark"


@pytest.fixture
def viewer(request: pytest.FixtureRequest) -> Viewer | ViewerModel:
    """Layers, camera and dimensions. To draw them too takes most of a test's time.

    So a window shows them where a test is marked ``drawn``, and everywhere with ``--drawn``.
    """
    if request.node.get_closest_marker("drawn") or request.config.option.drawn:
        window: Viewer = request.getfixturevalue("drawn")
        return window
    return ViewerModel()


@pytest.fixture(autouse=True)
def unheard(request: pytest.FixtureRequest) -> None:
    """The window that all tests share is no leak of make_napari_viewer's."""
    if "make_napari_viewer" in request.fixturenames:
        QtViewer._instances.clear()
        request.getfixturevalue("make_napari_viewer")


@contextmanager
def by_itself(viewer: ViewerModel) -> Iterator[DpvaeDock]:
    """A dock in no window."""
    widget = DpvaeDock(viewer)
    yield widget
    # At once, while all that it refers to is there; Python would collect it in any order.
    widget.close()
    gone(widget)


@contextmanager
def in_window(viewer: Viewer) -> Iterator[DpvaeDock]:
    """A dock as napari's menu opens it."""
    yield open_dock(viewer)


@pytest.fixture
def dock(viewer: Viewer | ViewerModel, qtbot: QtBot) -> Iterator[DpvaeDock]:
    """The dock, with settings that train in a second."""
    with (in_window if isinstance(viewer, Viewer) else by_itself)(viewer) as widget:
        for name, value in QUICK.items():
            widget.model.form[name].value = value
        yield widget


@pytest.fixture
def seen(qtbot: QtBot) -> Iterator[DpvaeDock]:
    """The dock by itself on the screen in napari's theme, as wide as it is at first, and low."""
    with by_itself(ViewerModel()) as widget:
        widget.setStyleSheet(get_current_stylesheet() + widget.styleSheet())
        widget.resize(WIDTH, 400)
        widget.show()
        qtbot.waitExposed(widget)
        yield widget


@pytest.fixture
def loaded(dock: DpvaeDock, phantom: Any) -> DpvaeDock:
    """The dock with the phantom's reference and query."""
    dock.session.reference = phantom.reference
    dock.session.query = phantom.query
    return dock


@pytest.fixture
def idle(qtbot: QtBot) -> Callable[[Any], None]:
    """Wait until a step's job has ended."""

    def wait(step: Any) -> None:
        qtbot.waitUntil(lambda: not step.progress.running, timeout=WAIT_MS)

    return wait
