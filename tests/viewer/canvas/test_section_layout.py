"""Sections lie beside each other, and the frame stays."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot

import napari_dpvae as dpv
from napari_dpvae.viewer.canvas.present_figure import present_figure
from napari_dpvae.viewer.canvas.section_layout import section_boxes, section_shifts


@pytest.fixture
def three() -> ad.AnnData:
    """Three sections on the same coordinates, of which b is the largest."""
    rng = np.random.default_rng(0)
    cells = ad.AnnData(rng.poisson(3, (90, 12)).astype(np.float32))
    cells.var_names = [f"Gene{i}" for i in range(12)]
    cells.obs["section"] = pd.Categorical(["a"] * 20 + ["b"] * 50 + ["c"] * 20)
    cells.obsm["spatial"] = rng.uniform(0, 100, (90, 2))
    image = {"hires": np.zeros((10, 10, 3), np.uint8)}
    cells.uns["spatial"] = {
        name: {"images": image, "scalefactors": {"tissue_hires_scalef": 0.1}} for name in "abc"
    }
    return cells


def boxes(places: np.ndarray, sections: pd.Series) -> list[np.ndarray]:
    return [
        np.array([places[sections == name].min(axis=0), places[sections == name].max(axis=0)])
        for name in "abc"
    ]


def test_sections_on_each_other_are_laid_out_and_the_frame_stays(
    viewer: Viewer, three: ad.AnnData
) -> None:
    dpv.view(reference=three, viewer=viewer)
    drawn = viewer.layers["reference spots"].data[:, ::-1]
    sections = three.obs["section"]
    a, b, c = boxes(drawn, sections)
    for one, other in ((a, b), (a, c), (b, c)):
        assert (one[1] < other[0]).any() or (other[1] < one[0]).any()
    np.testing.assert_array_equal(
        drawn[sections == "b"], three.obsm["spatial"][(sections == "b").to_numpy()]
    )
    figure = present_figure(dpv.session(viewer))
    assert [len(held.get_offsets()) for held in figure.axes[0].collections] == [50]
    moved = (drawn - three.obsm["spatial"])[0]
    np.testing.assert_allclose(viewer.layers["histology a"].translate, moved[::-1])
    dpv.session(viewer).section_key = None
    np.testing.assert_array_equal(
        viewer.layers["reference spots"].data[:, ::-1], three.obsm["spatial"]
    )


def test_sections_that_lie_apart_are_left_where_they_are() -> None:
    places = np.array([[0.0, 0], [1, 1], [5, 0], [6, 1]])
    sections = pd.Series(["a", "a", "b", "b"])
    shifts = section_shifts(section_boxes(places, sections, {}), "a")
    assert all((shift == 0).all() for shift in shifts.values())
    # Their images may lie on each other all the same.
    images = {"a": np.array([9.0, 9.0]), "b": np.array([9.0, 9.0])}
    shifts = section_shifts(section_boxes(places, sections, images), "a")
    assert (shifts["a"] == 0).all()
    assert shifts["b"][0] > 9


def test_a_gene_that_the_reference_lacks_is_drawn_virtually(
    viewer: Viewer, phantom: object, placed: ad.AnnData, qtbot: QtBot
) -> None:
    reference = phantom.reference[:, phantom.reference.var_names != "Gene010"].copy()  # type: ignore[attr-defined]
    dpv.view(placed, reference, gene="Gene010", viewer=viewer)
    spots, caption = viewer.layers["reference spots"], viewer.canvas.overlays.text
    qtbot.waitUntil(lambda: len(np.unique(spots.face_color, axis=0)) > 10)
    assert "virtual" in caption.text
    # Measured and virtual values have a scale and a bar each.
    assert spots.face_colorbar.visible
    assert viewer.layers["placed cells"].face_colorbar.visible
    assert spots.face_colorbar.position != viewer.layers["placed cells"].face_colorbar.position
