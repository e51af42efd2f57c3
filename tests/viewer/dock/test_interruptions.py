"""What a person does in between: closes, deletes, opens a second window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt, QThreadPool
from qtpy.QtWidgets import QWidget

from napari_dpvae.viewer.commands import open_dock
from napari_dpvae.viewer.dock.dock import DpvaeDock

Idle = Callable[[Any], None]
LEFT = Qt.MouseButton.LeftButton
FOR_EVER = 100_000


def train_for_ever(dock: DpvaeDock, qtbot: QtBot) -> DpvaeDock:
    """Begin a training that would last for days."""
    dock.model.form["epochs"].value = FOR_EVER
    qtbot.mouseClick(dock.model.train, LEFT)
    qtbot.waitUntil(lambda: dock.model.training.curves.n_epochs > 3, timeout=60_000)
    return dock


@pytest.fixture
def training(loaded: DpvaeDock, qtbot: QtBot) -> DpvaeDock:
    """The dock, in such a training."""
    return train_for_ever(loaded, qtbot)


@pytest.mark.drawn
def test_closing_the_dock_stops_the_thread(
    training: DpvaeDock, viewer: Viewer, qtbot: QtBot
) -> None:
    state = training.session
    with qtbot.waitSignal(training.destroyed, timeout=30_000):
        viewer.window.remove_dock_widget("all")
    assert QThreadPool.globalInstance().waitForDone(30_000)
    # What listened is gone: the session can still be changed from the console.
    state.gene = None
    state.query = None


@pytest.mark.drawn
def test_a_dock_opened_again_shows_what_there_is(
    loaded: DpvaeDock, viewer: Viewer, qtbot: QtBot, model: Any
) -> None:
    loaded.session.model = model
    with qtbot.waitSignal(loaded.destroyed):
        viewer.window.remove_dock_widget("all")
    again = open_dock(viewer)
    assert again is not loaded
    assert again.data.done and again.model.done
    assert again.place.unfolded and not again.data.unfolded


def test_closing_the_viewer_stops_the_thread(
    make_napari_viewer: Callable[..., Viewer], phantom: Any, qtbot: QtBot
) -> None:
    viewer = make_napari_viewer()
    dock = open_dock(viewer)
    dock.session.reference, dock.session.query = phantom.reference, phantom.query
    train_for_ever(dock, qtbot)
    viewer.close()
    qtbot.wait(200)
    assert QThreadPool.globalInstance().waitForDone(30_000)


@pytest.mark.drawn
def test_the_window_knows_of_the_training_and_closing_it_keeps_what_there_is(
    training: DpvaeDock, viewer: Viewer, qtbot: QtBot
) -> None:
    # What napari reads out before it closes, if a person wants that.
    (known,) = viewer.window._task_status_manager.get_status()
    assert "dp-VAE" in known
    state = training.session
    # The cross of the dock.
    with qtbot.waitSignal(training.destroyed, timeout=60_000):
        viewer.window.remove_dock_widget(training)
    assert state.model is not None
    assert viewer.window._task_status_manager.get_status() == []


def test_a_dock_that_is_taken_out_of_its_window_listens_no_more(
    viewer: Viewer, qtbot: QtBot, loaded: DpvaeDock
) -> None:
    def listeners() -> list[int]:
        layers, state = viewer.layers.events, loaded.session
        events = (layers.inserted, layers.removed, viewer.events.theme)
        signals = (state.reference_changed, state.placed_changed, state.colouring.changed)
        return [*(len(event.callbacks) for event in events), *(len(each) for each in signals)]

    before = listeners()
    other = DpvaeDock(viewer)
    assert all(now > then for now, then in zip(listeners(), before, strict=True))
    window = QWidget()
    qtbot.addWidget(window)
    other.setParent(window)
    with qtbot.waitSignal(other.destroyed):
        other.setParent(None)
    assert listeners() == before


def test_hiding_the_dock_lets_the_training_go_on(
    training: DpvaeDock, viewer: Viewer, qtbot: QtBot, idle: Idle
) -> None:
    training.hide()
    held = training.model.training.curves.n_epochs
    qtbot.waitUntil(lambda: training.model.training.curves.n_epochs > held, timeout=60_000)
    training.model.progress.stop.click()
    idle(training.model)
    assert training.session.model is not None


def test_layers_deleted_while_training_and_placing_do_no_harm(
    training: DpvaeDock, viewer: Viewer, qtbot: QtBot, idle: Idle
) -> None:
    viewer.layers.clear()
    qtbot.mouseClick(training.model.progress.stop, LEFT)
    idle(training.model)
    qtbot.mouseClick(training.place.place, LEFT)
    viewer.layers.clear()
    idle(training.place)
    assert [layer.name for layer in viewer.layers] == ["placed cells"]
    assert "no regions" in training.place.status.text()
    assert "nan" not in training.place.status.text()


@pytest.mark.drawn
def test_two_viewers_train_at_once_each_its_own(
    training: DpvaeDock, make_napari_viewer: Callable[..., Viewer], qtbot: QtBot, idle: Idle
) -> None:
    other = open_dock(make_napari_viewer())
    other.session.reference = training.session.reference
    other.model.form["epochs"].value = 2
    other.model.form["regularisation"].value = "light"
    qtbot.mouseClick(other.model.train, LEFT)
    idle(other.model)
    assert other.session.model is not None
    assert training.session.model is None and training.model.progress.running
    training.model.progress.stop.click()
    idle(training.model)
    assert training.session.model is not other.session.model
