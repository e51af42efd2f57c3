"""Step 2: train, hold, stop, throw away, load, save, and the model's card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog

import napari_dpvae as dpv
from napari_dpvae.viewer.dock.dock import DpvaeDock
from napari_dpvae.viewer.dock.job import Job
from napari_dpvae.viewer.state import memory

Idle = Callable[[Any], None]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def training(loaded: DpvaeDock, qtbot: QtBot) -> DpvaeDock:
    """The dock, some epochs into a long training."""
    loaded.model.form["epochs"].value = 5000
    qtbot.mouseClick(loaded.model.train, LEFT)
    qtbot.waitUntil(lambda: loaded.model.training.curves.n_epochs > 3, timeout=60_000)
    return loaded


def test_stop_and_keep_gives_a_usable_model_and_training_again_replaces_it(
    training: DpvaeDock, qtbot: QtBot, idle: Idle
) -> None:
    dock = training
    assert "left" in dock.model.progress.text.text()
    curves = dock.model.training.curves.getPlotItem().listDataItems()
    qtbot.waitUntil(
        lambda: any(len(curve.yData) > 3 for curve in curves if curve.yData is not None)
    )
    qtbot.mouseClick(dock.model.progress.stop, LEFT)
    idle(dock.model)
    stopped = dock.session.model
    assert stopped is not None
    assert dock.model.done and dock.place.unfolded
    # Its card would else be that of a whole training.
    for said in (dock.model.status.text(), dock.model.card.text.toPlainText()):
        assert "stopped early" in said
    assert stopped.place(dock.session.query).n_obs == dock.session.query.n_obs
    dock.model.form["epochs"].value = 2
    qtbot.mouseClick(dock.model.train, LEFT)
    idle(dock.model)
    assert dock.session.model is not stopped


@pytest.fixture
def interrupted(loaded: DpvaeDock, qtbot: QtBot, idle: Idle) -> Path:
    """Where parts of a training lie, which was stopped once some networks were done."""
    for name, value in {"epochs": 40, "members": 3, "checks": 0, "blocks": 1}.items():
        loaded.model.form[name].value = value
    said = loaded.model.training.held_out
    qtbot.mouseClick(loaded.model.train, LEFT)
    qtbot.waitUntil(lambda: "error" in said.text() and said.isVisibleTo(loaded), timeout=60_000)
    qtbot.mouseClick(loaded.model.progress.stop, LEFT)
    idle(loaded.model)
    (folder,) = memory.interrupted().parent.glob("training-*.unfinished")
    return folder


def test_a_training_that_was_stopped_is_gone_on_with(
    loaded: DpvaeDock, interrupted: Path, qtbot: QtBot, idle: Idle, phantom: dpv.Phantom
) -> None:
    assert "stopped_at" in loaded.session.model.card
    assert list(interrupted.glob("*.safetensors"))
    said: list[str] = []
    run = loaded.model.progress
    loaded.model.start()
    run.job.progressed.connect(lambda _: said.append(run.text.text()))
    idle(loaded.model)
    assert any("going on where" in text for text in said)
    unbroken = dpv.DPVAE(loaded.model.form.take()).fit(phantom.reference)
    assert loaded.session.model.trained.model_hash() == unbroken.trained.model_hash()
    assert not interrupted.exists()


def test_a_training_that_is_thrown_away_leaves_nothing_to_go_on_with(
    loaded: DpvaeDock, interrupted: Path, qtbot: QtBot, idle: Idle
) -> None:
    qtbot.mouseClick(loaded.model.train, LEFT)
    qtbot.waitUntil(lambda: loaded.model.training.curves.n_epochs > 3, timeout=60_000)
    qtbot.mouseClick(loaded.model.training.throw, LEFT)
    idle(loaded.model)
    assert not interrupted.exists()


def test_discard_keeps_the_model_that_there_was(
    loaded: DpvaeDock, qtbot: QtBot, idle: Idle, model: dpv.DPVAE
) -> None:
    loaded.session.model = model
    loaded.model.form["epochs"].value = 5000
    qtbot.mouseClick(loaded.model.train, LEFT)
    qtbot.waitUntil(lambda: loaded.model.training.curves.n_epochs > 3, timeout=60_000)
    qtbot.mouseClick(loaded.model.training.throw, LEFT)
    idle(loaded.model)
    assert loaded.session.model is model
    assert loaded.model.train.isEnabled() and loaded.model.done
    assert loaded.model.training.throw.isHidden()


def test_stopping_before_the_first_epoch_keeps_the_model_there_was(
    loaded: DpvaeDock,
    qtbot: QtBot,
    idle: Idle,
    model: dpv.DPVAE,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start = Job.start

    def start_paused(job: Job) -> None:
        job.paused = True
        start(job)

    monkeypatch.setattr(Job, "start", start_paused)
    loaded.session.model = model
    qtbot.mouseClick(loaded.model.train, LEFT)
    qtbot.mouseClick(loaded.model.progress.stop, LEFT)
    idle(loaded.model)
    assert loaded.session.model is model


def test_pause_and_resume(training: DpvaeDock, qtbot: QtBot, idle: Idle) -> None:
    progress, curves = training.model.progress, training.model.training.curves
    qtbot.mouseClick(progress.pause, LEFT)
    assert progress.pause.text() == "Resume"
    qtbot.wait(300)
    held = curves.n_epochs
    qtbot.wait(200)
    assert curves.n_epochs == held
    qtbot.mouseClick(progress.pause, LEFT)
    qtbot.waitUntil(lambda: curves.n_epochs > held, timeout=60_000)
    qtbot.mouseClick(progress.stop, LEFT)
    idle(training.model)
    assert progress.pause.text() == "Pause"


def test_a_failed_training_is_one_sentence_and_leaves_the_model_there_was(
    loaded: DpvaeDock, qtbot: QtBot, idle: Idle, model: dpv.DPVAE
) -> None:
    loaded.session.model = model
    loaded.model.form["device"].value = "cuda" if torch.backends.mps.is_available() else "mps"
    qtbot.mouseClick(loaded.model.train, LEFT)
    idle(loaded.model)
    assert "is not on this machine" in loaded.model.status.text()
    assert loaded.model.status.property("tone") == "error"
    assert loaded.session.model is model
    assert loaded.model.train.isEnabled()


def test_a_model_of_another_reference_is_not_taken_for_this_ones(
    loaded: DpvaeDock, model: dpv.DPVAE, placed: Any, phantom: Any
) -> None:
    loaded.session.model = model
    loaded.session.placed = placed
    other = phantom.reference.copy()
    other.obsm["spatial"] = other.obsm["spatial"] * 1.5
    loaded.session.reference = other
    assert "another reference" in loaded.model.status.text()
    assert not loaded.model.done
    assert not loaded.place.place.isEnabled()
    assert loaded.session.placed is None
    loaded.session.reference = phantom.reference.copy()
    assert loaded.model.done
    assert loaded.place.place.isEnabled()


def test_a_reference_swapped_while_training_ends_it_and_is_told(
    training: DpvaeDock, qtbot: QtBot, idle: Idle, volume: Any
) -> None:
    training.session.reference = volume
    idle(training.model)
    assert "the reference was changed" in training.model.status.text()
    assert training.session.model is None
    assert not training.place.place.isEnabled()


def test_adapting_to_the_query_gives_another_model_and_stopping_it_keeps_the_first(
    loaded: DpvaeDock, qtbot: QtBot, idle: Idle, model: dpv.DPVAE
) -> None:
    assert loaded.model.tune.isHidden()
    loaded.session.model = model
    qtbot.mouseClick(loaded.model.tune, LEFT)
    qtbot.mouseClick(loaded.model.progress.stop, LEFT)
    idle(loaded.model)
    assert loaded.session.model is model
    qtbot.mouseClick(loaded.model.tune, LEFT)
    idle(loaded.model)
    tuned = loaded.session.model
    assert tuned is not model
    assert loaded.model.done and tuned.genes == model.genes


def test_the_card_can_be_read_and_copied(dock: DpvaeDock, model: dpv.DPVAE, qtbot: QtBot) -> None:
    assert dock.model.card.isHidden()
    dock.session.model = model
    assert not dock.model.card.isHidden()
    qtbot.mouseClick(dock.model.card.copy, LEFT)
    copied = QApplication.clipboard().text()
    assert model.genes[0] in copied and model.genes[0] in dock.model.card.text.toPlainText()


def test_save_and_load_through_the_dialogs(
    loaded: DpvaeDock,
    qtbot: QtBot,
    idle: Idle,
    model: dpv.DPVAE,
    phantom: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = tmp_path / "model.safetensors"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(tmp_path / "model"), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(target), ""))
    loaded.session.model = model
    qtbot.mouseClick(loaded.model.save, LEFT)
    idle(loaded.model)
    assert str(target) in loaded.model.status.text()
    qtbot.mouseClick(loaded.model.load, LEFT)
    idle(loaded.model)
    again = loaded.session.model
    assert again is not None and again is not model
    assert loaded.model.done
    np.testing.assert_array_equal(
        again.place(phantom.query).obsm["spatial"], model.place(phantom.query).obsm["spatial"]
    )
    target.write_bytes(b"junk")
    qtbot.mouseClick(loaded.model.load, LEFT)
    idle(loaded.model)
    assert "not a napari-dpvae model" in loaded.model.status.text()
    assert loaded.session.model is again
