"""Step 6: every kind of file, by its button."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtGui import QCloseEvent
from qtpy.QtWidgets import QFileDialog, QMainWindow, QMessageBox, QWidget

import napari_dpvae as dpv
from napari_dpvae.viewer.dock.dock import DpvaeDock

Idle = Callable[[Any], None]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a person types into the dialog: a name without a suffix."""
    path = tmp_path / "result"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(path), ""))
    return path


@pytest.fixture
def ready(loaded: DpvaeDock, model: dpv.DPVAE, placed: Any) -> DpvaeDock:
    loaded.session.model, loaded.session.placed = model, placed
    return loaded


@pytest.mark.usefixtures("few_dots")
def test_each_button_writes_its_kind_and_nothing_beside(
    ready: DpvaeDock, qtbot: QtBot, idle: Idle, chosen: Path
) -> None:
    kinds = {
        "cells": ".h5ad",
        "table": ".csv",
        "spatial": ".zarr",
        "model": ".safetensors",
        "report": ".html",
        "whole": ".dpvae",
        "figure": ".png",
    }
    for name, suffix in kinds.items():
        qtbot.mouseClick(getattr(ready.save, name), LEFT)
        idle(ready.save)
        assert ready.save.status.text() == f"saved {chosen.with_suffix(suffix)}"
        assert ready.save.cells.isEnabled()
    written = {entry.suffix for entry in chosen.parent.iterdir() if entry.name != "settings"}
    assert written == set(kinds.values())


def test_a_name_is_proposed_in_the_folder_last_saved_to(
    ready: DpvaeDock, idle: Idle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    def choose(parent: QWidget, title: str, path: str, *rest: str) -> tuple[str, str]:
        begun.append(path)
        return str(tmp_path / "mine.h5ad"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    for _ in range(2):
        ready.save.cells.click()
        idle(ready.save)
    assert begun == ["placed_cells.h5ad", str(tmp_path / "placed_cells.h5ad")]


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("cells", "result.h5ad"),
        pytest.param("spatial", "result.zarr", marks=pytest.mark.slow),
    ],
)
def test_a_file_that_is_there_is_replaced_only_when_one_says_so(
    ready: DpvaeDock,
    idle: Idle,
    chosen: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    there: str,
) -> None:
    button, target = getattr(ready.save, name), chosen.with_name(there)
    button.click()
    idle(ready.save)
    before = target.stat().st_mtime_ns
    answers = iter([QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes])
    monkeypatch.setattr(QMessageBox, "question", lambda *a: next(answers))
    button.click()
    idle(ready.save)
    assert target.stat().st_mtime_ns == before
    button.click()
    idle(ready.save)
    assert target.stat().st_mtime_ns != before


def test_a_window_is_not_closed_over_unsaved_cells_without_a_question(
    ready: DpvaeDock, idle: Idle, chosen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closing(QCloseEvent):
        def spontaneous(self) -> bool:
            return by_hand

    class Window(QMainWindow):
        closed = 0

        def close(self) -> bool:
            self.closed += 1
            return True

    ASKED, window = QMessageBox.StandardButton, Window()
    answers = iter([ASKED.Cancel, ASKED.Discard, ASKED.Save])
    monkeypatch.setattr(QMessageBox, "question", lambda *a: next(answers))
    by_hand = True
    assert not ready.unsaved.eventFilter(window, Closing())
    ready.session.unsaved = True
    for closed in (0, 1):
        event = Closing()
        assert ready.unsaved.eventFilter(window, event) and not event.isAccepted()
        assert window.closed == closed
    assert ready.unsaved.eventFilter(window, Closing())
    idle(ready.save)
    assert window.closed == 2 and chosen.with_suffix(".h5ad").is_file()
    ready.session.unsaved, by_hand = True, False
    # A script's viewer.close() is not held up.
    assert not ready.unsaved.eventFilter(window, Closing())


def test_what_is_placed_while_a_file_is_written_is_not_in_it(
    ready: DpvaeDock, qtbot: QtBot, idle: Idle, chosen: Path
) -> None:
    session = ready.session
    session.unsaved = True
    qtbot.mouseClick(ready.save.cells, LEFT)
    session.placed = session.placed.copy()
    session.unsaved = True
    idle(ready.save)
    assert session.unsaved
    chosen.with_suffix(".h5ad").unlink()
    qtbot.mouseClick(ready.save.cells, LEFT)
    idle(ready.save)
    assert not session.unsaved


@pytest.mark.usefixtures("chosen")
def test_cells_do_not_go_while_another_file_is_being_saved(
    ready: DpvaeDock, qtbot: QtBot, idle: Idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor later, when they are saved for another reason."""
    gone: list[bool] = []
    monkeypatch.setattr(QMessageBox, "question", lambda *a: QMessageBox.StandardButton.Save)
    ready.session.unsaved = True
    qtbot.mouseClick(ready.save.model, LEFT)
    ready.unsaved.before(lambda: gone.append(True), ready, "A test")
    assert "Another file is being saved still" in ready.save.status.text()
    idle(ready.save)
    qtbot.mouseClick(ready.save.cells, LEFT)
    idle(ready.save)
    assert not ready.session.unsaved and not gone


def test_there_is_nothing_to_press_before_there_is_something_to_save(
    dock: DpvaeDock, model: dpv.DPVAE, placed: Any
) -> None:
    step = dock.save
    buttons = (step.cells, step.table, step.spatial, step.model)
    assert not any(button.isEnabled() for button in buttons)
    dock.session.model = model
    assert [button.isEnabled() for button in buttons] == [False, False, False, True]
    dock.session.placed = placed
    assert all(button.isEnabled() for button in buttons)


def test_a_folder_that_is_not_there_is_one_sentence(
    ready: DpvaeDock, idle: Idle, tmp_path: Path
) -> None:
    ready.save.cells.save_to(str(tmp_path / "no" / "cells.h5ad"))
    idle(ready.save)
    assert "does not exist" in ready.save.status.text()
    assert ready.save.status.property("tone") == "error"


def test_stopping_a_save_frees_the_buttons(
    ready: DpvaeDock, qtbot: QtBot, idle: Idle, chosen: Path
) -> None:
    qtbot.mouseClick(ready.save.cells, LEFT)
    assert not ready.save.table.isEnabled()
    qtbot.mouseClick(ready.save.progress.stop, LEFT)
    idle(ready.save)
    assert ready.save.table.isEnabled()
    assert "saved" not in ready.save.status.text()


def test_a_session_is_saved_and_opened_again_by_buttons(
    ready: DpvaeDock, qtbot: QtBot, idle: Idle, chosen: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = ready.session
    session.gene = session.model.genes[0]
    session.unsaved = True
    qtbot.mouseClick(ready.save.whole, LEFT)
    idle(ready.save)
    path = chosen.with_suffix(".dpvae")
    assert path.is_file() and not session.unsaved
    gene = session.gene
    session.reference = session.query = session.model = None
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(path), ""))
    qtbot.mouseClick(ready.data.saved.button, LEFT)
    idle(ready.data.saved)
    assert session.placed is not None and session.model is not None
    assert session.gene == gene and ready.place.done and ready.explore.done
