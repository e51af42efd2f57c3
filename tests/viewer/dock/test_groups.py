"""Groups of cells, the list of cells, and questions to the placement, by their buttons."""

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

import napari_dpvae as dpv
from napari_dpvae.analysis.questions import QUESTIONS
from napari_dpvae.viewer.canvas.lasso import NAME as LASSO
from napari_dpvae.viewer.dock.dock import DpvaeDock
from napari_dpvae.viewer.dock.explore.group_plot import HALF_WIDTH, violin
from napari_dpvae.viewer.dock.frame_table import FrameTable

LEFT = Qt.MouseButton.LeftButton
Idle = Callable[[Any], None]


@pytest.fixture
def explored(dock: DpvaeDock, phantom: Any, placed: Any) -> DpvaeDock:
    """The dock with placed cells on show, of which three are outside."""
    cells = placed.copy()
    status = np.array(["placed"] * cells.n_obs, object)
    status[:3] = "outside"
    cells.obs["dpvae_status"] = pd.Categorical(status, ["placed", "uncertain", "outside"])
    dock.session.reference, dock.session.placed = phantom.reference, cells
    dock.session.gene = "Gene001"
    return dock


def texts(table: FrameTable, column: int) -> list[str]:
    rows = range(table.model.rowCount())
    return [table.model.index(row, column).data() for row in rows]


def test_a_table_is_sorted_and_filtered_whole(qtbot: QtBot) -> None:
    table = FrameTable("filter")
    qtbot.addWidget(table)
    n = 100_000
    table.show_frame(pd.DataFrame({"name": [f"g{i}" for i in range(n)], "x": np.arange(n) % 7}))
    assert table.model.rowCount() == n
    qtbot.keyClicks(table.filter, "G9999")
    assert table.model.rowCount() == 11
    table.view.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    values = [int(text) for text in texts(table, 1)]
    assert values == sorted(values, reverse=True)
    with qtbot.waitSignal(table.chosen) as chosen:
        table.view.selectRow(0)
    assert chosen.args[0]["name"] == texts(table, 0)[0]
    qtbot.mouseClick(table.copy, LEFT)
    assert len(QApplication.clipboard().text().splitlines()) == 12


@pytest.mark.drawn
def test_cells_within_a_drawing_become_a_group_with_its_genes(
    explored: DpvaeDock, viewer: Viewer, qtbot: QtBot, idle: Idle
) -> None:
    groups, session = explored.explore.groups, explored.session
    session.look.arrangement = "side by side"
    qtbot.mouseClick(groups.draw, LEFT)
    assert session.look.arrangement == "overlaid"
    places = viewer.layers["placed cells"].data
    low, middle = places.min(axis=0) - 1, np.median(places, axis=0)
    corners = [low, [low[0], middle[1]], [places[:, 0].max() + 1, middle[1]]]
    corners.append([places[:, 0].max() + 1, low[1]])
    viewer.layers[LASSO].add_polygons([np.array(corners)])
    qtbot.waitUntil(lambda: LASSO not in viewer.layers)
    inside = places[:, 1] < middle[1]
    np.testing.assert_array_equal(session.selection.cells, np.flatnonzero(inside))
    qtbot.keyClicks(groups.name, "left")
    qtbot.keyClick(groups.name, Qt.Key.Key_Return)
    assert (session.placed.obs["group"] == "left").sum() == inside.sum()
    assert "group" in session.columns
    assert groups.column.currentText() == "group"

    qtbot.mouseClick(groups.genes, LEFT)
    idle(groups)
    assert groups.table.model.rowCount() > 100
    groups.table.view.selectRow(1)
    assert session.gene == texts(groups.table, 0)[1]

    session.selection.cells = np.flatnonzero(~inside)
    session.selection.name("right")
    groups.group.setCurrentText("left")
    groups.other.setCurrentText("right")
    qtbot.mouseClick(groups.distance, LEFT)
    idle(groups)
    assert "pixels apart" in groups.status.text()
    session.selection.dissolve("left")
    assert [groups.group.itemText(i) for i in range(groups.group.count())] == ["right"]


def test_the_list_goes_to_a_cell(explored: DpvaeDock, viewer: Viewer, qtbot: QtBot) -> None:
    table = explored.explore.cells.table
    assert table.model.rowCount() == 0
    explored.explore.folds["list of cells"].unfolded = True
    assert table.model.rowCount() == explored.session.placed.n_obs
    name = explored.session.placed.obs_names[40]
    qtbot.keyClicks(table.filter, name)
    table.view.selectRow(0)
    assert explored.session.selection.cells.tolist() == [40]
    np.testing.assert_allclose(
        viewer.scene.camera.center[-2:], viewer.layers["placed cells"].data[40]
    )


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_question_is_answered_and_its_row_shown(
    explored: DpvaeDock, qtbot: QtBot, idle: Idle, number: int
) -> None:
    ask, session = explored.explore.ask, explored.session
    ask.question.setCurrentIndex(number)
    ask.types.setCurrentText("cell_type")
    qtbot.mouseClick(ask.ask, LEFT)
    idle(ask)
    assert ask.status.text().split("\n")[1].startswith("3 cells outside the reference were left")
    assert not ask.plot.isHidden()
    ask.table.view.selectRow(0)
    if QUESTIONS[number].of_types:
        assert session.colouring.column == "cell_type"
        left = set(session.placed.obs["cell_type"].cat.categories) - session.colouring.hidden
        assert left == {texts(ask.table, 0)[0], texts(ask.table, 1)[0]}
    else:
        assert session.gene == texts(ask.table, 0)[0]


def test_what_was_found_of_other_cells_is_not_shown(
    explored: DpvaeDock, qtbot: QtBot, idle: Idle
) -> None:
    """Nor what was still being looked for."""
    ask, groups, session = explored.explore.ask, explored.explore.groups, explored.session
    shown = (ask.table, ask.plot, groups.table, groups.plot)
    for button, part in ((ask.ask, ask), (groups.genes, groups), (groups.violins, groups)):
        qtbot.mouseClick(button, LEFT)
        idle(part)
    assert not any(widget.isHidden() for widget in shown)
    session.placed = session.placed.copy()
    assert all(widget.isHidden() for widget in shown)
    qtbot.mouseClick(ask.ask, LEFT)
    qtbot.mouseClick(groups.genes, LEFT)
    session.placed = session.placed.copy()
    idle(ask)
    idle(groups)
    assert all(widget.isHidden() for widget in shown)


def test_what_was_found_says_of_what_and_goes_with_its_groups(
    explored: DpvaeDock, qtbot: QtBot, idle: Idle
) -> None:
    ask, groups, session = explored.explore.ask, explored.explore.groups, explored.session
    for name, cells in (("one", range(40)), ("two", range(40, 90))):
        session.selection.cells = cells
        session.selection.name(name)
    groups.group.setCurrentText("one")
    qtbot.mouseClick(groups.genes, LEFT)
    idle(groups)
    groups.group.setCurrentText("two")
    session.selection.cells = [1]
    assert groups.found.text().startswith("one against all others: ")
    asked = next(i for i, question in enumerate(QUESTIONS) if question.of_types)
    ask.question.setCurrentIndex(asked)
    ask.types.setCurrentText("group")
    qtbot.mouseClick(ask.ask, LEFT)
    idle(ask)
    ask.question.setCurrentIndex(1 - asked)
    assert ask.status.text().startswith(f"{QUESTIONS[asked].name} · types in group\n")
    shown = (groups.found, groups.table, ask.status, ask.table)
    assert not any(widget.isHidden() for widget in shown)
    session.selection.undo()
    assert all(widget.isHidden() for widget in shown)


def test_what_was_found_of_types_stays_when_groups_are_made(
    explored: DpvaeDock, qtbot: QtBot, idle: Idle
) -> None:
    ask, groups, session = explored.explore.ask, explored.explore.groups, explored.session
    groups.column.setCurrentText("cell_type")
    qtbot.mouseClick(groups.genes, LEFT)
    qtbot.mouseClick(ask.ask, LEFT)
    idle(groups)
    idle(ask)
    session.selection.cells = range(40)
    session.selection.name("one")
    shown = (groups.found, groups.table, ask.status, ask.table)
    assert not any(widget.isHidden() for widget in shown)


def test_an_answer_does_not_stay_beside_the_failure_of_the_next_question(
    explored: DpvaeDock, qtbot: QtBot, idle: Idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = explored.explore.ask
    qtbot.mouseClick(ask.ask, LEFT)
    idle(ask)
    assert not ask.table.isHidden()

    def refuse(*_: Any) -> Any:
        raise dpv.DataError("no answer")

    failing = QUESTIONS[0]._replace(ask=refuse, value="")
    monkeypatch.setattr("napari_dpvae.viewer.dock.explore.ask.QUESTIONS", (failing,))
    qtbot.mouseClick(ask.ask, LEFT)
    idle(ask)
    assert ask.status.text() == "no answer"
    assert ask.table.isHidden() and ask.plot.isHidden()


def test_in_a_volume_there_is_no_drawing(explored: DpvaeDock) -> None:
    assert explored.explore.groups.draw.isEnabled()
    volume = explored.session.placed.copy()
    volume.obsm["spatial"] = np.pad(volume.obsm["spatial"], ((0, 0), (0, 1)))
    explored.session.placed = volume
    assert not explored.explore.groups.draw.isEnabled()


def test_a_group_without_cells_is_refused_in_words(explored: DpvaeDock) -> None:
    with pytest.raises(dpv.DataError, match="No placed cell is selected"):
        explored.session.selection.name("empty")


def test_groups_are_drawn_as_violins_and_dots_and_taken_back(
    explored: DpvaeDock, qtbot: QtBot, idle: Idle
) -> None:
    groups, session = explored.explore.groups, explored.session
    groups.column.setCurrentText("cell_type")
    n = session.placed.obs["cell_type"].nunique()
    qtbot.mouseClick(groups.violins, LEFT)
    idle(groups)
    # An outline and a median a group.
    assert len(groups.plot.getPlotItem().listDataItems()) == 2 * n
    session.colouring.markers = ["Gene001", "Gene007", "Gene011"]
    qtbot.mouseClick(groups.dots, LEFT)
    idle(groups)
    (dots,) = groups.plot.getPlotItem().listDataItems()
    assert len(dots.points()) == 3 * n
    session.selection.cells = range(4)
    session.selection.name("rim")
    qtbot.mouseClick(groups.undo, LEFT)
    assert "group" not in session.placed.obs and not groups.undo.isEnabled()


def test_a_violin_is_widest_where_values_are_most() -> None:
    values = np.r_[np.zeros(50), np.full(10, 5.0)] + np.random.default_rng(0).normal(0, 0.1, 60)
    grid, density = violin(values)
    assert abs(grid[density.argmax()]) < 0.5 and density.max() == pytest.approx(HALF_WIDTH)
    assert (violin(np.ones(5))[1] == HALF_WIDTH).all()


def test_what_a_question_to_groups_lacks_is_said(explored: DpvaeDock, qtbot: QtBot) -> None:
    groups, session = explored.explore.groups, explored.session
    groups.column.setCurrentText("cell_type")
    qtbot.mouseClick(groups.distance, LEFT)
    assert "Choose another group" in groups.status.text()
    qtbot.mouseClick(groups.dots, LEFT)
    session.gene = None
    for button, said in ((groups.violins, "Choose a gene"), (groups.dots, "a list of markers")):
        qtbot.mouseClick(button, LEFT)
        assert said in groups.status.text()
    qtbot.keyClicks(groups.name, "empty")
    qtbot.keyClick(groups.name, Qt.Key.Key_Return)
    assert "No placed cell is selected" in groups.status.text()
    assert groups.name.text() == "empty"


def test_a_ligand_is_shown_however_its_name_is_written(explored: DpvaeDock) -> None:
    ask, session = explored.explore.ask, explored.session
    for ligand, shown in (("GENE007", "Gene007"), ("WNT5A", "Gene007")):
        ask.table.chosen.emit(pd.Series({"ligand": ligand, "receptor": "GENE008"}))
        assert session.gene == shown


def test_a_plot_that_is_asked_for_is_seen_whole(
    seen: DpvaeDock, qtbot: QtBot, idle: Idle, placed: Any
) -> None:
    seen.session.placed, seen.session.gene = placed.copy(), "Gene001"
    explore = seen.explore
    explore.unfolded = True
    for title in ("groups of cells", "ask the placement"):
        explore.folds[title].unfolded = True

    def whole(plot: Any) -> bool:
        return bool(plot.visibleRegion().boundingRect().height() == plot.height())

    for part, button in ((explore.groups, explore.groups.violins), (explore.ask, explore.ask.ask)):
        button.click()
        idle(part)
        qtbot.waitUntil(lambda plot=part.plot: whole(plot))
