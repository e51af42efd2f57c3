"""The main job from every format: what is read is trained on, and is placed where it would be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import io as sio
from scipy import sparse
from tests.data.formats.test_tenx import write_h5

from napari_dpvae import DPVAE, place_file, read_placed, read_query, read_reference
from napari_dpvae.data.spatial_data import to_spatialdata

Write = Callable[[ad.AnnData, Path], Path]


def as_h5ad(cells: ad.AnnData, folder: Path) -> Path:
    cells.write_h5ad(folder / "c.h5ad")
    return folder / "c.h5ad"


def as_zarr(cells: ad.AnnData, folder: Path) -> Path:
    cells.write_zarr(folder / "c.zarr")
    return folder / "c.zarr"


def as_spatialdata(cells: ad.AnnData, folder: Path) -> Path:
    to_spatialdata(cells).write(folder / "s.zarr")
    return folder / "s.zarr"


def as_tenx(cells: ad.AnnData, folder: Path) -> Path:
    path = folder / "filtered_feature_bc_matrix.h5"
    write_h5(cells, path)
    return path


def as_mtx(cells: ad.AnnData, folder: Path) -> Path:
    matrix = sparse.coo_matrix(sparse.csr_matrix(cells.X).T.astype(int))
    sio.mmwrite(folder / "matrix.mtx", matrix)
    (folder / "barcodes.tsv").write_text("\n".join(cells.obs_names))
    (folder / "features.tsv").write_text(
        "\n".join(f"ENSG{i}\t{name}\tGene Expression" for i, name in enumerate(cells.var_names))
    )
    return folder


def as_space_ranger(cells: ad.AnnData, folder: Path) -> Path:
    as_tenx(cells, folder)
    (folder / "spatial").mkdir()
    x, y = cells.obsm["spatial"].T
    table = pd.DataFrame({"barcode": cells.obs_names, "in_tissue": 1, "array_row": 0})
    table = table.assign(array_col=0, pxl_row_in_fullres=y, pxl_col_in_fullres=x)
    table.to_csv(folder / "spatial" / "tissue_positions.csv", index=False)
    return folder


def as_csv(cells: ad.AnnData, folder: Path) -> Path:
    cells.to_df().T.to_csv(folder / "counts.csv")
    if "spatial" in cells.obsm:
        places = pd.DataFrame(cells.obsm["spatial"], cells.obs_names, ["x", "y"])
        places.to_csv(folder / "coordinates.csv")
    return folder / "counts.csv"


def as_loom(cells: ad.AnnData, folder: Path) -> Path:
    with h5py.File(folder / "c.loom", "w") as file:
        file["matrix"] = sparse.csr_matrix(cells.X).toarray().T
        file["row_attrs/Gene"] = np.array(cells.var_names, "S")
        file["col_attrs/CellID"] = np.array(cells.obs_names, "S")
        for axis, values in zip("XY", cells.obsm.get("spatial", np.empty((0, 0))).T, strict=False):
            file[f"col_attrs/{axis}"] = values
    return folder / "c.loom"


def as_mudata(cells: ad.AnnData, folder: Path) -> Path:
    with h5py.File(folder / "c.h5mu", "w") as file:
        ad.io.write_elem(file.create_group("mod"), "rna", cells)
        ad.io.write_elem(file, "obs", pd.DataFrame(index=cells.obs_names))
    return folder / "c.h5mu"


def as_xenium(cells: ad.AnnData, folder: Path) -> Path:
    as_tenx(cells, folder).rename(folder / "cell_feature_matrix.h5")
    x, y = cells.obsm["spatial"].T
    table = pd.DataFrame({"cell_id": cells.obs_names, "x_centroid": x, "y_centroid": y})
    table.to_csv(folder / "cells.csv.gz", index=False)
    return folder


def as_merscope(cells: ad.AnnData, folder: Path) -> Path:
    cells.to_df().to_csv(folder / "cell_by_gene.csv")
    places = pd.DataFrame(cells.obsm["spatial"], cells.obs_names, ["center_x", "center_y"])
    places.to_csv(folder / "cell_metadata.csv")
    return folder


def as_visium_hd(cells: ad.AnnData, folder: Path) -> Path:
    for name, part in (("square_008um", cells), ("square_016um", cells[::4].copy())):
        bins = folder / "binned_outputs" / name
        bins.mkdir(parents=True)
        positions = as_space_ranger(part, bins) / "spatial" / "tissue_positions.csv"
        pd.read_csv(positions).to_parquet(positions.with_suffix(".parquet"))
        positions.unlink()
    return folder


def as_cosmx(cells: ad.AnnData, folder: Path) -> Path:
    fields = {"fov": np.arange(cells.n_obs) // 100 + 1, "cell_ID": np.arange(cells.n_obs) % 100 + 1}
    counts = pd.DataFrame(fields, cells.obs_names).join(cells.to_df())
    counts.to_csv(folder / "S1_exprMat_file.csv", index=False)
    x, y = cells.obsm["spatial"].T
    about = pd.DataFrame(fields).assign(CenterX_global_px=x, CenterY_global_px=y)
    about.to_csv(folder / "S1_metadata_file.csv", index=False)
    return folder


def as_slide_seq(cells: ad.AnnData, folder: Path) -> Path:
    cells.obsm["X_spatial"] = cells.obsm.pop("spatial")
    cells.write_h5ad(folder / "S1_anndata.h5ad")
    (folder / "S1_cluster_assignment.txt").write_text("")
    return folder


def as_stereo_seq(cells: ad.AnnData, folder: Path) -> Path:
    """The folders of SAW that spatialdata-io reads."""
    pytest.importorskip("spatialdata_io")
    for name in ("02.count", "03.register", "04.tissuecut", "041.cellcut", "051.cellcluster"):
        (folder / name).mkdir()
    (folder / "02.count" / "S1.gef").touch()
    clustered = ad.AnnData(cells.X, obs=cells.obs[[]], var=cells.var[[]])
    clustered.write_h5ad(folder / "051.cellcluster" / "S1.cell.cluster.h5ad")
    x, y = cells.obsm["spatial"].T
    about = dict.fromkeys(("offset", "geneCount", "expCount", "dnbCount"), 0)
    of_cells = pd.DataFrame({"id": np.arange(cells.n_obs), "x": x.astype(int), "y": y.astype(int)})
    of_cells = of_cells.assign(**about, area=50, cellTypeID=0, clusterID=0)
    of_genes = pd.DataFrame({"geneName": cells.var_names.to_numpy(str).astype("S")})
    of_genes = of_genes.assign(offset=0, cellCount=0, expCount=0, maxMIDcount=0)
    square = np.array([[-5, -5], [5, -5], [5, 5]] + [[32767, 32767]] * 29)
    with h5py.File(folder / "041.cellcut" / "S1.cellbin.gef", "w") as file:
        of = file.create_group("cellBin")
        of["cell"] = of_cells.to_records(index=False)
        of["gene"] = of_genes.to_records(index=False, column_dtypes={"geneName": "S32"})
        of["cellBorder"] = np.tile(square, (cells.n_obs, 1, 1))
        for name, size in (("cellExon", cells.n_obs), ("geneExon", cells.n_vars)):
            of[name] = np.zeros(size, int)
        of["cellExp"] = np.zeros(1, [("geneID", int), ("count", int)])
        of["geneExp"] = np.zeros(1, [("cellID", int), ("count", int)])
        for name in ("cellExpExon", "geneExpExon", "blockIndex", "blockSize", "cellTypeList"):
            of[name] = np.zeros(1, int)
    return folder


REFERENCES = (
    *(as_h5ad, as_zarr, as_spatialdata, as_space_ranger, as_csv, as_loom, as_mudata),
    *(as_xenium, as_merscope, as_visium_hd, as_cosmx, as_slide_seq, as_stereo_seq),
)
QUERIES = (as_h5ad, as_zarr, as_spatialdata, as_tenx, as_mtx, as_csv, as_loom, as_mudata)


@pytest.fixture(scope="module")
def reference(phantom: Any) -> ad.AnnData:
    """Its coordinates are whole: text keeps them to the last bit, and ties stay ties."""
    found = phantom.reference.copy()
    found.obsm["spatial"] = np.round(found.obsm["spatial"])
    return found


@pytest.fixture(scope="module")
def expected(reference: ad.AnnData, phantom: Any, hasty: Any) -> tuple[DPVAE, np.ndarray]:
    model = DPVAE(hasty).fit(reference)
    return model, model.place(phantom.query).obsm["spatial"]


@pytest.mark.parametrize("write", REFERENCES, ids=lambda write: write.__name__[3:])
def test_a_reference_of_every_format(
    expected: tuple[DPVAE, np.ndarray],
    reference: ad.AnnData,
    phantom: Any,
    hasty: Any,
    tmp_path: Path,
    write: Write,
) -> None:
    found = read_reference(write(reference.copy(), tmp_path))
    placed = DPVAE(hasty).fit(found).place(phantom.query)
    np.testing.assert_allclose(placed.obsm["spatial"], expected[1], atol=1e-2)


@pytest.mark.parametrize("write", QUERIES, ids=lambda write: write.__name__[3:])
def test_a_query_of_every_format(
    expected: tuple[DPVAE, np.ndarray], phantom: Any, tmp_path: Path, write: Write
) -> None:
    model, places = expected
    query = phantom.query.copy()
    if write is as_spatialdata:
        query.obsm["spatial"] = np.ones((query.n_obs, 2)) * np.arange(query.n_obs)[:, None]
    path = write(query, tmp_path)
    np.testing.assert_allclose(model.place(read_query(path)).obsm["spatial"], places, atol=1e-2)
    place_file(model, path, tmp_path / "placed.h5ad")
    again = read_placed(tmp_path / "placed.h5ad")
    assert again.obs_names.tolist() == query.obs_names.tolist()
    np.testing.assert_allclose(again.obsm["spatial"], places, atol=1e-2)
