"""Latent space and tissue: what is selected in one is selected in the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot

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
