"""Answers over draws: what is sure has a narrow interval, what hangs on the draw a wide one."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from napari_dpvae import DPVAE
from napari_dpvae.analysis import types
from napari_dpvae.analysis.cells import Answer
from napari_dpvae.analysis.genes import spatial_genes
from napari_dpvae.analysis.questions import QUESTIONS, Question
from napari_dpvae.data.phantom import Phantom

SPATIAL, NEIGHBOURS, TOGETHER, SIGNALS = QUESTIONS
N, DRAWS = 300, 20
NULL = 40
"""Genes that are alike everywhere."""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is shuffled is asked once for each draw."""
    monkeypatch.setattr(types, "PERMUTATIONS", 100)
    monkeypatch.setattr(types, "SHUFFLES", 10)


def answer(steps: Answer) -> pd.DataFrame:
    shares = []
    while True:
        try:
            shares.append(next(steps))
        except StopIteration as end:
            assert shares == sorted(shares) and 0 <= min(shares) <= max(shares) <= 1
            return end.value


def cells(doubt: float, seed: int = 0) -> ad.AnnData:
    """Type a on the left with a gene of its own, b on the right; draws are off by so much."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 100, (N, 2))
    left = places[:, 0] < 50
    rates = np.column_stack([np.where(left, 9, 2), np.full((N, NULL), 8)])
    made = ad.AnnData(sparse.csr_matrix(rng.poisson(rates).astype(np.float32)))
    made.var_names = ["TGFB1", "TGFBR1", *(f"Noise{i}" for i in range(NULL - 1))]
    made.obs["type"] = pd.Categorical(np.where(left, "a", "b"))
    made.obsm["spatial"] = places
    made.obsm["dpvae_draws"] = places[:, None] + doubt * rng.normal(size=(N, DRAWS, 2))
    return made


def width(table: pd.DataFrame, value: str) -> pd.Series:
    return table[f"{value} high"] - table[f"{value} low"]


def test_the_interval_of_a_spatial_gene_widens_and_falls_with_doubt() -> None:
    sure, unsure = (
        answer(SPATIAL.answer(cells(doubt), None)).set_index("gene") for doubt in (1.0, 30.0)
    )
    assert sure.columns.get_loc("I low") == sure.columns.get_loc("I") + 1
    assert (sure["I low"] <= sure["I high"]).all()
    assert sure.loc["TGFB1", "I low"] < sure.loc["TGFB1", "I"] * 1.1
    assert unsure.loc["TGFB1", "I high"] < sure.loc["TGFB1", "I low"]
    assert "20 draws" in sure.attrs["note"]


def test_a_gene_without_place_is_spatial_in_no_more_draws_than_by_chance() -> None:
    found = answer(SPATIAL.answer(cells(5.0), None)).set_index("gene").drop("TGFB1")
    usual = -1 / (N - 1)
    called = (found["I low"] > usual) & (found["p"] < 0.05)
    assert called.mean() <= 0.1
    assert (width(found, "I") > 0).all()


def test_neighbours_that_hang_on_the_draw_have_a_wide_interval() -> None:
    sure, unsure = (
        answer(NEIGHBOURS.answer(cells(doubt), "type")).set_index(["type", "beside"])
        for doubt in (0.5, 30.0)
    )
    assert sure.loc[("a", "a"), "z low"] > unsure.loc[("a", "a"), "z high"]
    assert (width(sure, "z") / sure["z"].abs() < width(unsure, "z") / unsure["z"].abs()).all()


def test_signals_have_an_interval_for_each_pair_and_types() -> None:
    found = answer(SIGNALS.answer(cells(1.0), "type"))
    assert {"mean low", "mean high"} <= set(found)
    from_a = found[(found["from"] == "a") & (found["to"] == "a")].iloc[0]
    assert 0 < from_a["mean low"] <= from_a["mean high"]


def test_without_draws_the_answer_is_that_of_the_estimates() -> None:
    made = cells(1.0)
    del made.obsm["dpvae_draws"]
    pd.testing.assert_frame_equal(
        answer(SPATIAL.answer(made, None)), answer(spatial_genes(made, None))
    )


def test_what_hangs_on_no_key_has_no_interval() -> None:
    assert "ratio low" not in answer(TOGETHER.answer(cells(1.0), "type"))


def test_genes_that_placed_the_cells_are_marked(phantom: Phantom, model: DPVAE) -> None:
    placed = model.place(phantom.query, draws=3)
    found = answer(SPATIAL.answer(placed, None)).set_index("gene")["in panel"]
    assert found.any() and not found.all()
    assert set(found.index[found]) <= set(model.genes)
    assert not set(found.index[~found]) & set(model.genes)


@pytest.mark.parametrize("panel", [None, 3, "Noise1", np.ones((2, 2))])
def test_a_panel_that_is_none_marks_nothing_but_what_it_names(panel: object) -> None:
    made = cells(1.0)
    made.uns["dpvae"] = {"panel": panel}
    found = answer(spatial_genes(made, None)).set_index("gene")["in panel"]
    assert found.sum() == (panel == "Noise1" if isinstance(panel, str) else 0)


@pytest.mark.parametrize("question", [NEIGHBOURS, TOGETHER, SIGNALS])
def test_which_types_are_together_is_asked_of_likeliest_spots(question: Question) -> None:
    expected = answer(question.answer(cells(1.0), "type"))
    made = cells(1.0)
    true, mixed = made.obsm["spatial"], np.random.default_rng(1).permutation(N)
    # As where estimates bunch.
    made.obsm["spatial"] = true.mean(axis=0) + 0.01 * true[mixed]
    made.obsm["dpvae_likeliest"] = true
    found = answer(question.answer(made, "type"))
    pd.testing.assert_frame_equal(found, expected)
    assert "at their likeliest spots" in found.attrs["note"]
    assert "likeliest" not in expected.attrs["note"]
    made.obsm["dpvae_likeliest"] = true[mixed]
    shuffled = answer(question.answer(made, "type"))
    assert not found.equals(shuffled)


def test_genes_are_asked_of_the_estimates() -> None:
    made = cells(1.0)
    expected = answer(SPATIAL.answer(made, None))
    made.obsm["dpvae_likeliest"] = made.obsm["spatial"][::-1].copy()
    pd.testing.assert_frame_equal(answer(SPATIAL.answer(made, None)), expected)
