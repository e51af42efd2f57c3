"""Figures for print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pytest
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from tests.conftest import Refuses

import napari_dpvae as dpv
from napari_dpvae.colours.scale import Limits
from napari_dpvae.figure.figure import FORMATS


def discs(figure: Figure) -> list[EllipseCollection]:
    return [
        held
        for axes in figure.axes
        for held in axes.collections
        if isinstance(held, EllipseCollection)
    ]


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_figure_is_written_in_each_format(
    phantom: Any, placed: ad.AnnData, tmp_path: Path, suffix: str
) -> None:
    figure = dpv.draw_figure(placed, phantom.reference, gene="Gene001", microns_per_unit=0.5)
    path = tmp_path / f"figure{suffix}"
    dpv.write_figure(figure, path)
    assert path.stat().st_size > 10_000


def test_spots_and_cells_share_a_scale_in_real_units(phantom: Any, placed: ad.AnnData) -> None:
    figure = dpv.draw_figure(
        placed, phantom.reference, gene="Gene001", limits=Limits(0.5, 2.0, percentiles=False)
    )
    (bar,) = [axes for axes in figure.axes if "log1p" in axes.get_ylabel()]
    assert bar.get_ylim() == (0.5, 2.0)
    inside = (placed.obs["dpvae_status"] != "outside").sum()
    assert [len(held.get_offsets()) for held in discs(figure)] == [
        phantom.reference.n_obs,
        inside,
    ]
    texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert any(text.endswith("units") for text in texts)


def test_blended_genes_have_a_legend_and_their_own_limits(
    phantom: Any, placed: ad.AnnData, refuses: Refuses
) -> None:
    genes = ["Gene001", "Gene002"]

    def faces(**limits: Any) -> np.ndarray:
        figure = dpv.draw_figure(placed, phantom.reference, genes=genes, **limits)
        assert [text.get_text() for text in figure.legends[0].get_texts()][:2] == genes
        return np.asarray(discs(figure)[0].get_facecolor())

    usual = faces()
    darker = faces(limits={"Gene002": Limits(1e3, 1e4, percentiles=False)})
    np.testing.assert_allclose(darker[:, [0, 2]], usual[:, [0, 2]])
    assert usual[:, 1].max() > 0.9 and darker[:, 1].max() == 0
    with refuses("'NoGene'"):
        dpv.draw_figure(placed, genes=["Gene001", "NoGene"])
    with refuses("two or three different genes"):
        dpv.draw_figure(placed, genes=["Gene001"])


def test_categories_have_a_legend_and_can_be_left_out(phantom: Any, placed: ad.AnnData) -> None:
    hidden = str(placed.obs["cell_type"].iloc[0])
    figure = dpv.draw_figure(
        placed, phantom.reference, column="cell_type", hidden=[hidden], side_by_side=True
    )
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    shown = [n for n in placed.obs["cell_type"].cat.categories if n != hidden]
    assert [label for label in labels if label != "outside the reference"] == shown
    left = (placed.obs["cell_type"] != hidden) & (placed.obs["dpvae_status"] != "outside")
    assert len(discs(figure)[0].get_offsets()) == left.sum()


def test_a_gene_that_the_reference_lacks_is_virtual(phantom: Any, placed: ad.AnnData) -> None:
    reference = phantom.reference[:, phantom.reference.var_names != "Gene010"].copy()
    figure = dpv.draw_figure(placed, reference, gene="Gene010")
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert any("virtual" in label for label in labels)
    assert any("log1p" in label for label in labels)


def test_placed_cells_lie_left_and_the_reference_right_as_in_the_window(
    phantom: Any, placed: ad.AnnData
) -> None:
    figure = dpv.draw_figure(placed, phantom.reference, gene="Gene001", side_by_side=True)
    left, right = figure.axes[:2]
    assert (left.get_title(), right.get_title()) == ("placed cells", "reference")
    inside = (placed.obs["dpvae_status"] != "outside").sum()
    drawn = [len(axes.collections[0].get_offsets()) for axes in (left, right)]
    assert drawn == [inside, phantom.reference.n_obs]
    assert left.get_position().x0 < right.get_position().x0
    widths = [axes.collections[0].get_widths()[0] for axes in (left, right)]
    assert widths[0] < widths[1]
    np.testing.assert_array_equal(left.get_xlim(), right.get_xlim())


def test_very_many_cells_are_small_and_have_no_ring(phantom: Any, placed: ad.AnnData) -> None:
    def cells(many: ad.AnnData) -> EllipseCollection:
        return discs(dpv.draw_figure(many, phantom.reference, column="cell_type"))[1]

    few = cells(placed)
    many = cells(placed[np.arange(6000) % placed.n_obs].copy())
    assert many.get_widths()[0] < few.get_widths()[0]
    assert many.get_linewidth()[0] == 0 < few.get_linewidth()[0]


def test_less_sure_cells_are_smaller_or_fainter(phantom: Any, placed: ad.AnnData) -> None:
    inside = (placed.obs["dpvae_status"] != "outside").to_numpy()
    radius = placed.obs["dpvae_radius"].to_numpy()[inside]

    def cells(**look: Any) -> EllipseCollection:
        return discs(dpv.draw_figure(placed, phantom.reference, gene="Gene001", **look))[1]

    plain, small, faint = cells(), cells(uncertainty="as size"), cells(uncertainty="as opacity")
    assert np.ptp(plain.get_widths()) == 0 and set(plain.get_facecolor()[:, 3]) == {1.0}
    for measured in (small.get_widths(), faint.get_facecolor()[:, 3]):
        np.testing.assert_array_equal(np.argsort(measured), np.argsort(-radius))
    np.testing.assert_array_equal(small.get_facecolor(), plain.get_facecolor())
    np.testing.assert_array_equal(faint.get_widths(), plain.get_widths())


@pytest.mark.parametrize("side_by_side", [True, False])
@pytest.mark.parametrize("places", ["one draw", "likeliest spots"])
def test_a_tissue_is_drawn_and_named(
    phantom: Any,
    placed: ad.AnnData,
    refuses: Refuses,
    places: dpv.figure.marks.Places,
    side_by_side: bool,
) -> None:
    def draw(cells: ad.AnnData) -> Figure:
        return dpv.draw_figure(cells, phantom.reference, places=places, side_by_side=side_by_side)

    with refuses("have no draws" if places == "one draw" else "have no likeliest spots"):
        draw(placed)
    cells = placed.copy()
    moved = cells.obsm["spatial"] + 7.0
    if places == "one draw":
        cells.obsm["dpvae_draws"] = np.stack([moved] * 2, axis=1)
    else:
        cells.obsm["dpvae_likeliest"] = moved
    figure = draw(cells)
    assert figure.axes[0].get_title() == f"placed cells, {places}"
    inside = (cells.obs["dpvae_status"] != "outside").to_numpy()
    (own,) = [held for held in discs(figure) if len(held.get_offsets()) == inside.sum()]
    np.testing.assert_allclose(own.get_offsets(), cells.obsm["spatial"][inside] + 7.0)


def test_of_several_sections_the_one_with_the_cells_is_drawn(
    phantom: Any, placed: ad.AnnData
) -> None:
    reference = phantom.reference.copy()
    here = np.arange(reference.n_obs) % 3 == 0
    reference.obs["slice"] = np.where(here, "A", "B")
    reference.obsm["spatial"][~here] += 1e5
    picture = {"images": {"hires": np.zeros((8, 8, 3))}, "scalefactors": {"tissue_hires_scalef": 1}}
    other = {"images": {"hires": np.zeros((4, 4, 3))}, "scalefactors": {"tissue_hires_scalef": 1}}
    reference.uns["spatial"] = {"B": other, "A": picture}
    lying = placed.copy()
    lying.uns["dpvae"] = placed.uns["dpvae"] | {"frame": "A", "section_key": "slice"}
    figure = dpv.draw_figure(lying, reference, gene="Gene001")
    assert len(discs(figure)[0].get_offsets()) == here.sum()
    assert figure.axes[0].images[0].get_array().shape == (8, 8, 3)
    assert figure.axes[0].get_xlim()[1] < 1e5


def test_cells_without_a_value_are_grey(phantom: Any) -> None:
    reference = phantom.reference.copy()
    reference.obs["depth"] = np.where(np.arange(reference.n_obs) < 5, np.nan, 3.0)
    colours = discs(dpv.draw_figure(reference=reference, column="depth"))[0].get_facecolors()
    np.testing.assert_allclose(colours[:5], np.tile([0.6, 0.6, 0.6, 1], (5, 1)))
    assert (colours[5:] != [0.6, 0.6, 0.6, 1]).any(axis=1).all()


def test_what_is_nowhere_is_refused(phantom: Any, placed: ad.AnnData, refuses: Refuses) -> None:
    for choice in ("places", "uncertainty"):
        with refuses(f"{choice} is 'nowhere'"):
            dpv.draw_figure(placed, **{choice: "nowhere"})
    for data in ((placed, phantom.reference), (None, phantom.reference), (placed, None)):
        with refuses("the gene 'NOTAGENE'"):
            dpv.draw_figure(*data, gene="NOTAGENE")
        with refuses("the obs column 'nothing'"):
            dpv.draw_figure(*data, column="nothing")
    with refuses("the kind 'plcaed'"):
        dpv.draw_figure(placed, statuses=["plcaed"])
    assert dpv.draw_figure(placed[:, 1:], phantom.reference, gene=placed.var_names[0]).axes


def test_what_cannot_be_drawn_is_said(
    phantom: Any, volume: ad.AnnData, refuses: Refuses, tmp_path: Path
) -> None:
    with refuses("nothing to draw"):
        dpv.draw_figure()
    with refuses("slice"):
        dpv.draw_figure(reference=volume)
    figure = dpv.draw_figure(reference=phantom.reference)
    np.testing.assert_allclose(discs(figure)[0].get_facecolors()[0], (0.6, 0.6, 0.6, 1))
    with refuses("suffix"):
        dpv.write_figure(figure, tmp_path / "figure.doc")


def test_cells_outside_are_once_in_the_legend_of_statuses(placed: ad.AnnData) -> None:
    cells = placed.copy()
    cells.obs["dpvae_status"] = cells.obs["dpvae_status"].astype(str)
    cells.obs.iloc[:5, cells.obs.columns.get_loc("dpvae_status")] = "outside"
    (legend,) = dpv.draw_figure(cells, column="dpvae_status").legends
    named = [text.get_text() for text in legend.get_texts()]
    assert "outside" not in named and named.count("outside the reference") == 1
    assert "placed" in named


def test_a_reference_of_sections_shows_the_one_that_cells_lie_in(
    phantom: Any, placed: ad.AnnData
) -> None:
    reference, cells = phantom.reference.copy(), placed.copy()
    reference.obs["section"] = np.where(np.arange(reference.n_obs) % 2, "a", "b")
    cells.uns["dpvae"] = cells.uns["dpvae"] | {"section_key": "section", "frame": "a"}
    drawn = dpv.draw_figure(cells, reference, side_by_side=True)
    n_spots = {len(each.get_offsets()) for each in discs(drawn)}
    assert sum(reference.obs["section"] == "a") in n_spots
    assert reference.n_obs not in n_spots
