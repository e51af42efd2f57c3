"""Step 3: place, stop, and stay inside what a person drew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Labels, Points, Shapes
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox

import napari_dpvae as dpv
from napari_dpvae.viewer.canvas.outlines import can_outline, layer_outlines
from napari_dpvae.viewer.dock.dock import DpvaeDock

Idle = Callable[[Any], None]
LEFT = Qt.MouseButton.LeftButton
BOX = np.array([[200.0, 300.0], [200.0, 900.0], [800.0, 900.0], [800.0, 300.0]])
"""Corners as (row, column)."""


@pytest.fixture
def ready(loaded: DpvaeDock, model: dpv.DPVAE) -> DpvaeDock:
    loaded.session.model = model
    return loaded


def test_the_summary_counts_the_cells_that_are_outside(ready: DpvaeDock, placed: Any) -> None:
    placed = placed.copy()
    outside = np.arange(placed.n_obs) < 60
    placed.obs["dpvae_status"] = np.where(outside, "outside", "placed")
    ready.session.placed = placed
    assert "60 placed · 60 outside the reference" in ready.place.status.text()
    assert "50% of the cells are unlike anything" in ready.place.status.text()
    assert "60 outside" in ready.place.headline.text()


def test_stopping_a_placement_leaves_the_cells_there_were(
    ready: DpvaeDock, qtbot: QtBot, idle: Idle, placed: Any
) -> None:
    ready.session.placed = placed
    qtbot.mouseClick(ready.place.place, LEFT)
    assert not ready.place.place.isEnabled()
    qtbot.mouseClick(ready.place.progress.stop, LEFT)
    idle(ready.place)
    assert ready.session.placed is placed
    assert ready.place.place.isEnabled()


def test_what_has_no_colour_gets_the_most_spatial_gene(
    ready: DpvaeDock, qtbot: QtBot, idle: Idle, model: dpv.DPVAE
) -> None:
    qtbot.mouseClick(ready.place.place, LEFT)
    idle(ready.place)
    assert ready.session.gene == model.genes[0]


def test_a_column_goes_on_colouring(
    ready: DpvaeDock, qtbot: QtBot, idle: Idle, phantom: dpv.Phantom
) -> None:
    reference = phantom.reference.copy()
    reference.obs["layer"] = np.where(np.arange(reference.n_obs) % 2, "outer", "inner")
    model = ready.session.model
    ready.session.reference = reference
    ready.session.model = model
    ready.session.colouring.column = "layer"
    qtbot.mouseClick(ready.place.place, LEFT)
    idle(ready.place)
    assert ready.session.placed is not None
    assert ready.session.colouring.shown == "layer"


def test_cells_of_a_reference_that_went_are_not_shown(
    ready: DpvaeDock, qtbot: QtBot, idle: Idle, volume: Any
) -> None:
    qtbot.mouseClick(ready.place.place, LEFT)
    ready.session.reference = volume
    idle(ready.place)
    assert ready.session.placed is None
    assert "trained on this reference" in ready.place.status.text()


def test_cells_of_another_query_or_model_are_said_to_be_so(
    ready: DpvaeDock, placed: Any, phantom: Any, hasty: dpv.TrainingSettings
) -> None:
    ready.session.placed = placed
    assert ready.place.done
    ready.session.query = phantom.query[:40].copy()
    assert not ready.place.done and "of another query" in ready.place.status.text()
    assert ready.session.placed is placed
    ready.session.query = phantom.query
    assert ready.place.done
    ready.session.model = dpv.DPVAE(hasty).fit(phantom.reference)
    assert not ready.place.done and "of another model" in ready.place.status.text()


def test_groups_do_not_go_with_a_second_placement_unasked(
    ready: DpvaeDock, idle: Idle, placed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    answers = iter([QMessageBox.StandardButton.Cancel, QMessageBox.StandardButton.Discard])

    def answer(parent: Any, title: str, text: str, *rest: Any) -> QMessageBox.StandardButton:
        asked.append(text)
        return next(answers)

    monkeypatch.setattr(QMessageBox, "question", answer)
    ready.session.placed = grouped = placed.copy()
    ready.session.selection.cells = range(5)
    ready.session.selection.name("rim")
    ready.place.place.click()
    assert not ready.place.progress.running and ready.session.placed is grouped
    ready.place.place.click()
    idle(ready.place)
    assert ready.session.placed is not grouped and "groups" in asked[0]
    # Without groups the same cells come again: there is nothing to ask.
    ready.place.place.click()
    idle(ready.place)
    assert len(asked) == 2


def test_known_places_are_chosen_where_they_are_imputed(
    ready: DpvaeDock, qtbot: QtBot, idle: Idle, phantom: Any
) -> None:
    step = ready.place
    assert step.known.isHidden()
    step.form["mode"].value = "impute"
    assert not step.known.isHidden()
    qtbot.mouseClick(step.place, LEFT)
    assert "no obsm entry" in step.status.text()
    query, truth = phantom.query.copy(), phantom.truth.to_numpy()
    query.obsm["xy"] = np.where(np.arange(query.n_obs)[:, None] < 60, truth, np.nan)
    query.obsm["pca"] = np.zeros((query.n_obs, 10))
    ready.session.query = query
    assert [step.known.itemText(i) for i in range(step.known.count())] == ["xy"]
    qtbot.mouseClick(step.place, LEFT)
    idle(step)
    np.testing.assert_allclose(ready.session.placed.obsm["spatial"][:60], truth[:60])
    assert ready.session.unsaved


def test_cells_stay_inside_a_shape_and_its_layer_can_go(
    ready: DpvaeDock, viewer: Viewer, qtbot: QtBot, idle: Idle
) -> None:
    box = ready.place.domain
    viewer.add_layer(Shapes([BOX], name="tumour"))
    assert box.layer is None
    box.setCurrentText("inside 'tumour'")
    viewer.layers["tumour"].name = "rim"
    assert box.currentText() == "inside 'rim'"
    qtbot.mouseClick(ready.place.place, LEFT)
    idle(ready.place)
    inside = ready.session.placed.obsm["spatial"]
    assert (inside > [299.9, 199.9]).all() and (inside < [900.1, 800.1]).all()
    assert inside.max(axis=0) == pytest.approx([900, 800])
    viewer.layers.remove("rim")
    assert box.layer is None and box.count() == 1


def test_an_empty_layer_is_one_sentence(
    ready: DpvaeDock, viewer: Viewer, qtbot: QtBot, idle: Idle
) -> None:
    viewer.add_layer(Shapes(name="nothing", ndim=2))
    ready.place.domain.setCurrentIndex(1)
    qtbot.mouseClick(ready.place.place, LEFT)
    idle(ready.place)
    assert "'nothing' has no area" in ready.place.status.text()
    assert ready.session.placed is None


def test_outlines_are_in_the_frame_of_the_reference() -> None:
    shapes = Shapes([BOX], translate=(10, 20), scale=(2, 2))
    (outline,) = layer_outlines(shapes)
    np.testing.assert_allclose(outline, (2 * BOX + [10, 20])[:, ::-1])
    painted = np.zeros((50, 60), int)
    painted[10:20, 30:45] = 3
    (outline,) = layer_outlines(Labels(painted, scale=(4, 4)))
    corners = [outline.min(axis=0), outline.max(axis=0)]
    np.testing.assert_allclose(corners, [[118, 38], [178, 78]], atol=2)
    (ring,) = layer_outlines(Shapes([BOX], shape_type="ellipse"))
    radii = np.linalg.norm((ring - [600, 500]) / [300, 300], axis=1)
    np.testing.assert_allclose(radii, 1)
    assert not can_outline(Points(np.zeros((1, 2))))
    assert not can_outline(Labels(np.zeros((3, 3, 3), int)))
    with pytest.raises(dpv.DataError, match="has no area"):
        layer_outlines(Shapes([BOX[:2]], shape_type="line"))
