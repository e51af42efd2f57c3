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


def test_categories_have_a_legend_and_can_be_left_out(phantom: Any, placed: ad.AnnData) -> None:
    hidden = str(placed.obs["cell_type"].iloc[0])
    figure = dpv.draw_figure(
        placed, phantom.reference, column="cell_type", hidden=[hidden], side_by_side=True
    )
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    shown = [n for n in placed.obs["cell_type"].cat.categories if n != hidden]
    assert [label for label in labels if label != "outside the reference"] == shown
    left = (placed.obs["cell_type"] != hidden) & (placed.obs["dpvae_status"] != "outside")
    assert len(discs(figure)[1].get_offsets()) == left.sum()


def test_a_gene_that_the_reference_lacks_is_virtual(phantom: Any, placed: ad.AnnData) -> None:
    reference = phantom.reference[:, phantom.reference.var_names != "Gene010"].copy()
    figure = dpv.draw_figure(placed, reference, gene="Gene010")
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert any("virtual" in label for label in labels)
    assert any("log1p" in label for label in labels)


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
