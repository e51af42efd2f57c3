"""The flow: what is open, what a folded step says, and what is remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QToolButton
from tests.viewer.conftest import WAIT_MS

import napari_dpvae as dpv
from napari_dpvae.viewer.dock.dock import WIDTH, DpvaeDock
from napari_dpvae.viewer.dock.fold import Fold
from napari_dpvae.viewer.dock.forms import SettingsForm
from napari_dpvae.viewer.dock.job import Job, Steps
from napari_dpvae.viewer.state.memory import (
    remember_folder,
    remember_settings,
    remembered_folder,
    remembered_settings,
)

LEFT = Qt.MouseButton.LeftButton


def unfolded(dock: DpvaeDock) -> list[str]:
    names = ("data", "model", "place", "explore")
    return [name for name in names if getattr(dock, name).unfolded]


def test_the_next_step_unfolds_and_the_one_that_is_done_folds(
    dock: DpvaeDock, phantom: Any, model: dpv.DPVAE, placed: Any
) -> None:
    assert unfolded(dock) == ["data"]
    dock.session.reference = phantom.reference
    assert unfolded(dock) == ["data"]
    dock.session.query = phantom.query
    assert unfolded(dock) == ["model"]
    dock.session.model = model
    assert unfolded(dock) == ["place"]
    dock.session.placed = placed
    assert unfolded(dock) == ["explore"]
    dock.session.gene = model.genes[0]
    assert unfolded(dock) == ["explore"]


def test_a_step_that_is_done_can_be_opened_again(
    loaded: DpvaeDock, qtbot: QtBot, phantom: Any
) -> None:
    # The look at every value has ended, too.
    qtbot.waitUntil(
        lambda: not any(job.running for job in loaded.data.findChildren(Job)), timeout=WAIT_MS
    )
    assert "321 spots · 120 cells" in loaded.data.headline.text()
    qtbot.mouseClick(loaded.data.change, LEFT)
    assert unfolded(loaded) == ["data", "model"]
    loaded.session.query = phantom.query.copy()
    assert unfolded(loaded) == ["data", "model"]


def test_nothing_that_unfolds_is_cut_off(seen: DpvaeDock, qtbot: QtBot, placed: Any) -> None:
    seen.session.placed = placed
    for fold in seen.findChildren(Fold):
        fold.unfolded = True
    content, view = seen.widget(), seen.viewport()
    qtbot.waitUntil(lambda: seen.verticalScrollBar().maximum() > 1000)
    assert 250 < content.minimumSizeHint().width() <= view.width() == content.width()
    seen.resize(100, 400)
    assert content.minimumSizeHint().width() <= view.width() < WIDTH


@pytest.mark.parametrize("name", ["data", "model", "place", "explore", "evaluate", "save"])
def test_a_job_has_the_say_in_its_step_and_what_went_wrong_before_is_gone(
    loaded: DpvaeDock, qtbot: QtBot, name: str
) -> None:
    step = getattr(loaded, name)
    row = (loaded.data.reference if name == "data" else step).progress
    usual = step.status.text()
    step.complain("It broke.")

    def steps() -> Steps:
        while True:
            yield 1

    row.run(steps, "at work")
    assert step.status.isHidden() and step.headline.text() == "at work"
    row.show_share(0.5, "half")
    loaded.session.placed = None
    assert step.status.isHidden() and step.headline.text() == "half"
    row.stop.click()
    qtbot.waitUntil(lambda: not row.running)
    assert step.status.text() == usual
    assert step.status.property("tone") != "error"


def test_a_model_that_is_loaded_first_leaves_the_data_to_do(
    dock: DpvaeDock, model: dpv.DPVAE
) -> None:
    dock.session.model = model
    assert unfolded(dock) == ["data"]


def test_a_default_comes_back_by_one_click(dock: DpvaeDock, qtbot: QtBot) -> None:
    form = dock.model.form
    form["alpha2"].value = 3.0
    assert form.settings.alpha2 == 3.0
    (reset,) = [
        button
        for button in form.findChildren(QToolButton)
        if button.accessibleName() == "default alpha2"
    ]
    qtbot.mouseClick(reset, LEFT)
    assert form.settings.alpha2 == dpv.TrainingSettings().alpha2
    form.restore()
    assert form.settings == dpv.TrainingSettings()
    assert form.n_changed == 0


def test_settings_that_matter_stand_first_and_no_zero_stands_for_a_choice(qtbot: QtBot) -> None:
    form = SettingsForm(dpv.TrainingSettings)
    qtbot.addWidget(form)
    form.show()
    first = {name for name in vars(form.settings) if form[name].native.isVisible()}
    assert first == {"alpha2", "epochs", "genes", "members", "regularisation"}
    for fold in form.findChildren(Fold):
        fold.unfolded = True
    assert all(form[name].native.isVisible() for name in vars(form.settings))
    named = [label.text() for label in form.findChildren(QLabel)]
    assert {"epochs (auto)", "latent dim (auto)", "fixed lambda (auto)"} <= set(named)
    form["epochs"].value = 7
    assert "epochs" in [label.text() for label in form.findChildren(QLabel)]


def test_settings_are_remembered_when_they_were_used_and_not_before(qtbot: QtBot) -> None:
    def form() -> SettingsForm[dpv.PlacementSettings]:
        made = SettingsForm(dpv.PlacementSettings)
        qtbot.addWidget(made)
        return made

    first, other = form(), form()
    first["anchors"].value = 7
    assert form().settings.anchors == dpv.PlacementSettings().anchors
    first.take()
    assert form().settings.anchors == 7
    assert other.settings.anchors == dpv.PlacementSettings().anchors


def test_what_names_something_in_one_reference_is_not_remembered() -> None:
    used = dpv.TrainingSettings(mask="given", pairs_key="edges", frame="left", genes=77)
    remember_settings(used)
    assert remembered_settings(dpv.TrainingSettings) == dpv.TrainingSettings(genes=77)


def test_the_last_folder_is_remembered_while_it_is_there(tmp_path: Any) -> None:
    assert remembered_folder() == ""
    folder = tmp_path / "slides"
    folder.mkdir()
    remember_folder(folder / "C2.h5ad")
    assert remembered_folder() == str(folder)
    folder.rmdir()
    assert remembered_folder() == ""


def test_the_dock_follows_the_theme(dock: DpvaeDock, viewer: Viewer) -> None:
    before = dock.styleSheet()
    viewer.theme = "light"
    assert dock.styleSheet() != before


def test_two_viewers_have_docks_of_their_own(
    make_napari_viewer: Callable[..., Viewer], phantom: Any
) -> None:
    docks = []
    for _ in range(2):
        viewer = make_napari_viewer()
        _, dock = viewer.window.add_plugin_dock_widget("napari-dpvae", "Place dissociated cells")
        docks.append(dock)
    docks[0].session.reference = phantom.reference
    docks[0].model.form["epochs"].value = 7
    assert docks[1].session.reference is None
    assert not docks[1].model.train.isEnabled()
    assert docks[1].model.form["epochs"].value == dpv.TrainingSettings().epochs


def test_what_goes_wrong_is_said_where_it_is_seen(seen: DpvaeDock, qtbot: QtBot) -> None:
    seen.model.unfolded = True
    for fold in seen.model.findChildren(Fold):
        fold.unfolded = True
    status = seen.model.status
    qtbot.waitUntil(lambda: seen.verticalScrollBar().maximum() > 300)
    assert status.visibleRegion().isEmpty()
    seen.model.complain("It broke.")
    qtbot.waitUntil(lambda: status.visibleRegion().boundingRect().height() == status.height())
