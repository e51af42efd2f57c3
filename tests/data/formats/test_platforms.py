"""Instruments' folders, by their published layouts."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from tests.data.formats.test_jobs import as_mtx

from napari_dpvae import read_reference


@pytest.fixture
def spots(phantom: Any) -> ad.AnnData:
    cells = phantom.reference.copy()
    cells.obs_names = [f"aaaa{i:04d}-1" for i in range(cells.n_obs)]
    return cells


def assert_same(found: ad.AnnData, expected: ad.AnnData) -> None:
    assert found.var_names.tolist() == expected.var_names.tolist()
    np.testing.assert_array_equal(found.X.toarray(), expected.X.toarray())
    np.testing.assert_allclose(found.obsm["spatial"], expected.obsm["spatial"])


@pytest.mark.parametrize("table", ["cells.parquet", "cells.csv.gz"])
def test_xenium(spots: ad.AnnData, tmp_path: Path, table: str) -> None:
    (tmp_path / "experiment.xenium").write_text('{"pixel_size": 0.2125}')
    x = sparse.hstack([spots.X, sparse.csr_matrix((spots.n_obs, 2))]).tocsr()
    kinds = ["Gene Expression"] * 300 + ["Negative Control Probe", "Blank Codeword"]
    names = [*spots.var_names, "NegControlProbe_1", "BLANK_1"]
    with h5py.File(tmp_path / "cell_feature_matrix.h5", "w") as file:
        matrix = file.create_group("matrix")
        matrix["barcodes"] = np.array(spots.obs_names, "S")
        matrix["data"], matrix["indices"], matrix["indptr"] = x.data, x.indices, x.indptr
        matrix["shape"] = np.array(x.shape[::-1])
        for key, values in (("id", names), ("name", names), ("feature_type", kinds)):
            matrix[f"features/{key}"] = np.array(values, "S")
    cells = pd.DataFrame(
        {
            "cell_id": spots.obs_names.to_numpy(str),
            "x_centroid": spots.obsm["spatial"][:, 0],
            "y_centroid": spots.obsm["spatial"][:, 1],
            "cell_area": 30.0,
        }
    )[::-1]
    if table.endswith("parquet"):
        cells.assign(cell_id=cells["cell_id"].str.encode("utf-8")).to_parquet(tmp_path / table)
    else:
        cells.to_csv(tmp_path / table, index=False)
    found = read_reference(tmp_path)
    assert_same(found, spots)
    assert (found.obs["cell_area"] == 30).all()
    assert found.obsm["Blank_Codeword"].shape == (spots.n_obs, 1)


def test_merscope(spots: ad.AnnData, tmp_path: Path) -> None:
    spots.obs_names = [str(10**15 + i) for i in range(spots.n_obs)]
    counts = spots.to_df().assign(**{"Blank-1": 1.0})
    counts.index.name = "cell"
    counts.to_csv(tmp_path / "cell_by_gene.csv")
    places = pd.DataFrame(spots.obsm["spatial"], spots.obs_names, ["center_x", "center_y"])
    places.assign(fov=0, volume=3.0)[::-1].to_csv(tmp_path / "cell_metadata.csv")
    found = read_reference(tmp_path)
    assert_same(found, spots)
    assert found.uns["modalities"]["controls"].tolist() == ["Blank-1"]


def test_cosmx(spots: ad.AnnData, tmp_path: Path, refuses: Any) -> None:
    fov, cell = np.arange(spots.n_obs) // 100 + 1, np.arange(spots.n_obs) % 100 + 1
    counts = spots.to_df().assign(NegPrb1=0.0)
    counts.insert(0, "fov", fov)
    counts.insert(1, "cell_ID", cell)
    between = counts.iloc[:1].assign(cell_ID=0)
    pd.concat([between, counts]).to_csv(tmp_path / "S1_exprMat_file.csv", index=False)
    x, y = spots.obsm["spatial"].T
    about = pd.DataFrame({"fov": fov, "cell_ID": cell, "CenterX_local_px": x % 50})
    about = about.assign(CenterX_global_px=x, CenterY_global_px=y)
    about.to_csv(tmp_path / "S1_metadata_file.csv", index=False)
    assert_same(read_reference(tmp_path), spots)
    about.drop(columns="CenterX_global_px").to_csv(tmp_path / "S1_metadata_file.csv", index=False)
    with refuses("lacks CenterX_global_px"):
        read_reference(tmp_path)


def test_slide_seq_of_curio(spots: ad.AnnData, tmp_path: Path) -> None:
    cells = spots.copy()
    cells.obsm["X_spatial"] = cells.obsm.pop("spatial")
    cells.write_h5ad(tmp_path / "S1_anndata.h5ad")
    (tmp_path / "S1_cluster_assignment.txt").write_text("")
    assert_same(read_reference(tmp_path), spots)


def test_stereo_seq_needs_an_extra(
    tmp_path: Path, refuses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "S1.cellbin.gef").touch()
    usual = builtins.__import__

    def lacking(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("spatialdata_io"):
            raise ImportError(name)
        return usual(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", lacking)
    with refuses(r"spatialdata-io is needed: install it with .*napari-dpvae\[platforms\]"):
        read_reference(tmp_path)


def test_xenium_with_its_matrix_as_text_or_without(
    spots: ad.AnnData, tmp_path: Path, refuses: Any
) -> None:
    (tmp_path / "experiment.xenium").write_text('{"pixel_size": 0.2125}')
    cells = pd.DataFrame(spots.obsm["spatial"], columns=["x_centroid", "y_centroid"])
    cells.insert(0, "cell_id", spots.obs_names)
    cells.to_csv(tmp_path / "cells.csv.gz", index=False)
    with refuses(r"there is no cell_feature_matrix.h5 in it"):
        read_reference(tmp_path)
    (tmp_path / "cell_feature_matrix").mkdir()
    as_mtx(spots, tmp_path / "cell_feature_matrix")
    assert_same(read_reference(tmp_path), spots)
    cells.rename(columns={"y_centroid": "y"}).to_csv(tmp_path / "cells.csv.gz", index=False)
    with refuses("its table of cells lacks y_centroid"):
        read_reference(tmp_path)
    (tmp_path / "cells.csv.gz").unlink()
    with refuses("there is no cells.parquet in it"):
        read_reference(tmp_path)
