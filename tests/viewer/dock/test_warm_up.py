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
from napari_dpvae.viewer.dock.warm_up import LETTERS, WarmUp, _letters


@pytest.fixture
def parent(monkeypatch: pytest.MonkeyPatch) -> QObject:
    monkeypatch.setattr(warm_up, "IDLE_MS", 1)
    monkeypatch.setattr(warm_up, "EACH_MS", 1)
    gc.unfreeze()
    return QObject()


@pytest.mark.drawn
def test_all_letters_are_drawn_unseen_and_taken_away(viewer: Viewer) -> None:
    caption, made = viewer.canvas.overlays.text, ""
    before, was = viewer.screenshot(flash=False), caption.model_dump()
    for _ in _letters(ref(viewer)):
        made += caption.text
        assert caption.visible
        assert (viewer.screenshot(flash=False) == before).all()
    assert made == LETTERS
    assert caption.model_dump() == was


def test_a_caption_that_is_there_is_let_be(viewer: Viewer) -> None:
    caption = viewer.canvas.overlays.text
    caption.text, caption.visible = "mine", True
    was = caption.model_dump()
    assert list(_letters(ref(viewer))) == []
    assert caption.model_dump() == was


def test_a_caption_that_comes_meanwhile_is_seen(viewer: Viewer) -> None:
    caption, letters = viewer.canvas.overlays.text, _letters(ref(viewer))
    next(letters)
    caption.text, caption.visible = "Gene001", True
    assert list(letters) == []
    assert caption.text == "Gene001"
    assert caption.visible
    assert caption.opacity == 1


def test_what_was_imported_is_set_aside_as_long_as_the_dock_is_there(
    viewer: Any, parent: QObject, qtbot: QtBot
) -> None:
    WarmUp(viewer, parent).begin()
    qtbot.waitUntil(lambda: gc.get_freeze_count() > 0, timeout=60_000)
    gone(parent)
    assert gc.get_freeze_count() == 0


def test_a_dock_that_goes_in_the_middle_leaves_no_letters(viewer: Any, parent: QObject) -> None:
    warm_up = WarmUp(viewer, parent)
    caption = viewer.canvas.overlays.text
    while not caption.visible:
        warm_up._go_on()
    gone(parent)
    assert not caption.visible
    assert gc.get_freeze_count() == 0
