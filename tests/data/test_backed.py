"""A query whose matrix stays in its file for as long as it is only looked at."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from napari_dpvae import DPVAE
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
