"""Discs and facets show the same colours, whatever napari calls them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from napari.layers import Points, Surface
from napari.utils.colormaps import ensure_colormap

from napari_dpvae.viewer.canvas.discs import Discs
from napari_dpvae.viewer.canvas.facets import Facets, facet_faces, facet_vertices
from napari_dpvae.viewer.canvas.marks import FAINT, Marks

PLACES = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
STRANGERS = np.array([False, False, False, True])
Make = Callable[[], Marks]


def discs() -> Discs:
    return Discs(Points(PLACES, size=4), STRANGERS)


def facets() -> Facets:
    return Facets(Surface((facet_vertices(PLACES, 4), facet_faces(np.arange(4), 2))), STRANGERS)


def colours(marks: Marks) -> np.ndarray:
    """(n, 4) as drawn."""
    if isinstance(marks, Discs):
        return marks.layer.face_color
    layer = marks.layer
    if layer.vertex_colors is not None:
        return layer.vertex_colors[::4]
    low, high = layer.contrast_limits
    return layer.colormap.map((layer.vertex_values[::4] - low) / (high - low))


@pytest.mark.parametrize("make", [discs, facets])
def test_numbers_have_the_colormaps_colours_and_a_bar_in_real_units(make: Make) -> None:
    marks = make()
    marks.paint_numbers(np.array([0.0, 2.0, np.nan, 9.0]), (0.0, 4.0), "magma")
    expected = ensure_colormap("magma").map(np.array([0.0, 0.5]))
    np.testing.assert_allclose(colours(marks)[:2], expected, atol=0.02)
    # No value, and no home in the reference: grey.
    np.testing.assert_allclose(colours(marks)[2:], [FAINT, FAINT], atol=0.01)
    marks.paint_numbers(np.full(4, 0.1), (0.0, 0.2), "viridis")
    layer = marks.layer
    drawn = layer.face_contrast_limits if isinstance(layer, Points) else layer.contrast_limits
    assert tuple(drawn) == (0.0, 0.2)


@pytest.mark.parametrize("make", [discs, facets])
def test_classes_have_their_own_colours(make: Make) -> None:
    marks = make()
    palette = np.array([[1, 0, 0, 1], [0, 1, 0, 1.0]])
    codes = np.array([1, 0, -1, 0])
    marks.paint_classes(codes, palette)
    np.testing.assert_allclose(colours(marks), [palette[1], palette[0], FAINT, FAINT], atol=0.01)
    np.testing.assert_array_equal(codes, [1, 0, -1, 0])


@pytest.mark.parametrize("make", [discs, facets])
def test_opacity_is_of_the_cell_and_not_of_its_colour(make: Make) -> None:
    marks = make()
    marks.opacity = np.array([1.0, 0.5, 1.0, 1.0])
    marks.paint_numbers(np.array([1.0, 1.0, 1.0, 1.0]), (0.0, 1.0), "gray")
    np.testing.assert_allclose(colours(marks)[:2, 3], [1.0, 0.5])
    marks.opacity = None
    marks.paint_numbers(np.array([1.0, 1.0, 1.0, 1.0]), (0.0, 1.0), "gray")
    np.testing.assert_allclose(colours(marks)[:2, 3], 1.0)


def test_strangers_are_crosses_that_are_seen_on_stain_and_on_black() -> None:
    layer = discs().layer
    assert layer.symbol.astype(str).tolist() == ["disc", "disc", "disc", "x"]
    ring, face = layer.border_color[3, :3].mean(), FAINT[:3].mean()
    assert ring - face > 0.5 and layer.border_width[3] > 0.1


def test_hidden_cells_are_not_drawn() -> None:
    shown = np.array([True, False, True, False])
    points, surface = discs(), facets()
    points.show_only(shown)
    surface.show_only(shown)
    assert points.layer.shown.tolist() == shown.tolist()
    points.paint_classes(np.zeros(4, int), np.array([[1.0, 0, 0, 1]]))
    for drawn in (points.layer.face_color, points.layer.border_color):
        np.testing.assert_array_equal(drawn[:, 3] > 0, shown)
    points.show_only(np.ones(4, bool))
    for drawn in (points.layer.face_color, points.layer.border_color):
        assert (drawn[:, 3] > 0).all()
    assert set(np.unique(surface.layer.faces // 4)) == {0, 2}
    surface.show_only(np.zeros(4, bool))
    assert len(surface.layer.faces) == 0


@pytest.mark.parametrize("dims", [2, 3])
def test_a_facet_stands_around_its_cell(dims: int) -> None:
    places = np.random.default_rng(0).uniform(0, 100, (5, dims))
    layer = Surface((facet_vertices(places, 3.0), facet_faces(np.arange(5), dims)))
    marks = Facets(layer, np.zeros(5, bool))
    np.testing.assert_allclose(marks.centres, places, atol=1e-4)
    assert np.ptp(layer.vertices[:4, 0]) == pytest.approx(3.0, abs=1e-4)
    marks.resize(np.array([0.5, 1, 1, 1, 1]))
    assert np.ptp(marks.layer.vertices[:4, 0]) == pytest.approx(1.5, abs=1e-4)


def test_selected_discs_have_a_white_ring_as_no_category_has() -> None:
    marks = discs()
    before = marks.layer.border_width.copy()
    marks.select(np.array([1]))
    assert marks.layer.selected_data == {1}
    np.testing.assert_allclose(marks.layer.border_color[1], 1.0)
    assert marks.layer.border_width[1] > before[1]
    assert not np.allclose(marks.layer.border_color[0], 1.0)
    marks.select(np.array([], int))
    np.testing.assert_allclose(marks.layer.border_width, before)
