"""Explore: genes found by typing, columns, categories, the colour scale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QColor, QFocusEvent
from qtpy.QtWidgets import QApplication, QFileDialog, QInputDialog

import napari_dpvae as dpv
from napari_dpvae.viewer.dock.dock import DpvaeDock
from napari_dpvae.viewer.dock.explore.gene_box import GeneBox
from napari_dpvae.viewer.dock.explore.gene_row import named_genes

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def explored(dock: DpvaeDock, phantom: Any, model: dpv.DPVAE, placed: Any) -> DpvaeDock:
    """The dock with placed cells on show."""
    dock.session.reference, dock.session.model = phantom.reference.copy(), model
    dock.session.placed = placed.copy()
    dock.session.gene = model.genes[0]
    return dock


def test_a_part_of_a_name_lists_what_begins_with_it_first(qtbot: QtBot) -> None:
    box = GeneBox()
    qtbot.addWidget(box)
    box.set_names([f"GENE{i}" for i in range(30_000)] + ["CD3", "ACD3", "Cd3e"])
    qtbot.keyClicks(box, "cd3")
    assert box.hits == ["CD3", "Cd3e", "ACD3"]
    with qtbot.waitSignal(box.chosen) as taken:
        qtbot.keyClick(box, Qt.Key.Key_Return)
    assert taken.args == ["CD3"]
    box.clear()
    qtbot.keyClicks(box, "nothing like it")
    assert box.hits == []
    qtbot.keyClick(box, Qt.Key.Key_Escape)
    assert box.text() == "CD3"


def test_next_goes_through_the_most_spatial_genes_or_a_pasted_list(
    explored: DpvaeDock, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, session = explored.explore.gene, explored.session
    qtbot.mouseClick(row.next, LEFT)
    assert session.gene == session.model.genes[1]
    qtbot.mouseClick(row.previous, LEFT)
    qtbot.mouseClick(row.previous, LEFT)
    assert session.gene == session.model.genes[-1]
    pasted = "Gene003, Gene001;NoGene\nGene003"
    monkeypatch.setattr(QInputDialog, "getMultiLineText", lambda *a, **k: (pasted, True))
    row.menu.aboutToShow.emit()
    next(a for a in row.menu.actions() if "Paste" in a.text()).trigger()
    assert "2 of 3 genes" in explored.explore.status.text()
    assert "NoGene" in explored.explore.status.text()
    assert session.gene == "Gene003"
    qtbot.mouseClick(row.next, LEFT)
    assert session.gene == "Gene001"
    row.menu.aboutToShow.emit()
    assert row.menu.actions()[0].text() == "Gene001"


def test_the_score_of_a_list_colours_spots_and_cells(
    explored: DpvaeDock, model: dpv.DPVAE, qtbot: QtBot, idle: Callable[[Any], None]
) -> None:
    session, step = explored.session, explored.explore
    step.gene.take_list(" ".join(model.genes[:4]))
    step.gene.scored.emit()
    idle(step)
    name = session.colouring.column
    assert name is not None and "and 2 more" in name
    assert step.column.currentText() == name
    for cells in session.data():
        assert cells.obs[name].std() > 0


def test_names_in_a_list_are_parted_by_anything_usual() -> None:
    assert named_genes(" A,B;\tC\n\nD ") == ["A", "B", "C", "D"]


def test_a_column_of_categories_has_a_legend_that_hides_and_recolours(
    explored: DpvaeDock, qtbot: QtBot
) -> None:
    step, session = explored.explore, explored.session
    step.column.setCurrentText("cell_type")
    assert session.colouring.column == "cell_type"
    assert session.gene is None
    assert not step.legend.isHidden()
    assert step.limits.isHidden()
    names = [step.legend.list.item(i).text() for i in range(step.legend.list.count())]
    assert names == list(session.placed.obs["cell_type"].cat.categories)
    step.legend.list.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert session.colouring.hidden == {names[0]}
    qtbot.mouseClick(step.legend.none, LEFT)
    assert session.colouring.hidden == set(names)
    qtbot.mouseClick(step.legend.all, LEFT)
    assert session.colouring.hidden == set()
    step.legend.recolour(names[1], QColor("#123456"))
    assert session.placed.uns["cell_type_colors"][1] == "#123456"
    session.colouring.column = "dpvae_radius"
    assert step.legend.isHidden()
    assert not step.limits.isHidden()


@pytest.mark.drawn
def test_genes_are_blended_by_their_expression_until_their_boxes_are_emptied(
    explored: DpvaeDock, viewer: Viewer, qtbot: QtBot
) -> None:
    session, row = explored.session, explored.explore.blend
    cells = viewer.layers["placed cells"]
    alone = cells.face_color.copy()
    for box, gene in zip(row.boxes, ("Gene001", "Gene002"), strict=True):
        qtbot.keyClicks(box, gene)
        qtbot.keyClick(box, Qt.Key.Key_Return)
    genes = session.colouring.genes
    assert genes == (session.gene, "Gene001", "Gene002")
    assert "Gene002 (blue)" in row.legend.text() and not row.legend.isHidden()
    assert viewer.canvas.overlays.text.text == f"{genes[0]} red · Gene001 green · Gene002 blue"
    inside = (session.placed.obs["dpvae_status"] != "outside").to_numpy()
    for channel, gene in enumerate(genes):
        value = session.placed[:, gene].X.toarray().ravel() / session.placed.X.sum(axis=1).A1
        order = np.argsort(value[inside], kind="stable")
        assert (
            np.diff(viewer.layers["placed cells"].face_color[inside][order, channel]) >= -1e-6
        ).all()
    # The third moves up when the second goes.
    for _ in row.boxes:
        row.boxes[0].clear()
        qtbot.keyClick(row.boxes[0], Qt.Key.Key_Return)
    assert session.colouring.genes == () and row.legend.isHidden()
    np.testing.assert_array_equal(cells.face_color, alone)


def test_blended_colours_follow_the_expression_and_a_gene_alone_ends_them(
    explored: DpvaeDock, viewer: Viewer
) -> None:
    session = explored.session
    session.colouring.genes = ["Gene001", "Gene002"]
    before = viewer.layers["placed cells"].face_color.copy()
    shuffled = session.placed.copy()
    shuffled.X = shuffled.X[np.random.default_rng(0).permutation(shuffled.n_obs)]
    session.placed = shuffled
    assert not np.allclose(viewer.layers["placed cells"].face_color, before)
    session.colouring.column = "cell_type"
    assert session.colouring.genes == ()


def test_limits_as_percentiles_or_values(explored: DpvaeDock) -> None:
    row, colouring = explored.explore.limits, explored.session.colouring
    row.high.setValue(50.0)
    assert colouring.limits == (0.0, 50.0, True)
    drawn = colouring.drawn
    row.kind.setCurrentIndex(1)
    assert colouring.limits == (*drawn, False)
    row.high.setValue(drawn[1] + 1)
    assert colouring.drawn == (drawn[0], pytest.approx(drawn[1] + 1, abs=1e-3))
    row.kind.setCurrentIndex(0)
    assert colouring.limits.high == 99.0
    row.low.setValue(99.5)
    assert row.low.value() == colouring.limits.low < 99


@pytest.mark.parametrize(
    ("reason", "left"),
    [(Qt.FocusReason.TabFocusReason, "Gene001"), (Qt.FocusReason.PopupFocusReason, "NoGene")],
)
def test_what_is_typed_and_no_gene_is_said_and_goes_with_the_keyboard(
    explored: DpvaeDock, qtbot: QtBot, reason: Qt.FocusReason, left: str
) -> None:
    explored.session.gene = "Gene001"
    for box in (explored.explore.gene.box, explored.explore.blend.boxes[0]):
        box.setText("NoGene")
        qtbot.keyClick(box, Qt.Key.Key_Return)
        assert explored.session.gene == "Gene001" and not explored.session.colouring.genes
        assert "No gene here has 'NoGene'" in explored.explore.status.text()
        explored.explore.tell("")
    box = explored.explore.gene.box
    box.setText("NoGene")
    QApplication.sendEvent(box, QFocusEvent(QEvent.Type.FocusOut, reason))
    assert box.text() == left


def test_a_colormap_that_a_script_chose_is_named(explored: DpvaeDock) -> None:
    explored.session.colormap = "PiYG"
    assert explored.explore.colormap.currentText() == "PiYG"
    explored.session.colormap = "magma"
    assert explored.explore.colormap.currentText() == "magma"


def test_status_and_look_are_in_step_with_the_console(explored: DpvaeDock, qtbot: QtBot) -> None:
    step, look = explored.explore, explored.session.look
    n_placed = (explored.session.placed.obs["dpvae_status"] == "placed").sum()
    assert step.statuses.boxes["placed"].text() == f"placed {n_placed}"
    qtbot.mouseClick(step.statuses.boxes["placed"], LEFT)
    assert look.statuses == {"uncertain", "outside"}
    look.statuses = frozenset({"placed"})
    assert step.statuses.boxes["placed"].isChecked()
    look.uncertainty = "as size"
    assert step.look.uncertainty.value == "as size"
    step.look.arrangement.value = "side by side"
    assert look.arrangement == "side by side"


def test_the_figure_is_of_what_is_shown(
    explored: DpvaeDock, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, target = explored.explore, tmp_path / "shown.svg"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(target), ""))
    qtbot.mouseClick(step.figure, LEFT)
    qtbot.waitUntil(lambda: not step.progress.running, timeout=60_000)
    assert target.is_file()
    assert "shown.svg" in step.status.text()


def test_a_protein_of_the_placed_cells_is_drawn_and_mapped(
    explored: DpvaeDock, viewer: Viewer, qtbot: QtBot
) -> None:
    cells = explored.session.placed.copy()
    cells.obsm["Antibody_Capture"] = np.arange(2.0 * cells.n_obs).reshape(-1, 2)
    cells.uns["modalities"] = {"Antibody_Capture": np.array(["CD3", "CD4"], object)}
    explored.session.placed = cells
    assert "CD4 (Antibody Capture)" in explored.session.genes
    explored.session.gene = "CD4 (Antibody Capture)"
    assert "virtual, from the placed cells" in explored.explore.status.text()
    spots, drawn = viewer.layers["reference spots"], viewer.layers["placed cells"]
    assert len(np.unique(drawn.face_color, axis=0)) > 50
    qtbot.waitUntil(lambda: len(np.unique(spots.face_color, axis=0)) > 50)
