"""What is done while the window is idle is not seen, and leaves nothing behind."""

import gc
from typing import Any

import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication

from napari_dpvae.viewer.dock import warm_up
from napari_dpvae.viewer.dock.warm_up import LETTERS, UNSEEN, WarmUp


@pytest.fixture
def parent(monkeypatch: pytest.MonkeyPatch) -> QObject:
    monkeypatch.setattr(warm_up, "IDLE_MS", 1)
    monkeypatch.setattr(warm_up, "EACH_MS", 20)
    gc.unfreeze()
    return QObject()


def gone(parent: QObject) -> None:
    parent.deleteLater()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


@pytest.mark.drawn
def test_all_letters_are_drawn_unseen_and_taken_away(
    viewer: Viewer, parent: QObject, qtbot: QtBot
) -> None:
    before, made = viewer.screenshot(flash=False), set()
    WarmUp(viewer, parent).begin()

    def done() -> bool:
        if UNSEEN in viewer.canvas.overlays:
            made.update(viewer.canvas.overlays[UNSEEN].text)
            assert (viewer.screenshot(flash=False) == before).all()
        return gc.get_freeze_count() > 0

    qtbot.waitUntil(done, timeout=60_000)
    assert made == set(LETTERS)
    assert UNSEEN not in viewer.canvas.overlays
    gone(parent)
    assert gc.get_freeze_count() == 0


def test_a_dock_that_goes_in_the_middle_leaves_no_letters(
    viewer: Any, parent: QObject, qtbot: QtBot
) -> None:
    WarmUp(viewer, parent).begin()
    qtbot.waitUntil(lambda: UNSEEN in viewer.canvas.overlays)
    gone(parent)
    assert UNSEEN not in viewer.canvas.overlays
    assert gc.get_freeze_count() == 0
