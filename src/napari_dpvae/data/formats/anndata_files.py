"""AnnData as ``.h5ad`` and ``.zarr``, one modality of a MuData, and loom."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from napari_dpvae.data.formats.bounds import check_memory, check_store
from napari_dpvae.data.formats.hdf5 import check_is_array, hdf5
from napari_dpvae.data.formats.modalities import (
    EXPRESSION,
    KIND,
    add_modality,
    are_genes,
    genes_alone,
)
from napari_dpvae.data.structure import check_structure
from napari_dpvae.errors import DataError

LOOM_GENES = (
    *("gene", "gene_name", "gene_names", "genename", "symbol", "gene_symbol", "var_names"),
    *("accession", "gene_id", "gene_ids", "geneid", "ensembl", "name", "index"),
)
LOOM_CELLS = (
    "cellid",
    "cell_id",
    "obs_names",
    "cell_names",
    "barcode",
    "barcodes",
    "cell",
    "index",
)
"""Attributes of loom with the names of genes and cells, in lower case, the likeliest first."""
LOOM_ROWS = 512
"""Genes of a loom read at once: it is stored dense."""


def read_h5ad(path: Path) -> ad.AnnData:
    """Read an ``.h5ad`` of any anndata."""
    with hdf5(path):
        pass
    return genes_alone(ad.read_h5ad(path), path)


def read_anndata_zarr(path: Path) -> ad.AnnData:
    """Read an AnnData store."""
    check_store(path)
    check_arrays(path)
    return genes_alone(ad.read_zarr(path), path)


def check_arrays(path: Path) -> None:
    """Refuse a zarr store whose arrays claim more than memory holds, or are groups of others."""
    import zarr

    claimed = 0
    for _, entry in zarr.open_group(path, mode="r").members(max_depth=None):
        if isinstance(entry, zarr.Array):
            claimed += int(np.prod(entry.shape, dtype=object)) * entry.dtype.itemsize
        else:
            check_is_array(entry, path)
    check_memory(claimed, path, "what it holds")


def read_h5mu(path: Path) -> ad.AnnData:
    """Read the genes of a MuData; the other modalities travel along in ``obsm``.

    Raises
    ------
    DataError
        When no modality is of genes.
    """
    with hdf5(path) as file:
        parts = {name: ad.io.read_elem(file["mod"][name]) for name in file["mod"]}
        for name, part in parts.items():
            check_structure(part.X, str(path), f"mod/{name}")
        genes = _genes_of(parts, path)
        cells = parts.pop(genes)
        obsm = file.get("obsm", {})
        names = ad.io.read_elem(file["obs"]).index
        for key in set(obsm) - set(parts) - set(cells.obsm) - {genes}:
            cells.obsm[key] = _rows(np.asarray(ad.io.read_elem(obsm[key])), names, cells.obs_names)
    for name, part in parts.items():
        rows = part.obs_names.get_indexer(cells.obs_names)
        if (rows >= 0).any():
            add_modality(cells, name, _rows_of(part.X, rows), part.var_names)
    return genes_alone(cells, path)


def _genes_of(parts: dict[str, ad.AnnData], path: Path) -> str:
    for name in parts:
        if name.lower() in EXPRESSION:
            return name
    for name, part in parts.items():
        if KIND in part.var and are_genes(part.var).all():
            return name
    if len(parts) == 1:
        return next(iter(parts))
    raise DataError(
        f"Cannot read {path}: none of its modalities ({', '.join(parts)}) is called rna: "
        "give the one with gene expression as .h5ad."
    )


def _rows(values: np.ndarray, names: pd.Index, wanted: pd.Index) -> np.ndarray:
    return _rows_of(values, names.get_indexer(wanted))


def _rows_of(x: np.ndarray | sparse.spmatrix, rows: np.ndarray) -> np.ndarray | sparse.spmatrix:
    """Rows in another order; empty ones (0 or NaN) where there is none (-1)."""
    taken = x[np.maximum(rows, 0)]
    lacking = rows < 0
    if not lacking.any():
        return taken
    if sparse.issparse(taken):
        return sparse.diags_array((~lacking).astype(taken.dtype)) @ taken
    taken = np.array(taken, float)
    taken[lacking] = np.nan
    return taken


def read_loom(path: Path) -> ad.AnnData:
    """Read a loom file: genes are its rows.

    Raises
    ------
    DataError
        When it names no genes or no cells.
    """
    with hdf5(path) as file:
        matrix = file["matrix"]
        genes = _loom_names(file["row_attrs"], LOOM_GENES, path, "genes")
        try:
            cells = _loom_names(file["col_attrs"], LOOM_CELLS, path, "cells")
        except DataError:
            cells = np.array([f"cell{i}" for i in range(matrix.shape[1])], object)
        if matrix.shape != (len(genes), len(cells)):
            raise DataError(f"Cannot read {path}: its matrix does not fit its genes and cells.")
        found = ad.AnnData(
            _loom_matrix(matrix),
            obs=_loom_table(file["col_attrs"], cells),
            var=_loom_table(file["row_attrs"], genes),
        )
        for name, layer in file.get("layers", {}).items():
            if name and layer.shape == matrix.shape:
                found.layers[name] = _loom_matrix(layer)
    return found


def _loom_matrix(matrix: h5py.Dataset) -> sparse.csr_matrix:
    parts = [
        sparse.csr_matrix(matrix[start : start + LOOM_ROWS])
        for start in range(0, matrix.shape[0], LOOM_ROWS)
    ]
    return sparse.csr_matrix(sparse.vstack(parts).T)


def _loom_names(group: h5py.Group, names: tuple[str, ...], path: Path, what: str) -> np.ndarray:
    lower = {name.lower(): name for name in group}
    found = [_text(group[lower[name]]) for name in names if name in lower]
    if not found:
        there = ", ".join(group) or "nothing"
        raise DataError(
            f"Cannot read {path}: nothing in it names its {what}, such as {names[0]}: "
            f"it has {there}."
        )
    return next((values for values in found if len(set(values)) > len(values) / 2), found[0])


def _loom_table(group: h5py.Group, index: np.ndarray) -> pd.DataFrame:
    columns = {
        name.replace("/", "_"): _text(values) if values.dtype.kind in "OSU" else values[:]
        for name, values in group.items()
        if isinstance(values, h5py.Dataset) and values.shape == (len(index),)
    }
    return pd.DataFrame(columns, index=pd.Index(index))


def _text(values: h5py.Dataset) -> np.ndarray:
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values[:]], object)
