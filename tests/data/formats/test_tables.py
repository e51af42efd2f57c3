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
        ("name,A\nx,1\ny,2\nz,few\n", "text where counts should be"),
        ("\n", "Cannot read"),
    ],
)
def test_what_is_no_table_of_counts_is_refused(
    tmp_path: Path, refuses: Any, text: str, said: str
) -> None:
    (tmp_path / "q.csv").write_text(text)
    with refuses(said):
        read_query(tmp_path / "q.csv")


@pytest.mark.parametrize(
    "form",
    [
        {"sep": ";", "decimal": ","},
        {"sep": "|"},
        {"sep": "\t", "encoding": "utf-16"},
        {"encoding": "utf-8-sig"},
        {"quoting": 1, "lineterminator": "\r\n"},
    ],
    ids=["decimal commas", "|", "UTF-16", "byte order mark", "quoted"],
)
def test_dialects(spots: ad.AnnData, tmp_path: Path, form: dict[str, Any]) -> None:
    (spots.to_df() + 0.5).to_csv(tmp_path / "q.csv", **form)
    found = read_query(tmp_path / "q.csv")
    np.testing.assert_array_equal(found.X.toarray(), spots.X.toarray() + 0.5)
    assert found.var_names.tolist() == spots.var_names.tolist()


def test_comments_before_a_table(spots: ad.AnnData, tmp_path: Path) -> None:
    text = spots.to_df().to_csv()
    for before in ("# made by a program, 2024\n# and more\n", "#cell"):
        (tmp_path / "q.csv").write_text(before + text)
        np.testing.assert_array_equal(read_query(tmp_path / "q.csv").X.toarray(), spots.X.toarray())


PLACES_TABLES = {
    "names last": lambda xy, names: pd.DataFrame({"x": xy[:, 0], "y": xy[:, 1], "barcode": names}),
    "row and column": lambda xy, names: pd.DataFrame(
        {"row": xy[:, 1], "col": xy[:, 0]}, index=names
    ),
    "rows are numbered": lambda xy, names: pd.DataFrame(
        {"cell_id": names, "x_centroid": xy[:, 0], "y_centroid": xy[:, 1], "area": 3}
    ).set_index(pd.RangeIndex(len(names))),
    "other names": lambda xy, names: pd.DataFrame(xy, index=names, columns=["V1", "V2"]),
}


@pytest.mark.parametrize("make", PLACES_TABLES.values(), ids=PLACES_TABLES)
def test_tables_of_coordinates(spots: ad.AnnData, tmp_path: Path, make: Any) -> None:
    spots.to_df().to_csv(tmp_path / "counts.csv")
    table = make(spots.obsm["spatial"], spots.obs_names.to_numpy())[::-1]
    table.to_csv(tmp_path / "coordinates.csv")
    found = read_reference(tmp_path)
    np.testing.assert_allclose(found.obsm["spatial"], spots.obsm["spatial"])


def test_coordinates_without_headings(spots: ad.AnnData, tmp_path: Path) -> None:
    spots.to_df().to_csv(tmp_path / "counts.csv")
    table = pd.DataFrame(spots.obsm["spatial"], spots.obs_names)
    table.to_csv(tmp_path / "coordinates.csv", header=False)
    found = read_reference(tmp_path)
    np.testing.assert_allclose(found.obsm["spatial"], spots.obsm["spatial"])


def test_columns_that_are_no_genes(spots: ad.AnnData, tmp_path: Path) -> None:
    table = spots.to_df()
    table.insert(0, "x", spots.obsm["spatial"][:, 0])
    table.insert(1, "y", spots.obsm["spatial"][:, 1])
    table.insert(2, "kind", "tumour")
    table.to_csv(tmp_path / "q.csv")
    found = read_reference(tmp_path / "q.csv")
    assert found.var_names.tolist() == spots.var_names.tolist()
    np.testing.assert_allclose(found.obsm["spatial"], spots.obsm["spatial"])
    assert set(found.obs["kind"]) == {"tumour"}
    turned = spots.to_df().T
    turned.insert(0, "gene_name", [f"Symbol{i}" for i in range(spots.n_vars)])
    turned.to_csv(tmp_path / "q.csv")
    assert read_query(tmp_path / "q.csv").var["gene_name"].tolist()[1] == "Symbol1"


def test_spots_that_are_named_by_their_place(spots: ad.AnnData, tmp_path: Path) -> None:
    places = np.c_[np.arange(spots.n_obs) % 30, np.arange(spots.n_obs) // 30] + 0.5
    spots.obs_names = [f"{x}x{y}" for x, y in places]
    spots.to_df().to_csv(tmp_path / "st.tsv", sep="\t")
    np.testing.assert_allclose(read_reference(tmp_path / "st.tsv").obsm["spatial"], places)


def test_what_rows_and_columns_are_taken_for_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pd.DataFrame(np.ones((4, 3), int), [*"abcd"], [*"efg"]).to_csv(tmp_path / "q.csv")
    assert read_query(tmp_path / "q.csv").shape == (4, 3)
    assert "rows (a, …) are taken as cells" in caplog.text


@pytest.mark.parametrize("start", [0, 1])
def test_rows_that_are_numbered_go_by_their_names(
    spots: ad.AnnData, tmp_path: Path, start: int
) -> None:
    table = spots.to_df().reset_index(names="cell")
    table.index = table.index + start
    table.to_csv(tmp_path / "q.csv")
    assert read_query(tmp_path / "q.csv").obs_names.tolist() == spots.obs_names.tolist()
