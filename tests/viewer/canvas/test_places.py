"""Estimates or one draw: the layer says which, and shows it."""

from typing import Any

import numpy as np
import pytest
from napari import Viewer

import napari_dpvae as dpv
from napari_dpvae.viewer.canvas.layers import to_napari
from napari_dpvae.viewer.canvas.present_figure import present_figure


def test_one_draw_is_shown_in_place_of_the_estimates_and_back(
    viewer: Viewer, phantom: Any, model: Any
) -> None:
    state = dpv.session(viewer)
    state.reference = phantom.reference
    state.placed = placed = model.place(phantom.query, draws=2)
    state.selection.cells = [3, 5]
    np.testing.assert_allclose(
        viewer.layers["placed cells"].data, to_napari(placed.obsm["spatial"])
    )
    state.look.places = "one draw"
    assert "placed cells" not in viewer.layers
    drawn = viewer.layers["placed cells, one draw"]
    np.testing.assert_allclose(drawn.data, to_napari(placed.obsm["dpvae_draws"][:, 0]))
    assert set(drawn.selected_data) == {3, 5}
    assert present_figure(state).axes[0].get_title() == "placed cells, one draw"
    # A region is about where the cell lies most likely.
    state.look.regions = "of selected cells"
    np.testing.assert_allclose(
        viewer.layers["regions"].data, to_napari(placed.obsm["spatial"][[3, 5]])
    )
    state.look.places = "estimates"
    assert "placed cells" in viewer.layers


def test_the_caption_says_that_it_is_a_draw(viewer: Viewer, phantom: Any, model: Any) -> None:
    state, caption = dpv.session(viewer), viewer.canvas.overlays.text
    state.reference = phantom.reference
    state.placed = model.place(phantom.query, draws=1)
    state.gene = state.genes[0]
    for places, said in (("one draw", True), ("estimates", False), ("one draw", True)):
        state.look.places = places
        assert ("one draw" in caption.text) == said
    # Of cells that have none.
    state.placed = model.place(phantom.query)
    assert "one draw" not in caption.text


@pytest.mark.filterwarnings("ignore:These cells have no draws")
def test_cells_without_draws_are_shown_as_estimates_and_the_look_says_so(
    viewer: Viewer, phantom: Any, model: Any
) -> None:
    state = dpv.session(viewer)
    state.reference = phantom.reference
    state.placed = model.place(phantom.query, draws=1)
    state.look.places = "one draw"
    state.placed = model.place(phantom.query)
    assert state.look.places == "estimates"
    state.look.places = "one draw"
    assert state.look.places == "estimates"
    assert "placed cells" in viewer.layers
