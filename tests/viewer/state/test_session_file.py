"""A session is written to one file and comes back as it was."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import Refuses

import napari_dpvae as dpv
from napari_dpvae.colours.scale import Limits
from napari_dpvae.viewer.state.session import Session
from napari_dpvae.viewer.state.session_file import SavedSession, write_session


@pytest.fixture
def full(phantom: Any, model: dpv.DPVAE, placed: Any) -> Session:
    session = Session()
    session.reference, session.query, session.model = phantom.reference, phantom.query, model
    session.placed = placed.copy()
    session.selection.cells = range(7)
    session.selection.name("rim")
    session.gene = model.genes[3]
    session.colormap = "magma"
    session.colouring.limits = Limits(0.5, 3.0, percentiles=False)
    session.colouring.markers = model.genes[:5]
    session.look.arrangement = "side by side"
    session.look.statuses = ("placed",)
    return session


def again(session: Session, path: Path) -> Session:
    write_session(session, path)
    other = Session()
    SavedSession(path).put_into(other)
    return other


def test_all_that_is_held_comes_back(full: Session, tmp_path: Path) -> None:
    back = again(full, tmp_path / "desk.dpvae")
    assert back.reference.obs_names.equals(full.reference.obs_names)
    np.testing.assert_array_equal(back.reference.obsm["spatial"], full.reference.obsm["spatial"])
    assert (back.query.X != full.query.X).nnz == 0
    np.testing.assert_array_equal(back.placed.obsm["spatial"], full.placed.obsm["spatial"])
    assert list(back.placed.obs["group"].dropna().index) == list(full.placed.obs_names[:7])
    assert back.model.trained.model_hash() == full.model.trained.model_hash()
    assert back.model_fits and back.placed_by is None and not back.unsaved
    assert (back.gene, back.colormap) == (full.gene, "magma")
    assert back.colouring.limits == full.colouring.limits
    assert back.colouring.markers == full.colouring.markers
    assert back.look.arrangement == "side by side" and back.look.statuses == {"placed"}


def test_what_comes_back_places_cells_as_before(full: Session, placed: Any, tmp_path: Path) -> None:
    back = again(full, tmp_path / "desk.dpvae")
    np.testing.assert_allclose(back.model.place(back.query).obsm["spatial"], placed.obsm["spatial"])


def test_a_session_with_little_in_it_takes_away_what_was_there(
    full: Session, phantom: Any, tmp_path: Path
) -> None:
    little = Session()
    little.query = phantom.query
    write_session(little, tmp_path / "little.dpvae")
    SavedSession(tmp_path / "little.dpvae").put_into(full)
    assert full.reference is None and full.model is None and full.placed is None
    assert full.gene is None and full.query.n_obs == phantom.query.n_obs


def test_categories_and_what_is_hidden_come_back(full: Session, tmp_path: Path) -> None:
    full.colouring.column = "cell_type"
    full.colouring.hidden = ("deep",)
    back = again(full, tmp_path / "desk.dpvae")
    assert back.colouring.column == "cell_type" and back.colouring.hidden == {"deep"}


def test_blended_genes_come_back_and_files_of_before_have_none(
    full: Session, tmp_path: Path
) -> None:
    path = tmp_path / "desk.dpvae"
    full.colouring.genes = full.model.genes[:3]
    assert again(full, path).colouring.genes == tuple(full.model.genes[:3])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    shown = json.loads(parts["shown.json"])
    del shown["genes"]
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in (parts | {"shown.json": json.dumps(shown)}).items():
            archive.writestr(name, part)
    back = Session()
    SavedSession(path).put_into(back)
    assert back.colouring.genes == () and back.gene == full.gene


def test_what_is_no_session_is_refused(full: Session, tmp_path: Path, refuses: Refuses) -> None:
    path = tmp_path / "desk.dpvae"
    with refuses(r"\.dpvae"):
        write_session(full, tmp_path / "desk.zip")
    with refuses("no file or folder"):
        SavedSession(path)
    path.write_bytes(b"PK nothing")
    with refuses("is no session"):
        SavedSession(path)
    write_session(full, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with refuses("is no session"):
        SavedSession(path)


def test_a_packed_part_is_not_unpacked(tmp_path: Path, refuses: Refuses) -> None:
    path = tmp_path / "bomb.dpvae"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("shown.json", "0" * 10_000_000)
    with refuses("is packed"):
        SavedSession(path)
