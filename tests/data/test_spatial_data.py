"""Placed cells as SpatialData: whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pytest

from napari_dpvae.data.spatial_data import to_spatialdata, write_spatialdata


def test_cells_spots_and_image_lie_in_one_frame(phantom: Any, placed: ad.AnnData) -> None:
    from spatialdata import get_extent

    made = to_spatialdata(placed, phantom.reference)
    assert set(made.shapes) == {"placed_cells", "reference_spots"}
    assert made.tables["placed_cells_table"].n_obs == placed.n_obs
    assert "spatial" not in made.tables["placed_cells_table"].uns
    circles = made.shapes["placed_cells"]
    np.testing.assert_allclose(circles.get_coordinates(), placed.obsm["spatial"])
    assert (circles["radius"] < made.shapes["reference_spots"]["radius"].iloc[0]).all()
    (image,) = made.images
    assert made[image].c.to_numpy().tolist() == ["r", "g", "b"], "drawn in colour"
    tissue, spots = get_extent(made[image]), get_extent(made["reference_spots"])
    for axis in ("x", "y"):
        assert tissue[axis][0] <= spots[axis][0] and spots[axis][1] <= tissue[axis][1]


def test_a_volume_keeps_its_depth(volume: ad.AnnData) -> None:
    made = to_spatialdata(volume)
    assert list(made.points["placed_cells"].columns) == ["x", "y", "z"]


def test_very_many_are_points(placed: ad.AnnData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_dpvae.data.spatial_data.MOST_CIRCLES", 100)
    made = to_spatialdata(placed)
    np.testing.assert_allclose(
        made.points["placed_cells"][["x", "y"]].compute(), placed.obsm["spatial"]
    )


def test_it_is_read_back_and_replaces_an_older_store(placed: ad.AnnData, tmp_path: Path) -> None:
    from spatialdata import read_zarr

    path = tmp_path / "placed.zarr"
    write_spatialdata(placed, path)
    write_spatialdata(placed[:50].copy(), path)
    again = read_zarr(path)
    assert again.tables["placed_cells_table"].n_obs == 50
    assert [entry.name for entry in tmp_path.iterdir()] == ["placed.zarr"]


def test_what_cannot_be_written_leaves_what_there_was(
    placed: ad.AnnData, tmp_path: Path, refuses: Any
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes.txt").write_text("keep")
    with refuses("no zarr store"):
        write_spatialdata(placed, mine)
    with refuses("Cannot write"):
        write_spatialdata(placed, tmp_path / "no" / "placed.zarr")
    store = tmp_path / "placed.zarr"
    write_spatialdata(placed, store)
    broken = placed.copy()
    broken.obsm["spatial"] = np.full((placed.n_obs, 2), "here")
    with pytest.raises(Exception, match="are not numbers"):
        write_spatialdata(broken, store)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["mine", "placed.zarr"]
