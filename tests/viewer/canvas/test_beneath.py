"""Images that come one by one, beneath the cells that they are of."""

from typing import Any

import anndata as ad
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QTimer

import napari_dpvae as dpv

IMAGES = ["histology a", "histology b", "histology c"]
SPOTS = "reference spots"


@pytest.fixture
def sections(phantom: Any) -> ad.AnnData:
    """A reference with three images."""
    reference = phantom.reference.copy()
    (library,) = reference.uns["spatial"].values()
    reference.uns["spatial"] = {name: dict(library) for name in "abc"}
    return reference


def names(viewer: Viewer) -> list[str]:
    return [layer.name for layer in viewer.layers]


def draw(viewer: Viewer, reference: ad.AnnData) -> None:
    with dpv.session(viewer).look.unhurriedly():
        dpv.session(viewer).reference = reference


def test_they_come_after_the_cells_and_lie_as_if_at_once(
    viewer: Viewer, sections: ad.AnnData, qtbot: QtBot
) -> None:
    dpv.session(viewer).reference = sections
    assert names(viewer) == [*IMAGES, SPOTS]
    extent, centre = viewer.layers.extent.world, viewer.scene.camera.center
    draw(viewer, sections.copy())
    assert names(viewer) == [SPOTS]
    seen, timer = set(), QTimer()
    timer.timeout.connect(lambda: seen.add(len(viewer.layers)))
    timer.start(0)
    qtbot.waitUntil(lambda: len(viewer.layers) == 4)
    timer.stop()
    # The window took events between any two.
    assert seen >= {2, 3}
    assert names(viewer) == [*IMAGES, SPOTS]
    assert viewer.layers.selection.active is viewer.layers[SPOTS]
    assert (viewer.layers.extent.world == extent).all()
    assert viewer.scene.camera.center == centre


def test_those_of_a_reference_that_is_gone_do_not_come(
    viewer: Viewer, sections: ad.AnnData, phantom: Any, qtbot: QtBot
) -> None:
    draw(viewer, sections)
    draw(viewer, phantom.reference)
    qtbot.wait(300)
    assert names(viewer) == ["histology phantom", SPOTS]
    draw(viewer, sections)
    dpv.session(viewer).reference = None
    qtbot.wait(300)
    assert names(viewer) == []


def test_side_by_side_they_are_in_both_halves(
    viewer: Viewer, sections: ad.AnnData, placed: Any, qtbot: QtBot
) -> None:
    draw(viewer, sections)
    state = dpv.session(viewer)
    state.placed = placed
    state.look.arrangement = "side by side"
    qtbot.waitUntil(lambda: set(IMAGES) <= set(names(viewer)))
    halves = {
        layer.name: viewer.canvas.grid.position(i, viewer.layers)
        for i, layer in enumerate(viewer.layers)
    }
    assert {halves[name] for name in [*IMAGES, SPOTS]} == {(0, 1)}
    assert {halves[f"{name} (placed)"] for name in IMAGES} == {(0, 0)}
    assert halves["placed cells"] == (0, 0)
