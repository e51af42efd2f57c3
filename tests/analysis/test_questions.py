"""Questions to placed cells, on cells whose answers are known."""

from __future__ import annotations

from itertools import product

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import squidpy as sq
from scipy import sparse
from tests.conftest import Refuses

from napari_dpvae.analysis import types
from napari_dpvae.analysis.cells import Answer
from napari_dpvae.analysis.contacts import nearest_pairs
from napari_dpvae.analysis.genes import spatial_genes
from napari_dpvae.analysis.questions import QUESTIONS
from napari_dpvae.analysis.types import co_occurrence, neighbourhoods


def answer(steps: Answer) -> pd.DataFrame:
    while True:
        try:
            assert 0 <= next(steps) <= 1
        except StopIteration as end:
            return end.value


@pytest.fixture
def halves() -> ad.AnnData:
    """Type a on the left, b on the right; each expresses a gene of its own, a third is noise."""
    rng = np.random.default_rng(0)
    places = rng.uniform(0, 100, (400, 2))
    left = places[:, 0] < 50
    rates = np.column_stack([np.where(left, 20, 1), np.where(left, 1, 20), np.full(400, 8)])
    cells = ad.AnnData(sparse.csr_matrix(rng.poisson(rates).astype(np.float32)))
    cells.var_names = ["Left", "Right", "Noise"]
    cells.obsm["spatial"] = places
    cells.obs["type"] = pd.Categorical(np.where(left, "a", "b"))
    status = np.full(400, "placed", object)
    status[:10] = "outside"
    cells.obs["dpvae_status"] = pd.Categorical(status)
    return cells


def test_spatial_genes_come_first_and_those_outside_are_left_out_and_told(
    halves: ad.AnnData,
) -> None:
    found = answer(spatial_genes(halves))
    assert set(found["gene"][:2]) == {"Left", "Right"}
    assert found["I"].iloc[0] > 0.5 > 0.2 > abs(found["I"].iloc[-1])
    assert found["p adjusted"].iloc[0] < 1e-6 < found["p adjusted"].iloc[-1]
    assert found.attrs["note"] == "10 cells outside the reference were left out."


def test_types_lie_beside_their_own(halves: ad.AnnData) -> None:
    found = answer(neighbourhoods(halves, "type")).set_index(["type", "beside"])["z"]
    assert found["a", "a"] > 5 and found["b", "b"] > 5
    assert found["a", "b"] < -5
    near = answer(co_occurrence(halves, "type"))
    first = near[near["within"] == near["within"].min()].set_index(["type", "near"])["ratio"]
    assert first["a", "a"] > 1.5 > 0.5 > first["a", "b"]


def test_without_doubt_neighbours_are_those_of_squidpy(halves: ad.AnnData) -> None:
    cells = halves[10:].copy()
    found = answer(neighbourhoods(cells, "type")).set_index(["type", "beside"])
    cells.obsp["spatial_connectivities"] = nearest_pairs(cells.obsm["spatial"])
    z, count = sq.gr.nhood_enrichment(
        cells, "type", n_perms=1000, seed=0, copy=True, n_jobs=1, show_progress_bar=False
    )
    for (i, one), (j, other) in product(enumerate("ab"), enumerate("ab")):
        if (one, other) in found.index:
            assert found.loc[(one, other), "pairs"] == count[i, j]
            assert found.loc[(one, other), "z"] == pytest.approx(z[i, j], rel=0.15)
    assert answer(neighbourhoods(cells, "type")).equals(found.reset_index())


def test_neighbours_in_doubt_count_less(halves: ad.AnnData) -> None:
    """Ten cells of b lie among those of a, by mistake."""
    stray = np.flatnonzero(halves.obs["type"] == "b")[:30]
    halves.obs["dpvae_radius"] = 1e-3

    def beside() -> float:
        found = answer(neighbourhoods(halves, "type")).set_index(["type", "beside"])
        return found.loc[("a", "b"), "pairs"]

    before = beside()
    halves.obsm["spatial"][stray, 0] -= 50
    mistaken = beside()
    halves.obs.loc[halves.obs_names[stray], "dpvae_radius"] = 1000.0
    halves.uns["dpvae"] = {"placement": {"probability": 0.9}}
    assert mistaken > 2 * before > 0.5 * beside()


def test_what_cannot_be_asked(halves: ad.AnnData, refuses: Refuses) -> None:
    with refuses("column"):
        answer(neighbourhoods(halves, None))
    halves.obs["type"] = "same"
    with refuses("fewer than two types"):
        answer(co_occurrence(halves, "type"))
    halves.obs["dpvae_status"] = "outside"
    with refuses("too few"):
        answer(spatial_genes(halves))


def test_every_question_says_what_it_answers() -> None:
    assert all(len(question.help) > 30 for question in QUESTIONS)
    assert len({question.name for question in QUESTIONS}) == len(QUESTIONS)


def test_cells_without_a_type_are_left_out_and_told(halves: ad.AnnData) -> None:
    halves.obs.loc[halves.obs_names[20:27], "type"] = None
    found = answer(neighbourhoods(halves, "type"))
    assert set(found["type"]) == {"a", "b"}
    assert found.attrs["note"].endswith("7 cells have no type.")


def test_of_very_many_cells_some_say_which_types_lie_together(
    halves: ad.AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = answer(co_occurrence(halves, "type"))
    monkeypatch.setattr(types, "MOST_COMPARED", 200)
    drawn = answer(co_occurrence(halves, "type"))
    assert drawn.attrs["note"].endswith("200 cells were drawn by lot.")
    nearest = [table.groupby(["type", "near"])["ratio"].first() for table in (whole, drawn)]
    np.testing.assert_allclose(*nearest, atol=0.4)


def test_without_a_gene_that_varies_none_is_spatial(halves: ad.AnnData, refuses: Refuses) -> None:
    halves.X = sparse.csr_matrix(np.eye(*halves.shape, dtype=np.float32))
    with refuses("No gene is expressed in more than one"):
        answer(spatial_genes(halves))
