"""Counts as tables, either way round, with coordinates beside them or not."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from napari_dpvae import read_query, read_reference


@pytest.fixture
def spots(phantom: Any) -> ad.AnnData:
    return phantom.reference.copy()


def coordinates_of(spots: ad.AnnData) -> pd.DataFrame:
    table = pd.DataFrame(spots.obsm["spatial"], spots.obs_names, ["x", "y"])
    table.index.name = "barcode"
    return table[::-1]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("end", "separator"), [("csv", ","), ("tsv.gz", "\t"), ("txt", " ")])
def test_counts_with_coordinates_beside_them(
    spots: ad.AnnData, tmp_path: Path, turned: bool, end: str, separator: str
) -> None:
    counts = spots.to_df().T if turned else spots.to_df()
    counts.to_csv(tmp_path / f"counts.{end}", sep=separator)
    coordinates_of(spots).to_csv(tmp_path / "coordinates.csv")
    for found in (read_reference(tmp_path / f"counts.{end}"), read_reference(tmp_path)):
        assert found.obs_names.tolist() == spots.obs_names.tolist()
        np.testing.assert_array_equal(found.X.toarray(), spots.X.toarray())
        np.testing.assert_allclose(found.obsm["spatial"], spots.obsm["spatial"])


def test_coordinates_that_are_named(spots: ad.AnnData, tmp_path: Path, refuses: Any) -> None:
    spots.to_df().to_csv(tmp_path / "a.csv")
    places = coordinates_of(spots)
    places["cluster"] = "one"
    places.to_csv(tmp_path / "elsewhere.txt", sep="\t")
    with refuses("no coordinates: give a table"):
        read_reference(tmp_path / "a.csv")
    found = read_reference(tmp_path / "a.csv", coordinates=tmp_path / "elsewhere.txt")
    np.testing.assert_allclose(found.obsm["spatial"], spots.obsm["spatial"])
    places.index = [f"other{i}" for i in range(len(places))]
    places.to_csv(tmp_path / "elsewhere.txt", sep="\t")
    with refuses("none of its names"):
        read_reference(tmp_path / "a.csv", coordinates=tmp_path / "elsewhere.txt")


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("name", ["AAACCTGAGAAACC-{}", "cell_{}", "{}x7"])
def test_cells_are_told_from_genes_by_their_names(
    phantom: Any, tmp_path: Path, turned: bool, name: str
) -> None:
    query = phantom.query[:60].copy()
    query.obs_names = [name.format(i) for i in range(60)]
    table = query.to_df().T if turned else query.to_df()
    table.to_csv(tmp_path / "q.csv")
    assert read_query(tmp_path / "q.csv").shape == query.shape


def test_bytes_that_are_no_text_are_told(tmp_path: Path, refuses: Any) -> None:
    (tmp_path / "q.csv").write_bytes("name,Gène\nA,1\n".encode("latin-1"))
    with refuses("save it as UTF-8"):
        read_query(tmp_path / "q.csv")
    (tmp_path / "q.csv.gz").write_bytes(gzip.compress(b"name,A,B\nx,1,2\n" * 400)[:-20])
    with refuses("damaged or ends too early"):
        read_query(tmp_path / "q.csv.gz")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n", "no table"),
        ("name,A,B\nx,one,two\n", "text where counts should be"),
        ("\n", "Cannot read"),
    ],
)
def test_what_is_no_table_of_counts_is_refused(
    tmp_path: Path, refuses: Any, text: str, said: str
) -> None:
    (tmp_path / "q.csv").write_text(text)
    with refuses(said):
        read_query(tmp_path / "q.csv")
