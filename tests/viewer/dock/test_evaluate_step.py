"""Step 5: hold out, measure, and see the errors on the tissue."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_dpvae.evaluation.experiments import HeldOutCells
from napari_dpvae.evaluation.signal import BY_CHANCE
from napari_dpvae.viewer.canvas.error_arrows import arrows_layer
from napari_dpvae.viewer.dock.dock import DpvaeDock
from napari_dpvae.viewer.dock.evaluate.measures import ROWS

Idle = Callable[[Any], None]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def step(loaded: DpvaeDock) -> Any:
    """With settings that train in a moment."""
    for name, value in (("epochs", 3), ("members", 2), ("genes", 40)):
        loaded.model.form[name].value = value
    return loaded.evaluate


def arrows(viewer: Viewer) -> list[str]:
    return [layer.name for layer in viewer.layers if "errors" in layer.name]


@pytest.mark.drawn
def test_the_table_and_the_arrows_of_one_evaluation(
    step: Any, viewer: Viewer, qtbot: QtBot, idle: Idle
) -> None:
    assert step.table.isHidden()
    step.choice.setCurrentText("a contiguous block")
    qtbot.mouseClick(step.evaluate, LEFT)
    assert not step.evaluate.isEnabled()
    idle(step)
    assert not step.table.isHidden() and step.evaluate.isEnabled()
    headers = [step.table.horizontalHeaderItem(i).text() for i in range(2)]
    assert headers == ["dp-VAE", "vanilla\nVAE"]
    assert step.status.text().startswith("held out: a contiguous block\n")
    evaluation = step.session.evaluation
    assert float(step.table.item(0, 0).text()) == pytest.approx(
        evaluation.table["procrustes"][0], rel=0.01
    )
    qtbot.mouseClick(step.copy, LEFT)
    assert QApplication.clipboard().text().splitlines()[0].split("\t")[:2] == ["method", "seed"]

    assert arrows(viewer) == ["placement errors, dp-VAE"]
    first = evaluation.held_out[0]
    layer = viewer.layers["placement errors, dp-VAE"]
    np.testing.assert_allclose(layer.data[:, 0], first.true[:, ::-1], rtol=1e-5)
    np.testing.assert_allclose(layer.data.sum(axis=1), first.placed[:, ::-1], rtol=1e-4)
    step.arrows.setCurrentText("vanilla VAE")
    assert arrows(viewer) == ["placement errors, vanilla VAE"]
    step.session.held_out = first
    assert step.arrows.currentText() == "dp-VAE"
    step.arrows.setCurrentText("none")
    assert arrows(viewer) == []


def test_arrows_are_replaced_and_go_with_the_reference(
    step: Any, viewer: Viewer, qtbot: QtBot, idle: Idle, phantom: Any
) -> None:
    for _ in range(2):
        qtbot.mouseClick(step.evaluate, LEFT)
        idle(step)
        assert len(arrows(viewer)) == 1
        step.fine_tune.setChecked(True)
    assert [step.arrows.itemText(i) for i in range(3)] == [
        "dp-VAE",
        "dp-VAE, fine-tuned",
        "vanilla VAE",
    ]
    viewer.layers.remove(arrows(viewer)[0])
    step.arrows.setCurrentText("vanilla VAE")
    assert len(arrows(viewer)) == 1
    step.session.reference = phantom.reference.copy()
    assert arrows(viewer) == []
    assert step.table.isHidden()


def test_stopping_an_evaluation_leaves_none(
    loaded: DpvaeDock, step: Any, qtbot: QtBot, idle: Idle
) -> None:
    loaded.model.form["epochs"].value = 5000
    qtbot.mouseClick(step.evaluate, LEFT)
    qtbot.waitUntil(lambda: "dp-VAE" in step.progress.text.text(), timeout=60_000)
    qtbot.mouseClick(step.progress.stop, LEFT)
    idle(step)
    assert step.session.evaluation is None
    assert step.evaluate.isEnabled()


def test_an_evaluation_of_a_reference_that_went_is_not_shown(
    step: Any, qtbot: QtBot, idle: Idle, phantom: Any
) -> None:
    qtbot.mouseClick(step.evaluate, LEFT)
    step.session.reference = phantom.reference.copy()
    idle(step)
    assert step.session.evaluation is None


@pytest.mark.parametrize("ended", [True, False])
def test_an_evaluation_of_a_query_that_went_is_not_shown(
    step: Any, qtbot: QtBot, idle: Idle, phantom: Any, ended: bool
) -> None:
    query = phantom.query.copy()
    query.obsm["spatial"] = phantom.truth.to_numpy()
    step.session.query = query
    step.choice.setCurrentIndex(step.choice.count() - 1)
    qtbot.mouseClick(step.evaluate, LEFT)
    if ended:
        idle(step)
        assert step.session.evaluation.what == "the query"
    step.session.query = query.copy()
    idle(step)
    assert step.session.evaluation is None and step.table.isHidden()


def test_wide_coverage_is_not_shown_where_no_block_was_held_out(
    loaded: DpvaeDock, step: Any, qtbot: QtBot, idle: Idle
) -> None:
    def rows() -> list[str]:
        return [step.table.verticalHeaderItem(i).text() for i in range(step.table.rowCount())]

    loaded.model.form["blocks"].value = 0
    qtbot.mouseClick(step.evaluate, LEFT)
    idle(step)
    assert "coverage = 0.9" in rows() and not any("wide" in row for row in rows())


def test_means_spreads_and_names_fit_their_columns(seen: DpvaeDock, qtbot: QtBot) -> None:
    """Of the most methods that there can be."""
    runs = {"dp-VAE": 0.97, "dp-VAE, fine-tuned": 0.9812, "vanilla VAE": 0.0134}
    rows = [
        {"method": method, **dict.fromkeys(ROWS, mean + spread)}
        for method, mean in runs.items()
        for spread in (0, mean / 1e5 if method == "dp-VAE" else 0.0123)
    ]
    table = pd.DataFrame(rows)
    table.attrs[BY_CHANCE] = dict.fromkeys(ROWS, 12345.6)
    shown = seen.evaluate.table
    seen.evaluate.unfolded = True
    shown.show_measures(table, one_frame=True)
    shown.show()
    qtbot.waitUntil(lambda: shown.columnWidth(0) * 4 < shown.viewport().width() + 4)
    assert shown.item(0, 0).text() == "0.97\n±.000"
    assert shown.item(0, 1).text() == "0.987\n±.009"
    for column in range(shown.columnCount()):
        header = shown.horizontalHeaderItem(column).text()
        for text, around in ((header, 2), (shown.item(0, column).text(), 6)):
            widest = max(map(shown.fontMetrics().horizontalAdvance, text.split("\n")))
            assert widest + around <= shown.columnWidth(column), text


def test_sections_and_a_query_with_coordinates_are_offered(step: Any, phantom: Any) -> None:
    def offered() -> list[str]:
        return [step.choice.itemText(i) for i in range(step.choice.count())]

    assert offered()[:2] == ["random spots", "a contiguous block"] and len(offered()) == 3
    reference = phantom.reference.copy()
    reference.obs["section"] = np.where(np.arange(reference.n_obs) % 2, "a", "b")
    step.session.reference = reference
    assert offered()[2:4] == ["section a", "section b"]
    query = phantom.query.copy()
    query.obsm["spatial"] = phantom.truth.to_numpy()
    step.session.query = query
    assert offered()[-1] == "the query, which has coordinates"


def test_arrows_of_another_frame_are_drawn_after_the_best_similarity() -> None:
    placed = np.random.default_rng(0).uniform(0, 100, (20, 2))
    turned = 3 * placed @ np.array([[0.0, 1.0], [-1.0, 0.0]]) + 500
    ones = np.ones(20)
    part = HeldOutCells("dp-VAE", 0, turned, placed, radius=ones, wide=ones, one_frame=False)
    data, options, kind = arrows_layer(part)
    assert kind == "vectors"
    np.testing.assert_allclose(data[:, 1], 0, atol=1e-6)
    np.testing.assert_allclose(data[:, 0], placed[:, ::-1], atol=1e-6)
    data, options, _ = arrows_layer(part._replace(one_frame=True))
    assert options["features"]["error"].min() > 1
