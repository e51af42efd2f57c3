"""The session: one truth for widgets, layers and the console."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from napari import Viewer
from napari.layers import Surface
from napari.utils import _proxies
from pytestqt.qtbot import QtBot

import napari_dpvae as dpv
from napari_dpvae.uncertainty.status import STATUSES
from napari_dpvae.viewer.state.session import Session


def layer_names(viewer: Viewer) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_the_same_session_for_a_viewer_and_for_its_console_proxy(viewer: Viewer) -> None:
    state = dpv.session(viewer)
    assert dpv.session(viewer) is state
    assert dpv.session(_proxies.PublicOnlyProxy(viewer)) is state


def test_viewers_do_not_share_state(
    make_napari_viewer: Callable[..., Viewer], phantom: Any
) -> None:
    first, second = make_napari_viewer(), make_napari_viewer()
    dpv.session(first).reference = phantom.reference
    assert dpv.session(second).reference is None
    assert layer_names(second) == []


@pytest.mark.drawn
def test_setting_data_draws_and_replacing_leaves_no_old_layer(
    viewer: Viewer, phantom: Any, model: Any
) -> None:
    state = dpv.session(viewer)
    state.reference = phantom.reference
    state.placed = model.place(phantom.query)
    assert layer_names(viewer) == ["histology phantom", "reference spots", "placed cells"]
    state.placed = model.place(phantom.query[:50])
    assert layer_names(viewer) == ["histology phantom", "reference spots", "placed cells"]
    assert len(viewer.layers["placed cells"].data) == 50
    # Cells placed over another tissue mean nothing here.
    state.reference = phantom.reference.copy()
    assert layer_names(viewer) == ["histology phantom", "reference spots"]
    state.reference = None
    assert layer_names(viewer) == []


@pytest.mark.drawn
def test_spots_and_cells_share_one_scale_and_one_bar(
    viewer: Viewer, phantom: Any, model: Any
) -> None:
    dpv.view(model.place(phantom.query), phantom.reference, gene=model.genes[0], viewer=viewer)
    spots, cells = viewer.layers["reference spots"], viewer.layers["placed cells"]
    assert tuple(spots.face_contrast_limits) == tuple(cells.face_contrast_limits)
    assert len(np.unique(cells.face_color, axis=0)) > 10
    bars = [layer.face_colorbar.visible for layer in (spots, cells)]
    assert sum(bars) == 1
    # The bar moves to the layer that is still in sight.
    (cells if bars[1] else spots).visible = False
    assert [layer.face_colorbar.visible for layer in (spots, cells)] == bars[::-1]


def test_a_gene_that_nobody_measured_is_refused_and_nothing_changes(phantom: Any) -> None:
    state = Session()
    state.reference = phantom.reference
    state.gene = "Gene001"
    with pytest.raises(dpv.DataError, match="NoSuchGene"):
        state.gene = "NoSuchGene"
    assert state.gene == "Gene001"


def test_the_gene_to_begin_with_is_one_that_spots_and_cells_have(phantom: Any, placed: Any) -> None:
    cells, state = placed.copy(), Session()
    cells.var_names = ["AAA1", *cells.var_names[1:]]
    state.reference, state.placed = phantom.reference, cells
    assert state.genes[0] == "Gene001" and state.genes[-2:] == ["AAA1", "Gene000"]


def test_what_the_new_reference_does_not_have_colours_it_no_more(
    phantom: Any, placed: Any, volume: Any
) -> None:
    state = Session()
    state.reference, state.placed, state.gene = phantom.reference, placed, "Gene299"
    state.reference = phantom.reference.copy()
    assert state.gene == "Gene299"
    state.reference = volume
    assert state.gene is None
    state.placed, state.colouring.column = placed, "cell_type"
    state.reference = phantom.reference
    assert state.colouring.column is None


def test_a_selection_is_of_cells_that_there_are(phantom: Any, placed: Any) -> None:
    state = Session()
    with pytest.raises(dpv.DataError, match="no placed cells"):
        state.selection.cells = [0]
    state.placed = placed
    state.selection.cells = range(20)
    for beyond in ([placed.n_obs], [-1]):
        with pytest.raises(dpv.DataError, match="go from 0 to 119"):
            state.selection.cells = beyond
    assert state.selection.cells.tolist() == list(range(20))
    state.placed = placed[:10].copy()
    assert state.selection.cells.size == 0


def test_what_cannot_be_chosen_is_refused_and_nothing_changes() -> None:
    look = Session().look
    for name, value in (("arrangement", "stacked"), ("regions", ""), ("statuses", {"lost"})):
        before = getattr(look, name)
        with pytest.raises(dpv.DataError):
            setattr(look, name, value)
        assert getattr(look, name) == before


def test_placed_cells_know_whether_they_are_of_this_model_and_query(
    phantom: Any, placed: Any, model: Any, hasty: Any
) -> None:
    state = Session()
    state.reference, state.query, state.model = phantom.reference, phantom.query, model
    assert state.placed_by is None
    state.placed = placed
    assert state.placed_by is None
    state.query = phantom.query[:50].copy()
    assert state.placed_by == "another query"
    fewer = phantom.query.copy()
    fewer.X[:, :20] = 0
    fewer.X.eliminate_zeros()
    state.query = fewer
    assert state.placed_by == "another query"
    state.query, state.model = phantom.query, dpv.DPVAE(hasty).fit(phantom.reference)
    assert state.placed_by == "another model"


def test_a_layer_that_a_person_deleted_does_no_harm(
    viewer: Viewer, phantom: Any, model: Any
) -> None:
    state = dpv.session(viewer)
    state.reference = phantom.reference
    viewer.layers.remove("reference spots")
    state.gene = "Gene001"
    state.placed = model.place(phantom.query)
    assert layer_names(viewer) == ["histology phantom", "placed cells"]


def test_a_volume_is_shown_in_three_dimensions(viewer: Viewer, phantom: Any) -> None:
    volume = phantom.reference.copy()
    depth = np.arange(volume.n_obs, dtype=float)[:, None]
    volume.obsm["spatial"] = np.hstack([volume.obsm["spatial"], depth])
    dpv.view(reference=volume, viewer=viewer)
    assert viewer.dims.ndisplay == 3
    assert viewer.layers["reference spots"].ndim == 3


def test_an_untrained_model_is_refused() -> None:
    with pytest.raises(RuntimeError, match="not trained"):
        Session().model = dpv.DPVAE()


def test_a_session_goes_with_its_viewer(phantom: Any) -> None:
    from napari.components import ViewerModel

    viewer = ViewerModel()
    state = dpv.session(viewer)  # type: ignore[arg-type]
    state.reference = phantom.reference
    gone = weakref.ref(state)
    del state, viewer
    gc.collect()
    assert gone() is None


@pytest.mark.drawn
def test_a_console_says_how_it_looks_and_the_layers_follow(
    viewer: Viewer, phantom: Any, placed: Any
) -> None:
    cells = placed.copy()
    cells.obs["dpvae_status"] = pd.Categorical(
        ["outside"] * 3 + ["placed"] * (cells.n_obs - 3), categories=STATUSES
    )
    dpv.view(cells, phantom.reference, gene="Gene001", viewer=viewer)
    state, layer = dpv.session(viewer), viewer.layers["placed cells"]
    assert set(layer.symbol[:3].astype(str)) == {"x"}
    state.look.statuses = {"placed", "uncertain"}
    assert layer.shown.sum() == cells.n_obs - 3
    state.colouring.column = "cell_type"
    state.colouring.hidden = {"vessel"}
    vessel = (cells.obs["cell_type"] == "vessel").to_numpy()
    assert not layer.shown[vessel].any()
    assert state.gene is None
    state.look.uncertainty = "as opacity"
    widest = int(np.argmax(cells.obs["dpvae_radius"] * layer.shown))
    assert layer.face_color[widest, 3] == layer.face_color[layer.shown, 3].min() < 0.5
    assert (layer.face_color[~layer.shown, 3] == 0).all()
    state.look.uncertainty = "as size"
    assert layer.size[int(np.argmax(cells.obs["dpvae_radius"]))] == layer.size.min()
    assert (layer.face_color[layer.shown, 3] == 1).all()
    with pytest.raises(dpv.DataError, match="loudly.*as size"):
        state.look.uncertainty = "loudly"


def test_limits_are_kept_for_each_gene(viewer: Viewer, phantom: Any) -> None:
    dpv.view(reference=phantom.reference, gene="Gene001", viewer=viewer)
    colouring, layer = dpv.session(viewer).colouring, viewer.layers["reference spots"]
    usual = tuple(layer.face_contrast_limits)
    colouring.limits = (0.5, 2.0)
    assert tuple(layer.face_contrast_limits) == (0.5, 2.0)
    colouring.gene = "Gene002"
    assert tuple(layer.face_contrast_limits) != (0.5, 2.0)
    colouring.gene = "Gene001"
    assert tuple(layer.face_contrast_limits) == (0.5, 2.0) != usual
    with pytest.raises(dpv.DataError, match="rise"):
        colouring.limits = (2.0, 1.0)


@pytest.mark.drawn
def test_side_by_side_shows_the_histology_twice_with_one_camera(
    viewer: Viewer, phantom: Any, placed: Any
) -> None:
    dpv.view(placed, phantom.reference, gene="Gene001", viewer=viewer)
    look = dpv.session(viewer).look
    look.arrangement = "side by side"
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 2)
    halves = [viewer.canvas.grid.position(i, viewer.layers) for i in range(len(viewer.layers))]
    assert halves == [(0, 0), (0, 0), (0, 1), (0, 1)]
    assert layer_names(viewer)[1] == "placed cells"
    dpv.session(viewer).placed = placed[:20].copy()
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 2)
    look.arrangement = "overlaid"
    assert not viewer.canvas.grid.enabled
    assert layer_names(viewer) == ["histology phantom", "reference spots", "placed cells"]


@pytest.mark.parametrize("size", [(1000, 700), pytest.param((1500, 950), marks=pytest.mark.slow)])
def test_side_by_side_is_seen_whole_from_the_first_press_on(
    make_napari_viewer: Callable[..., Viewer],
    phantom: Any,
    placed: Any,
    qtbot: QtBot,
    size: tuple[int, int],
) -> None:
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(*size)
    dpv.view(placed, phantom.reference, gene="Gene001", viewer=viewer)
    qtbot.wait(300)
    dpv.session(viewer).look.arrangement = "side by side"
    qtbot.wait(300)
    zoom = viewer.scene.camera.zoom
    viewer.reset_view()
    assert viewer.scene.camera.zoom == pytest.approx(zoom)
    named = [layer.name for layer in viewer.layers if layer.name_overlay.visible]
    assert named == ["placed cells", "reference spots"]
    dpv.session(viewer).look.arrangement = "overlaid"
    assert not any(layer.name_overlay.visible for layer in viewer.layers)


def test_much_expression_is_sorted_in_the_background(
    viewer: Viewer, phantom: Any, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_dpvae.viewer.canvas.cells.AT_ONCE", 10)
    dpv.view(reference=phantom.reference, gene="Gene001", viewer=viewer)
    layer, caption = viewer.layers["reference spots"], viewer.canvas.overlays.text
    assert "reading" in caption.text
    qtbot.waitUntil(lambda: len(np.unique(layer.face_color, axis=0)) > 10)
    assert "reading" not in caption.text


@pytest.mark.drawn
def test_very_many_cells_are_all_drawn_and_answer_like_few(
    viewer: Viewer, phantom: Any, placed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_dpvae.viewer.canvas.layers.MOST_POINTS", 100)
    dpv.view(placed, phantom.reference, gene="Gene001", viewer=viewer)
    state, layer = dpv.session(viewer), viewer.layers["placed cells"]
    assert isinstance(layer, Surface)
    assert len(layer.faces) == 2 * placed.n_obs
    assert layer.metadata["adata"] is placed
    before = layer.vertex_values.copy()
    state.gene = "Gene002"
    assert not np.array_equal(before, layer.vertex_values)
    assert layer.colorbar.visible or viewer.layers["reference spots"].colorbar.visible
    state.colouring.column = "dpvae_status"
    state.look.statuses = {"placed"}
    kept = (placed.obs["dpvae_status"] == "placed").sum()
    assert len(layer.faces) == 2 * kept


@pytest.mark.drawn
def test_placed_cells_alone_bring_their_own_image_and_depth(viewer: Viewer, placed: Any) -> None:
    dpv.view(placed, viewer=viewer)
    assert layer_names(viewer) == ["histology phantom", "placed cells"]
    volume = placed.copy()
    volume.obsm["spatial"] = np.pad(volume.obsm["spatial"], ((0, 0), (0, 1)))
    dpv.session(viewer).placed = volume
    assert viewer.dims.ndisplay == 3
    assert layer_names(viewer) == ["placed cells"]


def test_groups_are_taken_back_one_by_one(placed: Any) -> None:
    session = Session()
    session.placed = placed.copy()
    for name, cells in (("rim", range(5)), ("core", range(3, 9))):
        session.selection.cells = cells
        session.selection.name(name)
    session.colouring.column = "group"
    session.selection.undo()
    assert (session.placed.obs["group"] == "rim").sum() == 5
    assert "core" not in session.placed.obs["group"].cat.categories
    session.selection.undo()
    assert "group" not in session.placed.obs and session.colouring.column is None
    assert not session.selection.can_undo
    session.selection.cells = range(2)
    session.selection.name("rim")
    session.placed = placed.copy()
    assert not session.selection.can_undo


@pytest.mark.parametrize("turns", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_genes_come_and_go_between_slices_and_volumes(
    make_napari_viewer: Any, phantom: Any, placed: Any, turns: int
) -> None:
    """As drawn on a screen: this once ended the whole program in a signal."""
    viewer = make_napari_viewer(show=True)
    # A small picture is drawn in less time.
    viewer.window.resize(500, 400)
    state = dpv.session(viewer)
    for dims in turns * (2, 3):
        reference, cells = phantom.reference.copy(), placed.copy()
        for data in (reference, cells):
            shape = ((0, 0), (0, dims - 2))
            data.obsm["spatial"] = np.pad(data.obsm["spatial"], shape, constant_values=1.0)
        reference.obsm["spatial"][:, 2:] = np.arange(reference.n_obs)[:, None]
        state.reference, state.placed = reference, cells
        for gene in ("Gene000", None, "Gene001"):
            state.gene = gene
            assert viewer.screenshot(flash=False).size
        assert viewer.dims.ndisplay == dims
