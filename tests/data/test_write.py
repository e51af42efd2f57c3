"""Writing: whole files, or none."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest

from napari_dpvae.data import scratch
from napari_dpvae.data.interchange import placement_table
from napari_dpvae.data.read import read_placed
from napari_dpvae.data.replacing import replacing
from napari_dpvae.data.scratch import make_scratch
from napari_dpvae.data.write import write_placed

Refuses = Callable[[str], AbstractContextManager[None]]


def test_placed_cells_come_back_from_h5ad(placed: ad.AnnData, tmp_path: Path) -> None:
    path = tmp_path / "placed.h5ad"
    write_placed(placed, path)
    back = read_placed(path)
    np.testing.assert_array_equal(back.obsm["spatial"], placed.obsm["spatial"])
    np.testing.assert_array_equal(back.obsm["X_dpvae"], placed.obsm["X_dpvae"])
    pd.testing.assert_frame_equal(back.obs, placed.obs)
    assert back.uns["dpvae"]["training"] == placed.uns["dpvae"]["training"]
    assert back.uns["dpvae"]["model"] == placed.uns["dpvae"]["model"]


def test_a_table_has_a_row_for_each_barcode(placed: ad.AnnData, tmp_path: Path) -> None:
    path = tmp_path / "placed.csv"
    write_placed(placed, path)
    table = pd.read_csv(path, index_col="barcode")
    assert list(table.columns) == [
        "x",
        "y",
        "dpvae_radius",
        "dpvae_radius_wide",
        "dpvae_likeness",
        "dpvae_status",
    ]
    assert table.index.tolist() == placed.obs_names.tolist()
    np.testing.assert_allclose(table[["x", "y"]], placed.obsm["spatial"])
    assert table["dpvae_status"].tolist() == placed.obs["dpvae_status"].tolist()


def test_a_table_of_a_volume_has_three_axes(placed: ad.AnnData) -> None:
    solid = placed.copy()
    solid.obsm["spatial"] = np.c_[placed.obsm["spatial"], np.arange(placed.n_obs)]
    assert list(placement_table(solid).columns[:3]) == ["x", "y", "z"]


def test_another_suffix_is_refused(placed: ad.AnnData, tmp_path: Path, refuses: Refuses) -> None:
    for name in ("placed.xlsx", "placed"):
        with refuses(r"suffix \.h5ad or \.zarr or \.csv or \.geojson"):
            write_placed(placed, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_refused(placed: ad.AnnData, tmp_path: Path, refuses: Refuses) -> None:
    with refuses("folder .* does not exist"):
        write_placed(placed, tmp_path / "nowhere" / "placed.csv")


def fill_the_disk(*args: object, **kwargs: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("failure", [fill_the_disk, lambda *args, **kwargs: [][1]])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    placed: ad.AnnData,
    tmp_path: Path,
    refuses: Refuses,
    monkeypatch: pytest.MonkeyPatch,
    failure: Callable[..., None],
) -> None:
    path = tmp_path / "placed.h5ad"
    path.write_text("old")
    monkeypatch.setattr("napari_dpvae.data.write.write_anndata", failure)
    with refuses("Cannot write .*placed.h5ad: (No space left|list index)"):
        write_placed(placed, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "new.txt") as scratch:
        scratch.write_text("half")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with replacing(path) as scratch:
        scratch.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_a_new_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    with replacing(tmp_path / "written") as scratch:
        scratch.write_text("new")
    modes = {os.stat(path).st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("suffix", [".h5ad", ".zarr"])
def test_squidpy_takes_what_is_read_back(
    placed: ad.AnnData, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLBACKEND", "Agg")
    import matplotlib
    import squidpy as sq

    matplotlib.use("Agg", force=True)
    write_placed(placed, tmp_path / f"placed{suffix}")
    back = read_placed(tmp_path / f"placed{suffix}")
    sq.gr.spatial_neighbors(back)
    assert back.obsp["spatial_connectivities"].shape == (placed.n_obs, placed.n_obs)
    axes = sq.pl.spatial_scatter(back, color="dpvae_status", return_ax=True)
    assert axes.images, "the histology lies under the cells"


@pytest.mark.filterwarnings("ignore")
def test_scanpy_and_squidpy_draw_placed_cells_at_once(
    placed: ad.AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    import matplotlib

    matplotlib.use("Agg", force=True)
    import matplotlib.pyplot as plt
    import scanpy as sc
    import squidpy as sq

    cells = placed.copy()
    (drawn,) = sc.pl.spatial(cells, color="dpvae_status", show=False)
    assert drawn.images, "the histology lies under the cells"
    assert sq.pl.spatial_scatter(cells, color=cells.var_names[0], return_ax=True).images
    sq.gr.spatial_neighbors(cells, n_neighs=4, coord_type="generic")
    assert cells.obsp["spatial_connectivities"].sum() >= 4 * cells.n_obs
    plt.close("all")


def test_groups_for_loupe_browser(placed: ad.AnnData, tmp_path: Path) -> None:
    cells = placed.copy()
    cells.obs["kind"] = ["tumour", "stroma"] * (cells.n_obs // 2)
    cells.obs["note"] = [f"cell {i}" for i in range(cells.n_obs)]
    write_placed(cells, tmp_path / "p.loupe.csv")
    table = pd.read_csv(tmp_path / "p.loupe.csv")
    assert table.columns[:2].tolist() == ["Barcode", "dpvae_status"]
    assert table["Barcode"].tolist() == cells.obs_names.tolist()
    assert table["kind"].tolist() == cells.obs["kind"].tolist()
    assert "note" not in table, "a value for each cell is no group"


def test_groups_for_xenium_explorer(placed: ad.AnnData, tmp_path: Path) -> None:
    write_placed(placed, tmp_path / "p.xenium.csv")
    table = pd.read_csv(tmp_path / "p.xenium.csv")
    assert table.columns.tolist() == ["cell_id", "group", "color"]
    assert table["group"].tolist() == placed.obs["dpvae_status"].astype(str).tolist()
    assert table["color"].str.fullmatch("#[0-9a-f]{6}").all()


KNOWN_TO_R = {
    *("anndata", "dict", "dataframe", "categorical", "array", "csr_matrix", "csc_matrix"),
    *("string-array", "string", "numeric-scalar", "nullable-integer", "nullable-boolean"),
}
"""Encodings that zellkonverter and anndataR read."""


def test_an_r_user_reads_the_file(placed: ad.AnnData, tmp_path: Path) -> None:
    write_placed(placed, tmp_path / "p.h5ad")
    found: dict[str, str] = {}
    with h5py.File(tmp_path / "p.h5ad") as file:
        file.visititems(
            lambda name, entry: found.update({name: entry.attrs.get("encoding-type", "array")})
        )
        places = file["obsm/spatial"][:]
        names = [name.decode() for name in file["obs"][file["obs"].attrs["_index"]][:]]
    assert set(found.values()) <= KNOWN_TO_R, found
    np.testing.assert_array_equal(places, placed.obsm["spatial"])
    assert names == placed.obs_names.tolist()


def test_what_was_killed_while_a_store_was_replaced_is_mended_by_the_next_write(
    placed: ad.AnnData, tmp_path: Path
) -> None:
    """The old store was set aside, and its process ended before the new one was there."""
    path = tmp_path / "placed.zarr"
    write_placed(placed, path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = make_scratch(path, folder=True)
    aside = left.with_name(left.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-"))
    left.rename(aside)
    path.rename(aside / scratch.OLD)
    write_placed(placed[:50].copy(), tmp_path / "placed.zarr")
    assert read_placed(path).n_obs == 50
    assert [entry.name for entry in tmp_path.iterdir()] == ["placed.zarr"]


def test_who_clears_is_there_before_what_is_to_be_cleared(
    placed: ad.AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill between the two would leave it."""
    begin, there = subprocess.Popen, []

    def watch(*args: Any, **options: Any) -> Any:
        there.append(list(tmp_path.iterdir()))
        return begin(*args, **options)

    monkeypatch.setattr(subprocess, "Popen", watch)
    write_placed(placed, tmp_path / "placed.csv")
    assert there == [[]]


def test_without_a_shell_files_are_written_all_the_same(
    placed: ad.AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "SHELL", "/no/such/shell")
    write_placed(placed, tmp_path / "placed.csv")
    write_placed(placed, tmp_path / "placed.zarr")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["placed.csv", "placed.zarr"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_a_pipe_is_not_replaced(placed: ad.AnnData, tmp_path: Path, refuses: Refuses) -> None:
    os.mkfifo(tmp_path / "placed.csv")
    with refuses("it is no file; name one"):
        write_placed(placed, tmp_path / "placed.csv")
