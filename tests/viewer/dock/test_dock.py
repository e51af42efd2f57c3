"""The dock, pressed as a person presses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import Qt

import napari_dpvae as dpv
from napari_dpvae.viewer.dock.dock import DpvaeDock

Idle = Callable[[Any], None]
LEFT = Qt.MouseButton.LeftButton


@pytest.mark.drawn
def test_the_whole_job_by_buttons(
    dock: DpvaeDock, viewer: Viewer, qtbot: QtBot, idle: Idle, phantom: Any, tmp_path: Path
) -> None:
    for source, cells in (
        (dock.data.reference, phantom.reference),
        (dock.data.query, phantom.query),
    ):
        path = tmp_path / f"{cells.n_obs}.h5ad"
        cells.write_h5ad(path)
        qtbot.keyClicks(source.path, str(path))
        qtbot.keyClick(source.path, Qt.Key.Key_Return)
        idle(source)
    assert "300 genes shared" in dock.data.status.text()
    assert not dock.place.place.isEnabled()

    # As many networks, checks and blocks as usual.
    dock.model.form.restore()
    dock.model.form["epochs"].value = 20
    dock.model.form["regularisation"].value = "light"
    qtbot.mouseClick(dock.model.train, LEFT)
    assert not dock.model.train.isEnabled()
    idle(dock.model)
    # The last network goes without a block, for half of the epochs; it is the fourth stage.
    assert dock.model.training.curves.n_epochs == 10
    assert dock.model.training.held_out.text().count("·") == 3
    qtbot.mouseClick(dock.place.place, LEFT)
    idle(dock.place)
    placed = dock.session.placed
    assert placed is not None
    np.testing.assert_array_equal(
        viewer.layers["placed cells"].data, placed.obsm["spatial"][:, ::-1]
    )

    before = viewer.layers["placed cells"].face_color.copy()
    other = next(gene for gene in reversed(dock.session.model.genes) if gene != dock.session.gene)
    box = dock.explore.gene.box
    box.clear()
    qtbot.keyClicks(box, other.lower())
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert dock.session.gene == other
    assert not np.array_equal(before, viewer.layers["placed cells"].face_color)


def test_a_bad_file_is_one_sentence_and_the_good_reference_stays(
    loaded: DpvaeDock, qtbot: QtBot, idle: Idle, tmp_path: Path
) -> None:
    good = loaded.session.reference
    bad = tmp_path / "bad.h5ad"
    bad.write_bytes(b"no hdf5")
    loaded.data.reference.path.setText(str(bad))
    qtbot.keyClick(loaded.data.reference.path, Qt.Key.Key_Return)
    idle(loaded.data.reference)
    assert "bad.h5ad" in loaded.data.status.text()
    assert loaded.session.reference is good
    # The line says where the summary below it is from: from the console, here.
    assert loaded.data.reference.path.text() == ""


def test_a_query_of_other_genes_is_refused_in_words(
    loaded: DpvaeDock, qtbot: QtBot, idle: Idle, model: dpv.DPVAE, phantom: Any
) -> None:
    query = phantom.query.copy()
    query.var_names = [f"Other{i}" for i in range(query.n_vars)]
    loaded.session.model = model
    loaded.session.query = query
    qtbot.mouseClick(loaded.place.place, LEFT)
    idle(loaded.place)
    assert "genes of the panel's core are in the query" in loaded.place.status.text()
    assert loaded.session.placed is None
    assert loaded.place.place.isEnabled()


def test_the_reference_can_be_an_open_layer(
    dock: DpvaeDock, viewer: Viewer, phantom: Any, idle: Callable[[Any], None]
) -> None:
    viewer.add_points(np.zeros((1, 2)), name="spots", metadata={"adata": phantom.reference})
    dock.data.reference.menu.aboutToShow.emit()
    (action,) = [a for a in dock.data.reference.menu.actions() if "spots" in a.text()]
    action.trigger()
    idle(dock.data.reference)
    assert dock.session.reference is not None
    assert dock.session.reference.n_vars == 300


def test_the_console_and_the_dock_are_in_step(
    dock: DpvaeDock, viewer: Viewer, phantom: Any, model: dpv.DPVAE
) -> None:
    state = dpv.session(viewer)
    state.reference, state.query, state.model = phantom.reference, phantom.query, model
    assert dock.place.place.isEnabled()
    state.gene = "Gene005"
    assert dock.explore.gene.box.text() == "Gene005"
    state.colormap = "magma"
    assert dock.explore.colormap.currentText() == "magma"
