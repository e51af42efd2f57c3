"""The cell under the pointer, its words and its region."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QToolTip

import napari_dpvae as dpv
from napari_dpvae.viewer.canvas.finder import Finder


def point_at(viewer: Viewer, position: np.ndarray) -> None:
    """Move the pointer to a position of the world."""
    event = SimpleNamespace(position=tuple(position), view_direction=None, viewbox=(0, 0))
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, event)


def test_the_nearest_drawn_cell_is_found(qtbot: QtBot) -> None:
    places = np.random.default_rng(0).uniform(0, 100, (5000, 2))
    finder, shown = Finder(places), np.ones(5000, bool)
    qtbot.waitUntil(lambda: finder.nearest(places[7], None, 1.0, shown) is not None)
    assert finder.nearest(places[7] + 1e-3, None, 1.0, shown) == 7
    shown[7] = False
    assert finder.nearest(places[7], None, 1e-3, shown) is None
    assert finder.nearest(np.array([500.0, 500.0]), None, 1.0, shown) is None


def test_in_a_volume_the_first_along_the_line_of_sight_is_found() -> None:
    finder = Finder(np.array([[5.0, 0, 0], [2.0, 0, 0], [3.0, 9, 0]]))
    shown, ahead = np.ones(3, bool), np.array([1.0, 0, 0])
    assert finder.nearest(np.zeros(3), ahead, 0.5, shown) == 1
    shown[1] = False
    assert finder.nearest(np.zeros(3), ahead, 0.5, shown) == 0
    assert finder.nearest(np.array([0, 50.0, 0]), ahead, 0.5, shown) is None


@pytest.mark.drawn
def test_pointing_at_a_cell_tells_what_is_known_of_it(
    viewer: Viewer, phantom: Any, placed: Any, qtbot: QtBot
) -> None:
    dpv.view(placed, phantom.reference, gene="Gene001", viewer=viewer)
    dpv.session(viewer).look.regions = "of the cell under the pointer"
    centre = viewer.layers["placed cells"].data[5]
    # Nothing is found while the places are being sorted.
    qtbot.waitUntil(lambda: (point_at(viewer, centre), len(viewer.layers["regions"].data))[1] == 1)
    said = QToolTip.text()
    assert any(name in said for name in placed.obs_names)
    assert "cell_type" in said and "Gene001" in said and "radius" in said
    found = int(np.flatnonzero([name in said for name in placed.obs_names])[0])
    assert viewer.layers["regions"].size[0] == pytest.approx(
        2 * placed.obs["dpvae_radius"].iloc[found], rel=1e-5
    )
    point_at(viewer, np.array([-1e5, -1e5]))
    assert len(viewer.layers["regions"].data) == 0


def test_selected_points_and_the_console_are_in_step(
    viewer: Viewer, phantom: Any, placed: Any
) -> None:
    dpv.view(placed, phantom.reference, viewer=viewer)
    state, layer = dpv.session(viewer), viewer.layers["placed cells"]
    state.look.regions = "of selected cells"
    layer.selected_data = {3, 4}
    assert state.selection.cells.tolist() == [3, 4]
    assert len(viewer.layers["regions"].data) == 2
    state.selection.cells = [9]
    assert layer.selected_data == {9}
    state.look.arrangement = "side by side"
    places = {
        layer.name: viewer.canvas.grid.position(i, viewer.layers)
        for i, layer in enumerate(viewer.layers)
    }
    assert places["regions"] == places["placed cells"] != places["reference spots"]
    state.look.regions = "not shown"
    assert "regions" not in viewer.layers
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 2)
