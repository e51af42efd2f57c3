"""A small whole file of each kind, and what opens it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
from PIL import Image
from scipy import io, sparse

import napari_dpvae as dpv

HASTY: dict[str, Any] = {
    "epochs": 1,
    "regularisation": "light",
    "genes": 20,
    "wide_genes": 0,
    "hidden": 8,
    "members": 2,
    "checks": 0,
    "blocks": 0,
}


@dataclass(frozen=True)
class Target:
    """A kind of file.

    Attributes
    ----------
    file
        What it is called.
    write
        Makes a whole one at a path.
    open
        Opens it and uses it as a person would; bad ones end in a ``DataError``. What it returns
        must not differ, where ``exact``, from what it returns of the whole file.
    exact
        Whether any change must be noticed.
    """

    file: str
    write: Callable[[Path], None]
    open: Callable[[Path], Any]
    exact: bool = False


def targets() -> dict[str, Target]:
    """Every reader, by name."""
    phantom = dpv.make_phantom(n_cells=20)
    reference = phantom.reference[::4, :40].copy()
    reference.uns["spatial"]["phantom"]["images"] = {"hires": np.full((8, 8, 3), 200, np.uint8)}
    query = phantom.query[:, :40].copy()
    model = dpv.DPVAE(**HASTY).fit(reference)

    def placed_in_parts(path: Path) -> None:
        dpv.place_file(model, path, path.with_suffix(".csv"))

    def places(path: Path) -> list[float]:
        placed = dpv.DPVAE.load(path).place(query)
        return [float(value) for value in placed.obsm["spatial"].ravel()]

    return {
        "h5ad": Target("q.h5ad", query.write_h5ad, dpv.read_query),
        "h5ad, packed": Target(
            "packed.h5ad", lambda path: query.write_h5ad(path, "gzip"), dpv.read_query
        ),
        "h5ad, reference": Target("reference.h5ad", reference.write_h5ad, dpv.read_reference),
        "h5ad, in parts": Target("parts.h5ad", query.write_h5ad, placed_in_parts),
        "placed": Target("placed.h5ad", model.place(query).write_h5ad, dpv.read_placed),
        "zarr": Target("reference.zarr", reference.write_zarr, dpv.read_reference),
        "10x h5": Target("tenx.h5", lambda path: write_tenx_h5(query, path), dpv.read_query),
        "mtx": Target("mtx", lambda path: write_mtx(query, path), dpv.read_query),
        "Space Ranger": Target(
            "outs", lambda path: write_visium(reference, path), dpv.read_reference
        ),
        "csv": Target("tables", lambda path: write_tables(reference, path), dpv.read_reference),
        "model": Target("model.safetensors", model.save, places, exact=True),
    }


def write_tenx_h5(cells: ad.AnnData, path: Path) -> None:
    """The layout of Cell Ranger 3 and later."""
    counts = sparse.csr_matrix(cells.X)
    names = np.array(cells.var_names, "S")
    with h5py.File(path, "w") as file:
        matrix = file.create_group("matrix")
        matrix["barcodes"] = np.array(cells.obs_names, "S")
        matrix["data"] = counts.data.astype(np.int32)
        matrix["indices"], matrix["indptr"] = counts.indices, counts.indptr
        matrix["shape"] = np.array(cells.shape[::-1], np.int32)
        features = matrix.create_group("features")
        features["id"], features["name"] = names, names
        features["feature_type"] = np.array(["Gene Expression"] * len(names), "S")
        features["genome"] = np.array(["phantom"] * len(names), "S")


def write_mtx(cells: ad.AnnData, folder: Path) -> None:
    """A folder of Cell Ranger."""
    folder.mkdir()
    with gzip.open(folder / "matrix.mtx.gz", "wb") as file:
        io.mmwrite(file, sparse.coo_matrix(cells.X.T.astype(int)))
    names = "".join(f"E{i}\t{name}\tGene Expression\n" for i, name in enumerate(cells.var_names))
    (folder / "features.tsv.gz").write_bytes(gzip.compress(names.encode()))
    barcodes = "\n".join(cells.obs_names)
    (folder / "barcodes.tsv.gz").write_bytes(gzip.compress(barcodes.encode()))


def write_visium(spots: ad.AnnData, folder: Path) -> None:
    """A folder of Space Ranger."""
    (folder / "spatial").mkdir(parents=True)
    write_tenx_h5(spots, folder / "filtered_feature_bc_matrix.h5")
    rows = ["barcode,in_tissue,array_row,array_col,pxl_row_in_fullres,pxl_col_in_fullres"]
    for i, (name, (x, y)) in enumerate(zip(spots.obs_names, spots.obsm["spatial"], strict=True)):
        rows.append(f"{name},1,{i},{i},{y},{x}")
    (folder / "spatial" / "tissue_positions.csv").write_text("\n".join(rows))
    factors = {"tissue_hires_scalef": 0.2, "spot_diameter_fullres": 50.0}
    (folder / "spatial" / "scalefactors_json.json").write_text(json.dumps(factors))
    picture = Image.fromarray(np.full((8, 8, 3), 200, np.uint8))
    picture.save(folder / "spatial" / "tissue_hires_image.png")


def write_tables(spots: ad.AnnData, folder: Path) -> None:
    """A folder with counts and coordinates as CSV."""
    folder.mkdir()
    spots.to_df().to_csv(folder / "counts.csv")
    places = (
        spots.to_df().iloc[:, :0].assign(**dict(zip("xy", spots.obsm["spatial"].T, strict=True)))
    )
    places.to_csv(folder / "coordinates.csv")
