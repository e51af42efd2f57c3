"""Groups of placed cells: their genes and their distance."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tests.conftest import Refuses

from napari_dpvae.analysis.groups import (
    group_distance,
    group_expression,
    group_genes,
    group_values,
)


@pytest.fixture
def cells() -> ad.AnnData:
    """Groups a, b and c in a row, 100 apart; Gene1 is high in a."""
    rng = np.random.default_rng(0)
    rates = np.full((90, 5), 10.0)
    rates[:30, 1] = 40
    made = ad.AnnData(sparse.csr_matrix(rng.poisson(rates).astype(np.float32)))
    made.var_names = [f"Gene{i}" for i in range(5)]
    made.obsm["spatial"] = rng.normal(0, 5, (90, 2)) + np.repeat([0, 100, 200], 30)[:, None] * [
        1,
        0,
    ]
    made.obs["group"] = pd.Categorical(np.repeat(["a", "b", None], 30))
    return made


def test_the_genes_of_a_group(cells: ad.AnnData) -> None:
    found = group_genes(cells, "group", "a")
    assert found["gene"].iloc[0] == "Gene1"
    assert found["log2 fold change"].iloc[0] > 1
    assert found["p adjusted"].iloc[0] < 1e-6
    against = group_genes(cells, "group", "a", "b")
    assert against["gene"].iloc[0] == "Gene1"


def test_the_distance_of_groups(cells: ad.AnnData) -> None:
    found = group_distance(cells, "group", "a", "b")
    assert found["centres"] == pytest.approx(100, abs=5)
    assert 70 < found["nearest"] < 100
    assert found["by_chance"] == pytest.approx(found["nearest"], rel=0.2)


def test_distances_are_medians_over_the_group() -> None:
    placed = ad.AnnData(np.ones((6, 1)))
    placed.obsm["spatial"] = np.array([[0, 0], [1, 0], [4, 0], [0, 3], [10, 4], [30, 4]], float)
    placed.obs["kind"] = list("aaabbb")
    found = group_distance(placed, "kind", "a", "b")
    assert found["centres"] == np.hypot(9, 4)
    # 3, sqrt(10) and 5 to the nearest of b; by chance the same, as there are no others.
    assert found["nearest"] == pytest.approx(np.sqrt(10))
    assert found["by_chance"] == pytest.approx(np.sqrt(10))
    far = group_distance(placed, "kind", "b", "a")
    assert far["nearest"] == pytest.approx(np.hypot(6, 4))


def test_two_cells_can_be_compared(cells: ad.AnnData, refuses: Refuses) -> None:
    cells.obs["few"] = ["x", "x", "y", *["z"] * 87]
    assert len(group_genes(cells, "few", "x", "z")) == 5
    with refuses("1 cells in 'y'"):
        group_genes(cells, "few", "x", "y")


def test_a_group_that_is_too_small_is_refused(cells: ad.AnnData, refuses: Refuses) -> None:
    with refuses("'d'"):
        group_genes(cells, "group", "d")
    with refuses("no obs column"):
        group_distance(cells, "kind", "a", "b")


def test_means_and_shares_are_those_of_each_group(cells: ad.AnnData, refuses: Refuses) -> None:
    x = cells.X.toarray()
    x[:15, 2] = 0
    cells.X = sparse.csr_matrix(x)
    table = group_expression(cells, "group", ["Gene1", "Gene2"]).set_index(["group", "gene"])
    # Cells without a group are in none.
    assert set(table.index.get_level_values("group")) == {"a", "b"}
    assert table.loc[("a", "Gene2"), "share"] == pytest.approx(0.5)
    assert table.loc[("b", "Gene2"), "share"] == 1
    logged = np.log1p(x / x.sum(axis=1, keepdims=True) * 1e4)
    assert table.loc[("a", "Gene1"), "mean"] == pytest.approx(logged[:30, 1].mean(), rel=1e-5)
    values = group_values(cells, "group", "Gene1")
    np.testing.assert_allclose(values["b"], logged[30:60, 1], rtol=1e-5)
    # Of shuffled groups no gene is higher in one.
    rng = np.random.default_rng(0)
    cells.obs["group"] = rng.permutation(cells.obs["group"].astype(object))
    mixed = group_expression(cells, "group", ["Gene1"]).set_index("group")["mean"]
    apart = table.loc[("a", "Gene1"), "mean"] - table.loc[("b", "Gene1"), "mean"]
    assert abs(mixed["a"] - mixed["b"]) < apart / 3
    with refuses("no gene 'Nope'"):
        group_expression(cells, "group", ["Nope"])


def test_groups_and_genes_that_are_not_there_are_refused(
    cells: ad.AnnData, refuses: Refuses
) -> None:
    with refuses("no obs column 'nothing'"):
        group_values(cells, "nothing", "Gene1")
    with refuses("no gene 'Gene9': choose one of theirs"):
        group_expression(cells, "group", ["Gene1", "Gene9"])
