"""What a file cannot hold is written as what it can, and said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from napari_dpvae import DataError, read_placed, write_placed
from napari_dpvae.data.interchange import placement_features
from napari_dpvae.data.replacing import check_output, replacing
from napari_dpvae.data.scratch import CLEAR


def mixed(cells: ad.AnnData) -> None:
    cells.obs["mixed"] = pd.Series([1, "a", None] * 40, cells.obs_names, dtype=object)


def lists(cells: ad.AnnData) -> None:
    cells.obs["lists"] = pd.Series([[1], {"a": 2}, None] * 40, cells.obs_names, dtype=object)


def slash(cells: ad.AnnData) -> None:
    cells.obs["CD4/CD8"] = 1.0
    cells.obs["CD4_CD8"] = 2.0
    cells.uns["res/1"] = {"a/b": 1}
    cells.uns["by/gene"] = {"table": pd.DataFrame({"a/b": [1]})}
    cells.obsm["X/pca"] = np.ones((cells.n_obs, 2))
    cells.obsm["per/kind"] = pd.DataFrame({"CD4/CD8": 1.0}, index=cells.obs_names)
    cells.obs.index.name = "sample/barcode"
    cells.raw = cells.copy()
    cells.raw.var["a/b"] = 1


def index_name(cells: ad.AnnData) -> None:
    cells.obs["barcode"] = cells.obs_names[::-1].to_numpy()
    cells.obs.index.name = "barcode"


def index_column(cells: ad.AnnData) -> None:
    cells.obs["_index"] = 1
    cells.obs[""] = 1
    cells.obs["cell type"] = "T cell"


def odd_uns(cells: ad.AnnData) -> None:
    cells.uns["run"] = {"when": pd.Timestamp("2024-01-01"), 3: {1, 2}, "kept": 5, "none": None}
    cells.uns["object"] = object()
    cells.uns["void"] = np.void(b"abc")
    cells.uns["log1p"] = {"base": None}


def tuples(cells: ad.AnnData) -> None:
    cells.uns["pair"] = (1, "a")
    cells.uns["array"] = np.array([1, "a", None], dtype=object)
    cells.obsm["object"] = np.full((cells.n_obs, 2), None, object)


def raw(cells: ad.AnnData) -> None:
    cells.raw = cells.copy()
    cells.raw.var["odd"] = [1, "a", None] * 100


def twice(cells: ad.AnnData) -> None:
    cells.obs.insert(0, "kind", "a")
    cells.obs.insert(1, "kind", "b", allow_duplicates=True)


def nullable_names(cells: ad.AnnData) -> None:
    cells.obs.index = cells.obs.index.astype("string")


CHANGES = [mixed, lists, slash, index_name, index_column, odd_uns, tuples, raw, twice]
CHANGES.append(nullable_names)
IN_EACH_FORMAT = [
    # A store takes ten times as long as a file.
    pytest.param(
        change, suffix, marks=[pytest.mark.slow] * (suffix == ".zarr" and change is not slash)
    )
    for change in CHANGES
    for suffix in (".h5ad", ".zarr", ".csv", ".geojson")
]


def everything(cells: ad.AnnData) -> None:
    """What of it can be together; names with a slash are written by themselves."""
    for change in CHANGES:
        if change is not slash:
            change(cells)


@pytest.mark.parametrize(("change", "suffix"), [*IN_EACH_FORMAT, (everything, ".zarr")])
@pytest.mark.filterwarnings("ignore")
def test_odd_cells_are_written(
    placed: ad.AnnData, tmp_path: Path, suffix: str, change: Any
) -> None:
    cells = placed.copy()
    change(cells)
    before = cells.copy()
    path = tmp_path / f"placed{suffix}"
    write_placed(cells, path)
    pd.testing.assert_frame_equal(cells.obs, before.obs)
    if suffix in (".h5ad", ".zarr"):
        again = read_placed(path)
        np.testing.assert_allclose(again.obsm["spatial"], placed.obsm["spatial"])
        assert again.obs_names.tolist() == placed.obs_names.tolist()
        if change in (mixed, everything):
            assert again.obs["mixed"].astype(str).tolist()[:2] == ["1", "a"]
        if change is slash:
            assert {"X_pca", "per_kind"} <= set(again.obsm) and again.raw.var["a_b"].eq(1).all()
            assert again.uns["by_gene"]["table"]["a_b"].tolist() == [1]
        if change in (odd_uns, everything):
            assert again.uns["run"]["kept"] == 5
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_left_out_is_named(
    placed: ad.AnnData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells = placed.copy()
    for change in (mixed, slash, odd_uns):
        change(cells)
    write_placed(cells, tmp_path / "placed.h5ad")
    for said in ("'mixed' has values of several kinds", "CD4/CD8", "uns['run']['when']", "object"):
        assert said in caplog.text


def test_cells_that_a_file_can_hold_raise_no_word(
    placed: ad.AnnData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells = placed.copy()
    cells.obsm["Antibody Capture"] = sparse.random(cells.n_obs, 3, 0.5, "csr")
    write_placed(cells, tmp_path / "placed.h5ad")
    assert caplog.text == ""


def test_qupath_reads_points(placed: ad.AnnData, volume: ad.AnnData, refuses: Any) -> None:
    made = json.loads(json.dumps(placement_features(placed)))
    assert made["type"] == "FeatureCollection" and len(made["features"]) == placed.n_obs
    first = made["features"][0]
    assert first["geometry"]["coordinates"] == pytest.approx(placed.obsm["spatial"][0].tolist())
    properties = first["properties"]
    assert properties["objectType"] == "detection"
    assert properties["name"] == placed.obs_names[0]
    assert properties["classification"]["name"] == placed.obs["dpvae_status"].iloc[0]
    assert all(np.isfinite(value) for value in properties["measurements"].values())
    solid = placed.copy()
    solid.obsm["spatial"] = np.ones((placed.n_obs, 3))
    with refuses("in a volume: write a .csv"):
        placement_features(solid)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such links and permissions")
class TestPaths:
    """Where a result may go."""

    def test_a_link_stays_and_its_file_is_written(self, tmp_path: Path) -> None:
        (tmp_path / "big").mkdir()
        (tmp_path / "big" / "old").write_text("old")
        os.symlink(tmp_path / "big" / "old", tmp_path / "link")
        with replacing(tmp_path / "link") as scratch:
            scratch.write_text("new")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "big" / "old").read_text() == "new"

    def test_what_is_no_file_is_left_alone(self, tmp_path: Path, refuses: Any) -> None:
        os.mkfifo(tmp_path / "pipe.csv")
        with refuses("it is no file"):
            check_output(tmp_path / "pipe.csv")
        (tmp_path / "folder.csv").mkdir()
        with refuses("it is a folder"):
            check_output(tmp_path / "folder.csv")

    def test_a_folder_that_cannot_be_written_is_told_first(
        self, tmp_path: Path, refuses: Any
    ) -> None:
        if os.getuid() == 0:
            pid = os.fork()
            if pid == 0:
                os.setuid(65534)
                try:
                    check_output("/placed.csv")
                except DataError as error:
                    os._exit(0 if "Permission denied" in str(error) else 2)
                finally:
                    os._exit(1)
            assert os.waitpid(pid, 0)[1] == 0
        else:
            with refuses("Permission denied"):
                check_output("/placed.csv")

    @pytest.mark.parametrize("shell", ["/bin/sh", "/no/such/shell"])
    def test_scratch_of_a_killed_process_goes(self, tmp_path: Path, shell: str) -> None:
        code = (
            "import os, signal, sys; from napari_dpvae.data import scratch\n"
            "from napari_dpvae.data.replacing import replacing, replacing_store\n"
            f"scratch.SHELL = '{shell}'\n"
            f"with replacing(r'{tmp_path}/a.csv') as a:\n"
            f"  with replacing_store(r'{tmp_path}/b.zarr') as b:\n"
            "    a.write_text('half'); b.mkdir(); os.kill(os.getpid(), signal.SIGKILL)"
        )
        subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
        if shell == "/bin/sh":
            while list(tmp_path.iterdir()):
                time.sleep(0.01)
            return
        # Where there is no shell, it goes with the next write.
        assert len(list(tmp_path.iterdir())) == 2
        with replacing(tmp_path / "a.csv") as scratch:
            scratch.write_text("whole")
            with replacing(tmp_path / "a.csv") as other:
                other.write_text("another that is at work")
            assert scratch.exists()
        check_output(tmp_path / "b.zarr")
        assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]

    def test_a_store_that_a_killed_process_moved_away_comes_back(self, tmp_path: Path) -> None:
        target, scratch = tmp_path / "b.zarr", tmp_path / "scratch"
        (scratch / "old").mkdir(parents=True)
        (scratch / "old" / "zarr.json").write_text("{}")
        subprocess.run(
            ["/bin/sh", "-c", CLEAR, "clear", scratch, target], input=b"", check=True, timeout=60
        )
        assert (target / "zarr.json").read_text() == "{}"
        assert list(tmp_path.iterdir()) == [target]
