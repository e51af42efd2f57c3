"""Estimates, likeliest spots or one draw: the layer says which, and shows it."""

from typing import Any

import numpy as np
import pytest
from napari import Viewer

import napari_dpvae as dpv
from napari_dpvae.viewer.canvas.layers import to_napari
from napari_dpvae.viewer.canvas.present_figure import present_figure


@pytest.mark.parametrize("places", ["one draw", "likeliest spots"])
def test_a_tissue_is_shown_in_place_of_the_estimates_and_back(
    viewer: Viewer, phantom: Any, model: Any, places: str
) -> None:
    state = dpv.session(viewer)
    state.reference = phantom.reference
    state.placed = placed = model.place(phantom.query, draws=2, likeliest=True)
    of_a_tissue = {
        "one draw": placed.obsm["dpvae_draws"][:, 0],
        "likeliest spots": placed.obsm["dpvae_likeliest"],
    }
    state.selection.cells = [3, 5]
    np.testing.assert_allclose(
        viewer.layers["placed cells"].data, to_napari(placed.obsm["spatial"])
    )
    state.look.places = places
    assert "placed cells" not in viewer.layers
    drawn = viewer.layers[f"placed cells, {places}"]
    np.testing.assert_allclose(drawn.data, to_napari(of_a_tissue[places]))
    assert set(drawn.selected_data) == {3, 5}
    assert present_figure(state).axes[0].get_title() == f"placed cells, {places}"
    # A region is about the estimate.
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


@pytest.mark.filterwarnings("ignore:The placed cells have no")
@pytest.mark.parametrize(
    ("places", "asked"), [("one draw", {"draws": 1}), ("likeliest spots", {"likeliest": True})]
)
def test_cells_without_them_are_shown_as_estimates_and_the_look_says_so(
    viewer: Viewer, phantom: Any, model: Any, places: str, asked: dict[str, Any]
) -> None:
    state = dpv.session(viewer)
    state.reference = phantom.reference
    state.placed = model.place(phantom.query, **asked)
    state.look.places = places
    state.placed = model.place(phantom.query)
    assert state.look.places == "estimates"
    state.look.places = places
    assert state.look.places == "estimates"
    assert "placed cells" in viewer.layers
