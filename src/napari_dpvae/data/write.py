"""Write placed cells, by the suffix of the file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import anndata as ad
import h5py

from napari_dpvae.data.checks import check_located
from napari_dpvae.data.hdf5_output import hdf5_output, write_anndata
from napari_dpvae.data.interchange import placement_features, table_for
from napari_dpvae.data.keys import DRAWS, LIKELIEST
from napari_dpvae.data.matrices import copy_matrices, without_matrices
from napari_dpvae.data.paths import as_path
from napari_dpvae.data.replacing import check_output, replacing
from napari_dpvae.data.scratch import reason
from napari_dpvae.data.spatial_data import write_spatialdata
from napari_dpvae.data.writable import writable
from napari_dpvae.errors import DataError

SUFFIXES = (".h5ad", ".zarr", ".csv", ".geojson")
"""What placed cells are written as."""


def write_placed(placed: ad.AnnData, path: str | Path) -> None:
    """Write placed cells: whole, or not at all.

    Parameters
    ----------
    placed
        From :meth:`napari_dpvae.DPVAE.place`. What a file cannot hold is written as text or left
        out, with a warning that names it.
    path
        Its suffix says the format: ``.h5ad``; ``.zarr``, a SpatialData store with the image;
        ``.csv``, one row a barcode; ``.loupe.csv`` and ``.xenium.csv``, groups of cells for Loupe
        Browser and Xenium Explorer; ``.geojson``, which QuPath opens.

    Raises
    ------
    DataError
        For another suffix, or a folder that cannot be written.

    Examples
    --------
    >>> dpv.write_placed(placed, "placed.csv")
    >>> open("placed.csv").readline().split(",")[:3]
    ['barcode', 'x', 'y']
    """
    check_output(path, SUFFIXES)
    check_located(placed, "The placed cells")
    suffix = Path(path).suffix.lower()
    try:
        if suffix == ".zarr":
            write_spatialdata(placed, path)
            return
        with replacing(path) as scratch:
            if suffix == ".csv":
                table_for(Path(path).name)(placed).to_csv(scratch)
            elif suffix == ".geojson":
                scratch.write_text(json.dumps(placement_features(placed)), encoding="utf-8")
            else:
                _write_h5ad(placed, scratch)
    except (DataError, MemoryError):
        raise
    except Exception as error:
        # anndata and its libraries fail in many ways; a person needs the file and the reason.
        raise DataError(f"Cannot write {path}: {reason(error)}.") from error


def _write_h5ad(cells: ad.AnnData, path: Path) -> None:
    """Matrices that are in a file are copied from there."""
    bare, matrices = without_matrices(cells)
    write_anndata(writable(bare), path)
    if matrices:
        with hdf5_output(path, change=True) as file:
            copy_matrices(matrices, file)


def write_into_copy(source: str | Path, path: str | Path, cells: ad.AnnData) -> None:
    """Write what is new of cells into a copy of their file: whole, or not at all.

    Everything else of the file, such as its matrices, is copied as it is and not read.

    Parameters
    ----------
    source
        The ``.h5ad`` that the cells were read from.
    path
        Of the copy, ``.h5ad``; may be the same.
    cells
        Their ``obs`` and ``var``, which take the place of the file's; ``obsm`` and ``uns``, whose
        entries are added to the file's.

    Raises
    ------
    DataError
        When the file cannot be written.
    """
    found = writable(cells)
    try:
        with replacing(path) as scratch:
            shutil.copyfile(as_path(source), scratch)
            with hdf5_output(scratch, change=True) as file:
                _write_new(file, found)
    except (DataError, MemoryError):
        raise
    except Exception as error:
        raise DataError(f"Cannot write {path}: {reason(error)}.") from error


def _write_new(file: h5py.File, cells: ad.AnnData) -> None:
    """The tables, and what is in ``obsm`` and ``uns``, in place of what is there."""
    ad.io.write_elem(file, "obs", cells.obs)
    ad.io.write_elem(file, "var", cells.var)
    for name in ("obsm", "uns"):
        if name not in file:
            ad.io.write_elem(file, name, {})
        for key, value in getattr(cells, name).items():
            ad.io.write_elem(file[name], key, value)
    for key in (DRAWS, LIKELIEST):
        if key in file["obsm"] and key not in cells.obsm:
            # Of another placing.
            del file["obsm"][key]
