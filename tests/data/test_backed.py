"""A query whose matrix stays in its file for as long as it is only looked at."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from napari_dpvae import DPVAE, place_file
from napari_dpvae.data import backed
from napari_dpvae.data.backed import in_memory, is_backed, open_either, open_query
from napari_dpvae.data.concerns import concerns
from napari_dpvae.viewer.state.session import Session
from napari_dpvae.viewer.state.session_file import SavedSession, write_session


@pytest.fixture
def path(phantom: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as large."""
    monkeypatch.setattr(backed, "LARGE", 1000)
    query = phantom.query.copy()
    query.obsm["protein"] = pd.DataFrame({"CD3": 1.0}, index=query.obs_names)
    query.write_h5ad(tmp_path / "q.h5ad")
    return tmp_path / "q.h5ad"


@pytest.mark.parametrize("kind", ["rows", "columns", "dense"])
@pytest.mark.parametrize("store", [False, True])
def test_it_is_looked_at_and_placed_like_one_in_memory(
    path: Path, phantom: Any, model: DPVAE, placed: Any, kind: str, store: bool
) -> None:
    query = phantom.query.copy()
    if kind != "rows":
        query.X = query.X.toarray() if kind == "dense" else query.X.tocsc()
    if store:
        path = path.with_suffix(".zarr")
    (query.write_zarr if store else query.write_h5ad)(path)
    query = open_query(path)
    assert is_backed(query)
    assert concerns(phantom.reference, query) == concerns(phantom.reference, phantom.query)
    session = Session()
    session.query = query
    found = model.place(session.query)
    assert not is_backed(found)
    np.testing.assert_allclose(found.obsm["spatial"], placed.obsm["spatial"], atol=1e-3)
    np.testing.assert_array_equal(np.ravel(found.X.sum(axis=1)), np.ravel(placed.X.sum(axis=1)))


def test_genes_of_other_names_and_adapting(path: Path, phantom: Any, model: DPVAE) -> None:
    query = phantom.query.copy()
    query.var_names = query.var_names.str.upper()
    query.write_h5ad(path)
    found = open_query(path)
    assert any("named differently" in said for said in concerns(phantom.reference, found))
    assert model.place(found).n_obs == query.n_obs
    assert in_memory(found).X.sum() == query.X.sum()


def test_a_session_with_it_is_saved_whole(path: Path, phantom: Any, tmp_path: Path) -> None:
    session, again = Session(), Session()
    session.query = open_query(path)
    write_session(session, tmp_path / "s.dpvae")
    SavedSession(tmp_path / "s.dpvae").put_into(again)
    np.testing.assert_array_equal(in_memory(again.query).X.toarray(), phantom.query.X.toarray())


def test_what_has_coordinates_and_what_is_small_is_read_whole(
    path: Path, phantom: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_backed(open_either(path))
    phantom.reference.write_h5ad(tmp_path / "r.h5ad")
    assert not is_backed(open_either(tmp_path / "r.h5ad"))
    monkeypatch.setattr(backed, "LARGE", 10**9)
    assert not is_backed(open_query(path))


def test_the_file_is_let_go_with_the_cells(path: Path) -> None:
    query = open_query(path)
    file = query.X.group.file if hasattr(query.X, "group") else query.X.file
    assert file.id.valid
    del query
    gc.collect()
    assert not file.id.valid


def test_names_that_are_there_twice_are_numbered_as_in_a_small_file(
    path: Path, phantom: Any, caplog: pytest.LogCaptureFixture
) -> None:
    query = phantom.query.copy()
    query.var_names = [*query.var_names[:-1], query.var_names[0]]
    query.obs_names = [*query.obs_names[:-1], query.obs_names[0]]
    query.write_h5ad(path)
    found = open_query(path)
    assert found.var_names.is_unique and found.obs_names.is_unique
    assert found.var_names[-1] == f"{query.var_names[0]}-1"
    for what in ("genes", "cells"):
        assert f"1 {what} share a name with another and were numbered" in caplog.text


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("X", r"Cannot read .*q\.h5ad: a part of it is missing or not as its format asks for"),
        ("layers/other", r"Cannot read .*q\.h5ad: /layers/other/data in it is damaged"),
    ],
)
def test_a_part_that_is_damaged_is_told_of_the_file_it_is_in(
    path: Path, phantom: Any, model: DPVAE, refuses: Any, part: str, said: str
) -> None:
    query = phantom.query.copy()
    query.layers["other"] = query.X.copy()
    query.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        values = file[f"{part}/data"][()]
        del file[f"{part}/data"]
        packed = file.create_dataset(
            f"{part}/data", data=values, chunks=values.shape, compression="gzip"
        )
        chunk = packed.id.get_chunk_info(0)
        start, size = chunk.byte_offset, chunk.size
    with open(path, "r+b") as raw:
        raw.seek(start + size // 4)
        raw.write(bytes(size // 2))
    with refuses(said):
        place_file(model, path, path.with_name("placed.zarr"))
    assert not path.with_name("placed.zarr").exists()


def test_numbers_in_the_order_of_another_machine_are_read_as_in_a_small_file(
    path: Path, phantom: Any, model: DPVAE, placed: Any
) -> None:
    query = phantom.query.copy()
    query.X = query.X.toarray().astype(">f4")
    query.write_h5ad(path)
    for found in (
        model.place(open_query(path)),
        place_file(model, path, path.with_name("placed.h5ad")),
    ):
        np.testing.assert_allclose(found.obsm["spatial"], placed.obsm["spatial"], atol=1e-3)
