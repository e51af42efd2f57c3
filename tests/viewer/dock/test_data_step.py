"""Step 1, as a person opens their data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from napari.layers import Points
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QFileDialog, QMessageBox, QWidget

from napari_dpvae import write_placed
from napari_dpvae.viewer.dock.dock import DpvaeDock
from napari_dpvae.viewer.state.memory import remembered_folder

ASKED = QMessageBox.StandardButton
LEFT = Qt.MouseButton.LeftButton
Idle = Callable[[Any], None]


@pytest.fixture
def files(phantom: Any, tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "reference.h5ad", tmp_path / "query.h5ad"
    phantom.reference.write_h5ad(paths[0])
    phantom.query.write_h5ad(paths[1])
    return paths


def drop(widget: QWidget, *paths: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, mime, LEFT, Qt.KeyboardModifier.NoModifier
    )
    widget.dropEvent(event)


def test_files_dropped_on_the_dock_open_one_after_the_other(
    dock: DpvaeDock, idle: Idle, files: tuple[Path, Path]
) -> None:
    drop(dock, files[0])
    idle(dock.data.reference)
    drop(dock, files[1])
    idle(dock.data.query)
    assert dock.session.reference is not None and dock.session.query is not None
    drop(dock, *files)
    idle(dock.data.reference)
    idle(dock.data.query)


def test_a_query_that_is_dropped_first_is_known_by_its_lack_of_coordinates(
    dock: DpvaeDock, idle: Idle, qtbot: QtBot, files: tuple[Path, Path]
) -> None:
    drop(dock, files[1])
    qtbot.waitUntil(lambda: dock.session.query is not None)
    assert dock.session.reference is None
    drop(dock, files[0])
    qtbot.waitUntil(lambda: dock.session.reference is not None)
    assert dock.data.done


def test_two_files_dropped_in_any_order_find_their_places(
    dock: DpvaeDock, idle: Idle, qtbot: QtBot, files: tuple[Path, Path]
) -> None:
    drop(dock, *files[::-1])
    qtbot.waitUntil(lambda: dock.data.done)
    assert dock.session.reference.n_obs == 321 and dock.session.query.n_obs == 120
    idle(dock.data.reference)
    idle(dock.data.query)
    assert [row.path.text() for row in (dock.data.reference, dock.data.query)] == [*map(str, files)]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("good", [0, 1])
def test_of_two_dropped_files_one_that_is_refused_leaves_the_other(
    dock: DpvaeDock, idle: Idle, qtbot: QtBot, files: tuple[Path, Path], good: int, order: int
) -> None:
    bad = files[0].with_name("bad.h5ad")
    bad.write_text("no cells")
    drop(dock, *(bad, files[good])[::order])
    kind = ("reference", "query")[good]
    qtbot.waitUntil(lambda: getattr(dock.session, kind) is not None)
    idle(dock.data.reference)
    idle(dock.data.query)
    assert "bad.h5ad" in dock.data.status.text()
    assert dock.data.reference.path.text() == ("" if good else str(files[0]))
    drop(dock.data.query, files[1])
    idle(dock.data.query)
    assert "bad.h5ad" not in dock.data.status.text()


def test_of_two_dropped_files_that_are_refused_both_are_told(
    dock: DpvaeDock, qtbot: QtBot, tmp_path: Path
) -> None:
    drop(dock, tmp_path / "one.h5ad", tmp_path / "other.h5ad")
    qtbot.waitUntil(lambda: "other.h5ad" in dock.data.status.text())
    assert "one.h5ad" in dock.data.status.text()


@pytest.mark.parametrize(
    ("order", "suffix"),
    [(1, ".h5ad"), (-1, ".h5ad"), (1, ".zarr"), pytest.param(-1, ".zarr", marks=pytest.mark.slow)],
)
def test_placed_cells_that_are_dropped_are_shown_as_such(
    dock: DpvaeDock,
    idle: Idle,
    qtbot: QtBot,
    files: tuple[Path, Path],
    placed: Any,
    suffix: str,
    order: int,
) -> None:
    path = files[0].with_name(f"placed{suffix}")
    write_placed(placed, path)
    drop(dock, path)
    qtbot.waitUntil(lambda: dock.session.placed is not None)
    assert dock.session.reference is None
    dock.session.placed = None
    drop(dock, *(path, files[0])[::order])
    qtbot.waitUntil(lambda: dock.session.placed is not None)
    assert dock.session.reference.n_obs == 321 and dock.session.placed.n_obs == 120
    dock.session.placed = None
    drop(dock, path)
    qtbot.waitUntil(lambda: dock.session.placed is not None)
    assert dock.session.query is None


def test_a_refused_file_leaves_the_line_of_what_there_is(
    dock: DpvaeDock, idle: Idle, files: tuple[Path, Path]
) -> None:
    row = dock.data.reference
    row.open(str(files[0]))
    idle(row)
    for refused in (str(files[1]), str(files[0].parent / "none.h5ad")):
        row.open(refused)
        idle(row)
        assert dock.data.status.property("tone") == "error"
        assert row.path.text() == str(files[0])
    dock.session.reference = dock.session.reference.copy()
    assert row.path.text() == ""


def test_unsaved_cells_are_not_taken_away_without_a_question(
    dock: DpvaeDock,
    idle: Idle,
    files: tuple[Path, Path],
    placed: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    answers = [ASKED.Cancel, ASKED.Save, ASKED.Discard]

    def answer(parent: QWidget, title: str, text: str, *rest: Any) -> QMessageBox.StandardButton:
        asked.append(text)
        return answers[len(asked) - 1]

    monkeypatch.setattr(QMessageBox, "question", answer)
    target = tmp_path / "kept.h5ad"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(target), ""))
    row = dock.data.reference
    row.open(str(files[0]))
    idle(row)
    first = dock.session.reference
    dock.session.placed, dock.session.unsaved = placed.copy(), True
    other = str(files[0].rename(tmp_path / "other.h5ad"))
    row.open(other)
    idle(row)
    assert dock.session.reference is first and dock.session.placed is not None
    assert row.path.text() == str(files[0])
    row.open(other)
    idle(row)
    idle(dock.save)
    assert target.is_file() and row.path.text() == other
    second = dock.session.reference
    assert second is not first and dock.session.placed is None
    dock.session.placed = placed.copy()
    dock.session.selection.cells = [1]
    dock.session.selection.name("rim")
    row.open(other)
    idle(row)
    assert dock.session.placed is None
    assert len(asked) == 3 and all("120 placed cells" in text for text in asked)
    # What is saved, or set by a script, is not asked for.
    dock.session.placed = placed.copy()
    row.open(other)
    idle(row)
    assert dock.session.placed is None and len(asked) == 3


def test_a_file_dropped_on_a_row_opens_there(
    dock: DpvaeDock, idle: Idle, files: tuple[Path, Path]
) -> None:
    drop(dock.data.query, files[1])
    idle(dock.data.query)
    assert dock.session.query is not None and dock.session.reference is None


@pytest.fixture
def sections(phantom: Any, tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.h5ad" for name in ("one", "two", "three")]
    for path in paths:
        phantom.reference.write_h5ad(path)
    return paths


@pytest.mark.parametrize("on_row", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_several_files_are_one_reference_of_several_sections(
    dock: DpvaeDock, idle: Idle, sections: list[Path], on_row: bool
) -> None:
    drop(dock.data.reference if on_row else dock, *sections)
    idle(dock.data.reference)
    reference = dock.session.reference
    assert reference.obs["section"].value_counts().to_dict() == dict.fromkeys(
        ("one", "two", "three"), 321
    )
    assert dock.session.section_key == "section"
    # The line opens them again.
    dock.session.reference = None
    dock.data.reference.open("; ".join(map(str, sections[:2])))
    idle(dock.data.reference)
    assert dock.session.reference.n_obs == 642


def test_more_sections_than_a_path_is_long_are_sections(dock: DpvaeDock, idle: Idle) -> None:
    dock.data.reference.open("; ".join(f"~nobody/{i:0200d}.h5ad" for i in range(40)))
    idle(dock.data.reference)
    assert "~nobody" in dock.data.status.text()


def test_several_files_can_be_chosen(
    dock: DpvaeDock, idle: Idle, sections: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = [str(path) for path in sections]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a: (chosen, ""))
    dock.data.reference.menu.aboutToShow.emit()
    dock.data.reference.menu.actions()[0].trigger()
    idle(dock.data.reference)
    assert dock.session.reference.n_obs == 3 * 321


def test_a_query_is_one_file(dock: DpvaeDock, files: tuple[Path, Path]) -> None:
    drop(dock.data.query, files[1], files[1])
    assert "A query is one file" in dock.data.status.text() and dock.session.query is None


def test_a_section_without_coordinates_is_named(
    dock: DpvaeDock, idle: Idle, sections: list[Path], files: tuple[Path, Path]
) -> None:
    drop(dock, *sections, files[1])
    idle(dock.data.reference)
    assert "Section query: The reference has no coordinates" in dock.data.status.text()
    assert dock.session.reference is None


def test_the_dialog_begins_where_the_last_file_was(
    dock: DpvaeDock, idle: Idle, files: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []

    def choose(parent: QWidget, title: str, folder: str, *rest: str) -> tuple[list[str], str]:
        begun.append(folder)
        return [str(files[0])], ""

    monkeypatch.setattr(QFileDialog, "getOpenFileNames", choose)
    for _ in range(2):
        dock.data.reference.menu.aboutToShow.emit()
        dock.data.reference.menu.actions()[0].trigger()
        idle(dock.data.reference)
    assert begun == ["", str(files[0].parent)]
    assert remembered_folder() == str(files[0].parent)


def test_stopping_a_read_leaves_what_there_was(
    loaded: DpvaeDock, qtbot: QtBot, idle: Idle, files: tuple[Path, Path]
) -> None:
    before = loaded.session.query
    loaded.data.query.open(str(files[1]))
    qtbot.mouseClick(loaded.data.query.progress.stop, LEFT)
    idle(loaded.data.query)
    assert loaded.session.query is before


def test_sections_are_offered_and_the_likeliest_is_taken(
    dock: DpvaeDock, phantom: Any, qtbot: QtBot
) -> None:
    assert dock.data.sections.isHidden()
    reference = phantom.reference.copy()
    reference.obs["section"] = np.where(np.arange(reference.n_obs) % 2, "a", "b")
    dock.session.reference = reference
    assert not dock.data.sections.isHidden()
    assert dock.session.section_key == "section"
    qtbot.keyClick(dock.data.sections.column, Qt.Key.Key_Up)
    assert dock.session.section_key is None
    dock.session.section_key = "section"
    assert dock.data.sections.column.currentText() == "section"
    dock.session.reference = phantom.reference
    assert dock.session.section_key is None


def test_tables_of_open_layers_are_offered_once(
    dock: DpvaeDock, viewer: Viewer, phantom: Any, idle: Idle
) -> None:
    from spatialdata import SpatialData

    spatial_data = SpatialData(tables={"spots": phantom.reference})
    points = np.zeros((1, 2))
    viewer.add_layer(Points(points, name="Visium", metadata={"sdata": spatial_data, "adata": None}))
    viewer.add_layer(Points(points, name="again", metadata={"adata": phantom.reference}))
    dock.data.reference.menu.aboutToShow.emit()
    actions = [a for a in dock.data.reference.menu.actions() if a.text().startswith("Layer")]
    assert [action.text() for action in actions] == ["Layer: Visium: spots"]
    actions[0].trigger()
    idle(dock.data.reference)
    assert dock.session.reference is phantom.reference


def test_concerns_are_shown_and_go_with_the_data(
    dock: DpvaeDock, qtbot: QtBot, phantom: Any
) -> None:
    plain = phantom.reference.copy()
    del plain.uns["spatial"]
    dock.session.reference, dock.session.query = plain, phantom.query
    qtbot.waitUntil(lambda: "no image" in dock.data.concerns.text(), timeout=10_000)
    assert "300 genes that are shared" in dock.data.certainty.text()
    assert dock.data.headline.text().startswith("⚠")
    dock.session.reference = phantom.reference
    qtbot.waitUntil(lambda: dock.data.concerns.text() == "", timeout=10_000)
    assert dock.data.concerns.isHidden()


def test_sections_that_are_named_raise_no_concern(
    dock: DpvaeDock, qtbot: QtBot, sections: list[Path], idle: Idle
) -> None:
    dock.data.reference.open([str(path) for path in sections])
    idle(dock.data.reference)
    qtbot.waitUntil(lambda: dock.data.certainty.text() != "", timeout=10_000)
    assert dock.data.concerns.text() == ""
    dock.session.section_key = None
    qtbot.waitUntil(lambda: "'section'" in dock.data.concerns.text(), timeout=10_000)


def test_an_empty_dock_offers_the_sample_and_opens_both_files_of_it(
    dock: DpvaeDock, qtbot: QtBot
) -> None:
    assert dock.data.sample.isVisibleTo(dock.data)
    qtbot.mouseClick(dock.data.sample, LEFT)
    qtbot.waitUntil(lambda: dock.data.done)
    assert (dock.session.reference.n_obs, dock.session.query.n_obs) == (321, 500)
    assert not dock.data.sample.isVisibleTo(dock.data)


def test_one_query_and_a_folder_are_chosen_by_the_menu(
    dock: DpvaeDock,
    idle: Idle,
    phantom: Any,
    files: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = tmp_path / "reference.zarr"
    phantom.reference.write_zarr(store)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(files[1]), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: str(store))
    for row, number in ((dock.data.query, 0), (dock.data.reference, 1)):
        row.menu.aboutToShow.emit()
        row.menu.actions()[number].trigger()
        idle(row)
    assert dock.session.query.n_obs == 120 and dock.session.reference.n_obs == 321
    # What is not chosen changes nothing.
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: ("", ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: "")
    for row, number in ((dock.data.query, 0), (dock.data.reference, 1)):
        row.menu.actions()[number].trigger()
        assert not row.progress.running
