"""Menus, the command palette, and everything without a mouse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from napari import Viewer
from napari._app_model import get_app_model
from npe2 import PluginManifest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QTableView,
    QWidget,
)

from napari_dpvae.viewer import commands
from napari_dpvae.viewer.dock.dock import DpvaeDock
from napari_dpvae.viewer.dock.fold import Fold
from napari_dpvae.viewer.dock.step import Step

Idle = Callable[[Any], None]


def run(command: str) -> None:
    get_app_model().commands.execute_command(f"napari-dpvae.{command}").result()


@pytest.mark.drawn
def test_every_command_is_in_the_menu_and_can_be_found(viewer: Viewer) -> None:
    manifest = PluginManifest.from_distribution("napari-dpvae")
    listed = {item.command for item in manifest.contributions.menus["dpvae"]}
    offered = {command.id for command in manifest.contributions.commands}
    samples = {sample.command for sample in manifest.contributions.sample_data}
    others = {f"napari-dpvae.{name}" for name in ("dock", "read", "write")}
    assert offered - listed == samples | others
    for command in listed:
        assert command in get_app_model().commands


@pytest.mark.drawn
def test_the_whole_job_by_commands(loaded: DpvaeDock, idle: Idle, viewer: Viewer) -> None:
    run("train")
    idle(loaded.model)
    assert loaded.session.model is not None
    run("place")
    idle(loaded.place)
    assert loaded.session.placed is not None
    before = loaded.session.gene
    run("next_gene")
    assert loaded.session.gene != before
    run("previous_gene")
    assert loaded.session.gene == before


@pytest.mark.drawn
def test_a_command_that_cannot_be_done_opens_its_step_which_says_why(viewer: Viewer) -> None:
    commands.place(viewer)
    dock = commands.open_dock(viewer)
    assert dock.place.unfolded
    assert "needs" in dock.place.status.text()
    for command in (commands.save, commands.report, commands.save_session):
        dock.save.unfolded = False
        command(viewer)
        assert dock.save.unfolded and "needs" in dock.save.status.text()


@pytest.mark.drawn
def test_a_session_is_opened_and_saved_by_commands(
    loaded: DpvaeDock, idle: Idle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "desk.dpvae"
    for name in ("getSaveFileName", "getOpenFileName"):
        monkeypatch.setattr(QFileDialog, name, lambda *a: (str(path), ""))
    run("save_session")
    idle(loaded.save)
    assert path.is_file()
    loaded.session.reference = loaded.session.query = None
    run("open_session")
    idle(loaded.data.saved)
    assert loaded.data.done


@pytest.fixture
def shown(make_napari_viewer: Callable[..., Viewer], qtbot: QtBot, phantom: Any) -> DpvaeDock:
    """The dock in a window that is seen, with all steps unfolded."""
    viewer = make_napari_viewer(show=True)
    dock = commands.open_dock(viewer)
    dock.session.reference, dock.session.query = phantom.reference, phantom.query
    for step in dock.findChildren(Step):
        step.unfolded = True
    qtbot.waitExposed(viewer.window._qt_window)
    return dock


def focus_chain(step: Step) -> list[QWidget]:
    """What Tab goes through within a step, in order."""
    chain, widget = [step.title], step.title.nextInFocusChain()
    while widget is not step.title:
        tabs = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
        if tabs and step.isAncestorOf(widget) and widget.isVisible() and widget.isEnabled():
            chain.append(widget)
        widget = widget.nextInFocusChain()
    return chain


def test_tab_goes_down_each_step(shown: DpvaeDock) -> None:
    for step in (shown.data, shown.model, shown.place, shown.evaluate, shown.save):
        chain = focus_chain(step)
        tops = [widget.mapTo(step, QPoint(0, widget.height() // 2)).y() for widget in chain]
        assert len(chain) > 1 or step is shown.save
        assert all(after >= before - 4 for before, after in zip(tops, tops[1:], strict=False))


def test_alt_and_a_number_open_a_step(shown: DpvaeDock, qtbot: QtBot) -> None:
    shown.evaluate.unfolded = False
    window = shown.window()
    with qtbot.waitActive(window):
        window.activateWindow()
    qtbot.keyClick(window, Qt.Key.Key_5, Qt.KeyboardModifier.AltModifier)
    assert shown.evaluate.unfolded


def test_what_can_be_done_says_what_it_does(dock: DpvaeDock) -> None:
    silent = []
    for step in dock.findChildren(Step):
        for kind in (QAbstractButton, QAbstractSpinBox, QComboBox, QLineEdit):
            for widget in step.content.findChildren(kind):
                # Parts of a table, of a box with steps or of a line.
                inner = isinstance(widget.parent(), QTableView | QAbstractSpinBox | QLineEdit)
                told = widget.toolTip() or widget.parent().toolTip()
                if not (told or inner):
                    silent.append((step.number, type(widget).__name__, widget.objectName()))
    assert silent == []


def test_a_job_is_seen_when_it_starts_below_the_edge(
    make_napari_viewer: Callable[..., Viewer], qtbot: QtBot, phantom: Any, idle: Idle
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1000, 500)
    dock = commands.open_dock(viewer)
    dock.session.reference = phantom.reference
    dock.model.unfolded = True
    for fold in dock.model.findChildren(Fold):
        fold.unfolded = True
    dock.model.form["epochs"].value = 5000
    qtbot.wait(50)
    dock.model.train.click()
    row = dock.model.progress

    def seen() -> bool:
        low = row.mapTo(dock.viewport(), QPoint(0, row.height())).y()
        return 0 < low <= dock.viewport().height()

    qtbot.waitUntil(seen)
    dock.model.training.throw.click()
    idle(dock.model)


def test_the_window_says_that_it_is_busy_before_the_dock_is_imported(
    viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    cursor = QApplication.setOverrideCursor
    monkeypatch.setattr("napari_dpvae.viewer.commands.napari.current_viewer", lambda: viewer)
    monkeypatch.setattr(
        QApplication, "setOverrideCursor", lambda shape: (seen.append(viewer.status), cursor(shape))
    )
    assert commands.DpvaeDock is DpvaeDock
    assert seen == [commands.LOADING]
    assert QApplication.overrideCursor() is None
