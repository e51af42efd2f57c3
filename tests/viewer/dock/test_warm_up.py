"""What is done while the window is idle is not seen, and leaves nothing behind."""

import gc
from typing import Any
from weakref import ref

import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject
from tests.viewer.conftest import gone

from napari_dpvae.viewer.dock import warm_up
from napari_dpvae.viewer.dock.warm_up import LETTERS, UNSEEN, WarmUp, _letters


@pytest.fixture
def parent(monkeypatch: pytest.MonkeyPatch) -> QObject:
    monkeypatch.setattr(warm_up, "IDLE_MS", 1)
    monkeypatch.setattr(warm_up, "EACH_MS", 1)
    gc.unfreeze()
    return QObject()


@pytest.mark.drawn
def test_all_letters_are_drawn_unseen_and_taken_away(viewer: Viewer) -> None:
    before, made = viewer.screenshot(flash=False), ""
    for _ in _letters(ref(viewer)):
        made += viewer.canvas.overlays[UNSEEN].text
        assert (viewer.screenshot(flash=False) == before).all()
    assert made == LETTERS
    assert UNSEEN not in viewer.canvas.overlays


def test_what_was_imported_is_set_aside_as_long_as_the_dock_is_there(
    viewer: Any, parent: QObject, qtbot: QtBot
) -> None:
    WarmUp(viewer, parent).begin()
    qtbot.waitUntil(lambda: gc.get_freeze_count() > 0, timeout=60_000)
    gone(parent)
    assert gc.get_freeze_count() == 0


def test_a_dock_that_goes_in_the_middle_leaves_no_letters(viewer: Any, parent: QObject) -> None:
    warm_up = WarmUp(viewer, parent)
    while UNSEEN not in viewer.canvas.overlays:
        warm_up._go_on()
    gone(parent)
    assert UNSEEN not in viewer.canvas.overlays
    assert gc.get_freeze_count() == 0
