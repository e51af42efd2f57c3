"""The report of a run: one page that tells what was done, and needs no other file."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from tests.conftest import Refuses

import napari_dpvae as dpv
from napari_dpvae.cli import main
from napari_dpvae.evaluation.metrics import error_by_chance

pytestmark = pytest.mark.usefixtures("few_dots")
MEASURES = {
    "method": ["dp-VAE", "vanilla VAE"],
    "procrustes": [0.1234, 0.8765],
    "coverage": [0.9, np.nan],
}


@pytest.fixture
def words_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures are empty: most of a page's time goes into drawing them."""
    monkeypatch.setattr(Figure, "savefig", lambda *a, **k: None)


def page(path: Path, placed: ad.AnnData, **more: Any) -> str:
    dpv.write_report(placed, path, **more)
    return path.read_text(encoding="utf-8")


def test_the_page_is_whole_and_asks_for_nothing_else(
    placed: ad.AnnData, phantom: Any, model: dpv.DPVAE, tmp_path: Path
) -> None:
    html = page(tmp_path / "report.html", placed, reference=phantom.reference, model=model)
    assert not re.findall(r'(?:src|href)="(?!data:)', html)
    # Status, radius, cell type and two genes; two of three histograms, as no block was held out;
    # the losses.
    assert html.count("data:image/png;base64,") == 8
    for told in ("120 cells", "321 spots", model.genes[0], model.trained.model_hash(), "arXiv"):
        assert told in html
    assert "$" not in html


@pytest.mark.usefixtures("words_alone")
def test_measures_stand_beside_chance_and_the_vanilla_vae(
    placed: ad.AnnData, model: dpv.DPVAE, tmp_path: Path
) -> None:
    measures = pd.DataFrame(MEASURES).assign(held_out="a contiguous block")
    html = page(tmp_path / "r.html", placed, model=model, evaluation=measures)
    assert "Held out: a contiguous block." in html
    middle, random = error_by_chance(model.trained.coordinates)
    assert model.card["held_out_error"] < middle < random
    for value in (model.card["held_out_error"], middle, random, 0.1234, 0.8765):
        assert f"{value:.4g}" in html


@pytest.mark.usefixtures("words_alone")
def test_what_is_wrong_is_told(
    placed: ad.AnnData, phantom: Any, model: dpv.DPVAE, tmp_path: Path
) -> None:
    query = phantom.query[:, ~phantom.query.var_names.isin(model.genes[:30])].copy()
    poor = model.place(query)
    assert "30 of the" in page(tmp_path / "poor.html", poor, model=model)
    assert "genes of the panel are not in" not in page(tmp_path / "fine.html", placed, model=model)


@pytest.mark.usefixtures("words_alone")
def test_names_in_the_data_are_text_and_no_markup(placed: ad.AnnData, tmp_path: Path) -> None:
    strange = placed.copy()
    strange.uns["dpvae"] = {**placed.uns["dpvae"], "frame": "<script>alert(1)</script>"}
    html = page(tmp_path / "r.html", strange)
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_cells_in_a_volume_have_a_report_without_maps(placed: ad.AnnData, tmp_path: Path) -> None:
    volume = placed.copy()
    volume.obsm["spatial"] = np.column_stack([placed.obsm["spatial"], np.zeros(placed.n_obs)])
    assert "open them in napari" in page(tmp_path / "r.html", volume)


def test_cells_and_model_that_do_not_belong_together_are_refused(
    placed: ad.AnnData, phantom: Any, hasty: dpv.TrainingSettings, tmp_path: Path, refuses: Refuses
) -> None:
    other = dpv.DPVAE(hasty).fit(phantom.reference)
    with refuses("placed by another model"):
        dpv.write_report(placed, tmp_path / "r.html", model=other)
    with refuses("were not placed by napari-dpvae"):
        dpv.write_report(phantom.reference, tmp_path / "r.html")
    with refuses(r"\.html"):
        dpv.write_report(placed, tmp_path / "r.pdf")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("words_alone")
def test_the_command_writes_the_page(
    placed: ad.AnnData, model: dpv.DPVAE, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dpv.write_placed(placed, tmp_path / "placed.h5ad")
    model.save(tmp_path / "model.safetensors")
    pd.DataFrame(MEASURES).to_csv(tmp_path / "measures.csv", index=False)
    given = [str(tmp_path / name) for name in ("placed.h5ad", "report.html")]
    more = {"--model": "model.safetensors", "--evaluation": "measures.csv"}
    options = [part for name, file in more.items() for part in (name, str(tmp_path / file))]
    assert main(["report", given[0], "-o", given[1], *options]) == 0
    assert "report.html" in capsys.readouterr().out
    assert "0.8765" in Path(given[1]).read_text(encoding="utf-8")


@pytest.mark.usefixtures("words_alone")
def test_a_training_that_was_stopped_is_told_and_a_table_of_something_else_refused(
    placed: ad.AnnData, model: dpv.DPVAE, tmp_path: Path, refuses: Refuses
) -> None:
    card = {k: v for k, v in model.card.items() if k != "curve"} | {"stopped_at": "network 1"}
    stopped = copy.copy(model)
    stopped._trained = replace(model.trained, card=card)
    cells = placed.copy()
    cells.uns["dpvae"] = cells.uns["dpvae"] | {"model": stopped.trained.model_hash()}
    html = page(tmp_path / "r.html", cells, model=stopped)
    assert "was stopped early" in html
    # No curve of older models, either.
    assert html.count("data:image/png") < page(tmp_path / "whole.html", placed, model=model).count(
        "data:image/png"
    )
    with refuses("no column 'method'"):
        page(tmp_path / "r.html", placed, evaluation=pd.DataFrame({"procrustes": [0.5]}))
