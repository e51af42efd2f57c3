"""Files opened by napari itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import pytest
import zarr
from napari import Viewer
from pytestqt.qtbot import QtBot
from tests.data.formats.test_tenx import write_h5

import napari_dpvae as dpv
from napari_dpvae.data.spatial_data import write_spatialdata
from napari_dpvae.viewer.commands import open_dock
from napari_dpvae.viewer.reader import get_reader

DRAWN = ["histology phantom", "reference spots"]


@pytest.fixture
def slide(phantom: Any, tmp_path: Path) -> Path:
    path = tmp_path / "slice.h5ad"
    phantom.reference.write_h5ad(path)
    return path


def names(viewer: Viewer) -> list[str]:
    return [layer.name for layer in viewer.layers]


@pytest.mark.drawn
def test_a_reference_opens_with_its_image_and_a_dock_that_comes_later_takes_it(
    viewer: Viewer, slide: Path, phantom: Any, qtbot: QtBot
) -> None:
    viewer.open(slide, plugin="napari-dpvae")
    assert names(viewer) == ["histology phantom", "slice"]
    dock = open_dock(viewer)
    qtbot.waitUntil(lambda: names(viewer) == DRAWN)
    assert dock.session.reference.n_obs == phantom.reference.n_obs
    assert "321 spots" in dock.data.reference.summary.text()


@pytest.mark.drawn
def test_what_is_dropped_on_the_canvas_fills_the_dock_once(
    viewer: Viewer, dock: Any, slide: Path, phantom: Any, tmp_path: Path, qtbot: QtBot
) -> None:
    viewer.open(slide, plugin="napari-dpvae")
    qtbot.waitUntil(lambda: names(viewer) == DRAWN)
    first = dock.session.reference
    # Another one is shown, and takes nothing away.
    viewer.open(slide, plugin="napari-dpvae")
    qtbot.wait(50)
    assert dock.session.reference is first
    assert names(viewer)[-1] == "slice"
    cells = tmp_path / "cells.h5ad"
    phantom.query.write_h5ad(cells)
    viewer.open(cells, plugin="napari-dpvae")
    qtbot.waitUntil(lambda: dock.session.query is not None)
    assert "cells" not in " ".join(names(viewer))


def test_the_sample_fills_the_dock(viewer: Viewer, dock: Any, qtbot: QtBot) -> None:
    viewer.open_sample("napari-dpvae", "phantom")
    qtbot.waitUntil(lambda: names(viewer) == DRAWN)
    assert dock.session.reference.n_vars == 300


def test_placed_cells_open_with_their_status(
    viewer: Viewer, placed: ad.AnnData, tmp_path: Path
) -> None:
    path = tmp_path / "placed.h5ad"
    dpv.write_placed(placed, path)
    *_, layer = viewer.open(path, plugin="napari-dpvae")
    assert "status" in layer.features


def test_stores_folders_and_tenx_files_fill_the_dock(
    viewer: Viewer, dock: Any, phantom: Any, tmp_path: Path, qtbot: QtBot
) -> None:
    write_spatialdata(phantom.reference.copy(), tmp_path / "s.zarr")
    viewer.open(tmp_path / "s.zarr", plugin="napari-dpvae")
    qtbot.waitUntil(lambda: dock.session.reference is not None)
    assert dock.session.reference.n_obs == phantom.reference.n_obs
    write_h5(phantom.query, tmp_path / "cells.h5")
    viewer.open(tmp_path / "cells.h5", plugin="napari-dpvae")
    qtbot.waitUntil(lambda: dock.session.query is not None)
    assert dock.session.query.shape == phantom.query.shape
    dock.session.query = None
    (tmp_path / "outs").mkdir()
    write_h5(phantom.query, tmp_path / "outs" / "filtered_feature_bc_matrix.h5")
    viewer.open(tmp_path / "outs", plugin="napari-dpvae")
    qtbot.waitUntil(lambda: dock.session.query is not None)
    assert not any("outs" in name or "cells" in name for name in names(viewer))


def test_only_what_holds_cells_is_read(tmp_path: Path, phantom: Any) -> None:
    """Images, and folders of them, are left to others."""
    assert get_reader("image.tif") is None and get_reader([str(tmp_path / "a.h5ad")]) is None
    (tmp_path / "slices").mkdir()
    (tmp_path / "slices" / "1.tif").write_bytes(b"")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("nothing")
    zarr.open_group(tmp_path / "i.zarr", mode="w", zarr_format=2).attrs["multiscales"] = []
    (tmp_path / "i.zarr" / "labels").mkdir()
    for name in ("slices", "notes", "i.zarr"):
        assert get_reader(str(tmp_path / name)) is None, name
    phantom.reference.write_zarr(tmp_path / "a.zarr")
    assert get_reader(str(tmp_path / "a.zarr")) is not None
    reader = get_reader(str(tmp_path / "gone.h5ad"))
    assert reader is not None
    with pytest.raises(dpv.DataError, match="no file"):
        reader(str(tmp_path / "gone.h5ad"))
