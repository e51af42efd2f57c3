"""Latent space and tissue: what is selected in one is selected in the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPointF, Qt

import napari_dpvae as dpv
from napari_dpvae.viewer.dock.dock import DpvaeDock
from napari_dpvae.viewer.dock.explore.latent_view import LatentView


@pytest.fixture
def view(loaded: DpvaeDock, model: dpv.DPVAE, placed: Any, qtbot: QtBot) -> LatentView:
    loaded.session.model, loaded.session.placed = model, placed.copy()
    loaded.explore.folds["latent space"].unfolded = True
    latent: LatentView = loaded.explore.latent
    qtbot.waitUntil(lambda: len(latent.dots.points()) == 120)
    return latent


def places(view: LatentView) -> np.ndarray:
    return np.column_stack(view.dots.getData())


def test_what_is_drawn_around_is_selected_on_the_tissue(
    view: LatentView, loaded: DpvaeDock, viewer: Viewer
) -> None:
    x = places(view)
    middle = np.median(x[:, 0])
    left, right = x[:, 0].min() - 1, middle
    low, high = x[:, 1].min() - 1, x[:, 1].max() + 1
    view.select_within(np.array([[left, low], [right, low], [right, high], [left, high]]))
    expected = set(np.flatnonzero(x[:, 0] < middle))
    assert 0 < len(expected) < 120
    assert set(loaded.session.selection.cells) == expected
    assert viewer.layers["placed cells"].selected_data == expected


def test_what_is_selected_on_the_tissue_is_marked_here(view: LatentView, viewer: Viewer) -> None:
    viewer.layers["placed cells"].selected_data = {4, 30, 77}
    marked = np.column_stack(view.chosen.getData())
    np.testing.assert_allclose(marked, places(view)[[4, 30, 77]])


def test_dots_have_the_colours_of_the_tissue(view: LatentView, loaded: DpvaeDock) -> None:
    def drawn() -> list[str]:
        return [dot.brush().color().name() for dot in view.dots.points()]

    plain = drawn()
    assert len(set(plain)) == 1
    loaded.session.colouring.column = "cell_type"
    types = loaded.session.placed.obs["cell_type"].astype(str)
    assert len(set(zip(types, drawn(), strict=True))) == types.nunique()
    loaded.session.gene = loaded.session.model.genes[0]
    assert len(set(drawn())) > 10


def test_it_is_not_read_while_folded(loaded: DpvaeDock, placed: Any, qtbot: QtBot) -> None:
    loaded.session.placed = placed
    qtbot.wait(50)
    assert len(loaded.explore.latent.dots.points()) == 0


@dataclass
class Drag:
    """A part of a drag, as pyqtgraph tells of it."""

    at: QPointF
    first: bool = False
    last: bool = False
    with_button: Qt.MouseButton = Qt.MouseButton.LeftButton
    taken: bool | None = None

    def button(self) -> Qt.MouseButton:
        return self.with_button

    def pos(self) -> QPointF:
        return self.at

    def accept(self) -> None:
        self.taken = True

    def ignore(self) -> None:
        self.taken = False

    def isStart(self) -> bool:
        return self.first

    def isFinish(self) -> bool:
        return self.last


def test_a_drag_draws_around_dots_and_leaves_the_view_as_it_is(
    view: LatentView, loaded: DpvaeDock
) -> None:
    x, box = places(view), view.getViewBox()
    middle, (low, high) = np.median(x[:, 0]), (x.min() - 1, x.max() + 1)
    corners = [(low, low), (middle, low), (middle, high), (low, high)]
    before = box.viewRange()
    for i, corner in enumerate(corners):
        part = Drag(box.mapFromView(QPointF(*corner)), first=i == 0, last=i == 3)
        box.mouseDragEvent(part)
        assert part.taken
    assert set(loaded.session.selection.cells) == set(np.flatnonzero(x[:, 0] < middle))
    assert box.viewRange() == before
    # The other button is not for it; and a click is no outline.
    other = Drag(QPointF(0, 0), first=True, last=True, with_button=Qt.MouseButton.RightButton)
    box.mouseDragEvent(other)
    box.mouseDragEvent(Drag(QPointF(0, 0), first=True, last=True))
    assert other.taken is False and len(loaded.session.selection.cells) > 0


def test_a_column_of_numbers_colours_dots_and_one_that_is_gone_does_not(
    view: LatentView, loaded: DpvaeDock
) -> None:
    def drawn() -> set[str]:
        return {dot.brush().color().name() for dot in view.dots.points()}

    loaded.session.colouring.column = "dpvae_radius"
    assert len(drawn()) > 10
    del loaded.session.placed.obs["dpvae_radius"]
    loaded.session.colouring.changed.emit()
    assert len(drawn()) == 1
