"""Ligand-receptor pairs between neighbouring cells, on cells whose answer is known."""

from __future__ import annotations

import socket
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from tests.conftest import Refuses

from napari_dpvae.analysis.contacts import Contacts
from napari_dpvae.analysis.exchange import PAIRS, Exchange, known_pairs
from napari_dpvae.analysis.types import signals
from napari_dpvae.steps import drain

PLANTED = pd.DataFrame({"ligand": ["Lig", "Null1"], "receptor": ["Rec", "Null2"]})


@pytest.fixture
def tissue() -> ad.AnnData:
    """Cells of a and b are mixed on the left, those of c lie on the right.

    Types a and c make a ligand and b its receptor, so that a signals to b and c to none.
    """
    rng = np.random.default_rng(0)
    kinds = rng.choice(list("abc"), 450)
    places = rng.uniform(0, 100, (450, 2))
    places[kinds == "c", 0] += 300
    made = {"Lig": np.isin(kinds, ["a", "c"]), "Rec": kinds == "b"}
    rates = {name: np.where(makes, 20.0, 0.5) for name, makes in made.items()}
    rates |= {name: np.full(450, 5.0) for name in ("Null1", "Null2", "Other")}
    cells = ad.AnnData(rng.poisson(np.column_stack(list(rates.values()))).astype(np.float32))
    cells.var_names = list(rates)
    cells.obsm["spatial"] = places
    cells.obs["type"] = pd.Categorical(kinds)
    return cells


def asked(cells: ad.AnnData, **how: Any) -> pd.DataFrame:
    return drain(signals(cells, "type", **{"interactions": PLANTED} | how))


def row(found: pd.DataFrame, *names: str) -> pd.Series:
    return found.set_index(["ligand", "receptor", "from", "to"]).loc[names]


def elsewhere(cells: ad.AnnData) -> ad.AnnData:
    shuffled = cells.copy()
    shuffled.obsm["spatial"] = np.random.default_rng(1).permutation(cells.obsm["spatial"])
    return shuffled


def test_the_planted_signal_is_found_between_the_types_that_meet(tissue: ad.AnnData) -> None:
    found = asked(tissue)
    assert found.columns.tolist() == ["ligand", "receptor", "from", "to", "mean", "p"]
    assert found.iloc[0, :4].tolist() == ["Lig", "Rec", "a", "b"]
    assert found["p"].iloc[0] == 1 / 201
    assert found["p"].is_monotonic_increasing
    # The receptor's cells hear nothing from c, which makes the ligand as well, but lies apart.
    assert ("c", "b") not in set(zip(found["from"], found["to"], strict=True))
    assert "Cells within" in found.attrs["note"]


def test_shuffled_places_change_the_answer(tissue: ad.AnnData) -> None:
    found, shuffled = asked(tissue), asked(elsewhere(tissue))
    planted = "Lig", "Rec", "a", "b"
    assert row(found, *planted)["mean"] > 1.5 * row(shuffled, *planted)["mean"]
    assert row(shuffled, *planted)["p"] > 0.02
    assert row(shuffled, "Lig", "Rec", "c", "b")["mean"] > 0


def test_two_runs_agree_to_the_bit_and_need_no_network(
    tissue: ad.AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(socket, "socket", refuse)
    tissue.var_names = ["Tgfb1", "Tgfbr2", "Cxcl12", "Cxcr4", "Other"]
    first, second = (asked(tissue, interactions=None) for _ in range(2))
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    assert first.iloc[0, :2].tolist() == ["Tgfb1", "Tgfbr2"]
    assert not asked(tissue, interactions=None, seed=1)["p"].equals(first["p"])


@pytest.mark.parametrize("mixed", [False, True])
def test_genes_that_every_type_expresses_are_seldom_called(tissue: ad.AnnData, mixed: bool) -> None:
    rng = np.random.default_rng(2)
    names = [f"N{i}" for i in range(60)]
    noise = ad.AnnData(rng.poisson(3.0, (450, 60)).astype(np.float32), obs=tissue.obs)
    noise.var_names = names
    noise.obsm["spatial"] = (elsewhere(tissue) if mixed else tissue).obsm["spatial"]
    pairs = pd.DataFrame({"source": names[:30], "target": names[30:]})
    found = asked(noise, interactions=pairs)
    assert len(found) == 30 * (9 if mixed else 5)
    assert (found["p"] <= 0.05).mean() < 0.05


def test_cells_in_doubt_say_less(tissue: ad.AnnData) -> None:
    """Some of c were placed among b, and nobody is sure of that."""
    stray = np.flatnonzero(tissue.obs["type"] == "c")[:40]
    tissue.obsm["spatial"][stray, 0] -= 300
    mistaken = row(asked(tissue), "Lig", "Rec", "c", "b")["mean"]
    tissue.obs["dpvae_radius"] = np.where(np.isin(np.arange(450), stray), 500.0, 1e-3)
    assert row(asked(tissue), "Lig", "Rec", "c", "b")["mean"] < 0.1 * mistaken


def test_how_far_a_signal_reaches_can_be_said(tissue: ad.AnnData, refuses: Refuses) -> None:
    assert ("c", "b") not in set(asked(tissue, within=30.0)[["from", "to"]].itertuples(index=False))
    with refuses("No two placed cells lie within 1e-09 units"):
        asked(tissue, within=1e-9)


def test_the_mean_is_that_of_its_definition() -> None:
    """Three cells in a row: 0 of type 0; 1 and 2 of type 1."""
    first, second = np.array([0, 1, 1, 2]), np.array([1, 0, 2, 1])
    nearness = np.array([0.5, 0.5, 0.25, 0.25])
    contacts = Contacts(3, first, second, np.ones(4), nearness)
    exchange = Exchange(contacts, 2)
    ligands, receptors = np.array([[2.0], [3.0], [5.0]]), np.array([[7.0], [11.0], [13.0]])
    found = exchange.mean(ligands, receptors, np.array([0, 1, 1]))[..., 0]
    between = [[0, 0.5 * 2 * 11], [0.5 * 3 * 7, 0.25 * (3 * 13 + 5 * 11)]]
    np.testing.assert_allclose(found, np.array(between) / 1.5)


def test_our_table_is_of_pairs_of_symbols_each_once() -> None:
    with PAIRS.open() as table:
        genes = pd.read_csv(table, comment="#").stack()
    pairs = known_pairs(pd.Index(genes.unique()))
    assert len(pairs) == len(genes) / 2 > 60
    assert {("TGFB1", "TGFBR2"), ("CXCL12", "CXCR4"), ("DLL1", "NOTCH1")} <= set(
        pairs.itertuples(index=False, name=None)
    )


def test_pairs_are_matched_whatever_their_capitals_and_named_as_measured() -> None:
    twice = pd.DataFrame({"source": ["egf", "EGF", "kitlg"], "target": ["EGFR", "Egfr", "kit"]})
    pairs = known_pairs(pd.Index(["Egf", "Egfr", "Kitlg"]), twice)
    assert pairs.to_numpy().tolist() == [["Egf", "Egfr"]]


def test_what_cannot_be_tested_is_said(tissue: ad.AnnData, refuses: Refuses) -> None:
    with refuses("No ligand-receptor pair can be tested"):
        asked(tissue, interactions=None)
    with refuses("must have the columns"):
        asked(tissue, interactions=pd.DataFrame({"a": ["Lig"], "b": ["Rec"]}))
    tissue.X = tissue.X - tissue.X.mean(axis=0)
    with refuses("values below 0"):
        asked(tissue)
