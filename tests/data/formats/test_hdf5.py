"""HDF5 files as they are opened: those that end the library, and those behind a user block."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import h5py
import pytest
from tests.conftest import Refuses, Said

import napari_dpvae as dpv
from napari_dpvae.data.formats import hdf5_child, hdf5_walk
from napari_dpvae.data.formats.hdf5 import hdf5, is_hdf5
from napari_dpvae.data.phantom import Phantom

TEXT = b"\x19\x01\x01\x00"
"""How a file says that an attribute is a text of any length."""


@pytest.fixture(autouse=True)
def a_child_for_each(said_by_own_child: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5_child, "said_by_child", said_by_own_child)


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.h5"
    with h5py.File(path, "w") as file:
        file.attrs["encoding-type"] = "anndata"
        file["obs"] = ["a", "b"]
    return path


def text_of_no_kind(data: bytes) -> bytes:
    """HDF5 2.0 follows a null pointer."""
    return data.replace(TEXT, b"\x19\x03\x01\x00")


def endless_heap(data: bytes) -> bytes:
    """HDF5 2.0 looks for the next text in the one that it has just read."""
    size = data.index(b"GCOL") + 24
    return data[:size] + b"\xf0" + b"\xff" * 7 + data[size + 8 :]


@pytest.mark.parametrize("damage", [text_of_no_kind, endless_heap])
def test_what_ends_the_library_is_said(
    damage: Callable[[bytes], bytes], whole: Path, refuses: Refuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hdf5_child, "PATIENCE", 2.0)
    damaged = damage(whole.read_bytes())
    assert damaged != whole.read_bytes()
    whole.write_bytes(damaged)
    with refuses("whole.h5"):
        dpv.read_query(whole)


@pytest.mark.parametrize(("does", "said"), [("os.abort()", "crashes"), ("time.sleep(60)", "hangs")])
def test_the_end_of_the_child_is_said(
    does: str,
    said: str,
    whole: Path,
    tmp_path: Path,
    refuses: Refuses,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replaced(monkeypatch, tmp_path, f"print('begun', flush=True); {does}")
    with refuses(f"whole.h5: it is damaged .*{said}"), hdf5(whole):
        pass


@pytest.mark.parametrize(
    "program", ["os.abort()", "import what_is_not_there", "print('begun done')"]
)
def test_a_child_that_does_not_begin_says_nothing(
    program: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced(monkeypatch, tmp_path, program)
    with hdf5(whole) as file:
        assert "obs" in file


@pytest.mark.parametrize("executable", ["", "/no/python"])
def test_without_python_beside_it_a_file_is_read(
    executable: str, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", executable)
    with hdf5(whole) as file:
        assert "obs" in file


def test_a_file_is_walked_once_until_it_changes(
    phantom: Phantom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked = []
    ask = hdf5_child.said_by_child
    monkeypatch.setattr(
        hdf5_child, "said_by_child", lambda *each: walked.append(each) or ask(*each)
    )
    path = tmp_path / "query.h5ad"
    phantom.query.write_h5ad(path)
    dpv.read_query(path)
    dpv.read_query(path)
    assert len(walked) == 1
    phantom.query[:50].write_h5ad(path)
    assert dpv.read_query(path).n_obs == 50
    assert len(walked) == 2


def test_the_walk_reads_all_but_numbers(
    phantom: Phantom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "reference.h5ad"
    phantom.reference.write_h5ad(path)
    read: list[str] = []
    take = h5py.Dataset.__getitem__
    monkeypatch.setattr(
        h5py.Dataset, "__getitem__", lambda entry, *a: read.append(entry.name) or take(entry, *a)
    )
    hdf5_walk.walk(str(path))
    # Text of pandas 3 is kept as a group, of values and of which there are none.
    assert {"/obs/_index", "/var/_index"} <= {name.removesuffix("/values") for name in read}
    assert not {"/X/data", "/obsm/spatial"} & set(read)


def test_behind_a_user_block(phantom: Phantom, model: dpv.DPVAE, tmp_path: Path) -> None:
    plain, path = tmp_path / "plain.h5ad", tmp_path / "block.h5ad"
    phantom.query.write_h5ad(plain)
    with h5py.File(plain) as source, h5py.File(path, "w", userblock_size=512) as file:
        file.attrs.update(source.attrs)
        for name in source:
            source.copy(name, file)
    assert (dpv.read_query(path).X != dpv.read_query(plain).X).nnz == 0
    for each in (plain, path):
        dpv.place_file(model, each, tmp_path / f"placed_{each.name}")
    expected, found = (ad.read_h5ad(tmp_path / f"placed_{each.name}") for each in (plain, path))
    assert (found.obsm["spatial"] == expected.obsm["spatial"]).all()


def test_where_a_signature_may_be(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\0" * 4096 + b"\x89HDF\r\n\x1a\n")
    assert is_hdf5(path)
    path.write_bytes(b"\0" * 768 + b"\x89HDF\r\n\x1a\n")
    assert not is_hdf5(path) and not is_hdf5(tmp_path) and not is_hdf5(tmp_path / "none")


def replaced(monkeypatch: pytest.MonkeyPatch, folder: Path, program: str) -> None:
    """Another program in the place of the walk."""
    path = folder / "program.py"
    path.write_text(f"import os, time\n{program}\n")
    monkeypatch.setattr(hdf5_walk, "__file__", str(path))
    monkeypatch.setattr(hdf5_child, "PATIENCE", 1.0)
