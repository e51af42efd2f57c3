"""A real window, and the dock in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QSettings

from napari_dpvae.viewer.dock.dock import DpvaeDock

WAIT_MS = 60_000


@pytest.fixture(autouse=True)
def forgetful(tmp_path: Path) -> None:
    """What is remembered between runs is remembered within a test only."""
    folder = str(tmp_path / "settings")
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, folder)


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Viewer]) -> Viewer:
    return make_napari_viewer()


@pytest.fixture
def dock(viewer: Viewer, phantom: Any) -> DpvaeDock:
    """The dock as napari's menu opens it, with settings that train in a second."""
    _, widget = viewer.window.add_plugin_dock_widget("napari-dpvae", "Place dissociated cells")
    assert isinstance(widget, DpvaeDock)
    widget.model.form["epochs"].value = 20
    widget.model.form["regularisation"].value = "light"
    return widget


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
