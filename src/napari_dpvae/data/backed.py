"""Queries whose matrix stays in its file: rows are read when they are needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anndata as ad
import h5py
import pandas as pd

from napari_dpvae.data.counts import X, what_is_held
from napari_dpvae.data.formats.hdf5 import hdf5
from napari_dpvae.data.formats.modalities import GENES, KIND
from napari_dpvae.data.read import read_query
from napari_dpvae.data.structure import check_structure


@contextmanager
def opened_query(
    path: str | Path, *, layer: str | None = None, places: bool = False
) -> Iterator[ad.AnnData]:
    """A query to read from while it is open: its matrix stays in the file where that is possible.

    It is, for the rows of an ``.h5ad`` (sparse or dense) whose ``X`` holds what is asked for. All
    else is read whole, by :func:`napari_dpvae.read_query`.

    Parameters
    ----------
    path, layer
        As for :func:`napari_dpvae.read_query`.
    places
        Whether ``obsm`` is needed.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    found = Path(path).expanduser()
    if layer not in (None, X) or not _is_h5ad(found):
        yield read_query(path, layer=layer)
        return
    with hdf5(found) as file:
        query = _backed(file, path, layer, places)
        if query is not None:
            yield query
            return
    yield read_query(path, layer=layer)


def is_backed(cells: ad.AnnData) -> bool:
    """Whether the matrix is in a file."""
    return isinstance(cells.X, ad.abc.CSRDataset | h5py.Dataset)


def _is_h5ad(path: Path) -> bool:
    """Of an anndata that says what each entry is; older files are read whole."""
    if not (path.is_file() and h5py.is_hdf5(path)):
        return False
    with h5py.File(path, "r") as file:
        return file.attrs.get("encoding-type") == "anndata"


def _backed(
    file: h5py.File, path: str | Path, layer: str | None, places: bool
) -> ad.AnnData | None:
    """Cells by genes without layers and the like; None where reading changes more than that."""
    x = _rows(file)
    if x is None:
        return None
    obs, var = ad.io.read_elem(file["obs"]), ad.io.read_elem(file["var"])
    alone = KIND not in var or (var[KIND].astype(str) == GENES).all()
    if not (alone and obs.index.is_unique and var.index.is_unique):
        return None
    check_structure(x, str(path))
    elsewhere = len(file.get("layers", ())) or "raw" in file
    if layer is None and elsewhere and what_is_held(x) is not None:
        return None
    obsm = ad.io.read_elem(file["obsm"]) if places and "obsm" in file else {}
    return ad.AnnData(x, obs=_text_index(obs), var=_text_index(var), obsm=obsm)


def _rows(file: h5py.File) -> ad.abc.CSRDataset | h5py.Dataset | None:
    """``X``, if rows of it can be taken."""
    x = file.get("X")
    if isinstance(x, h5py.Dataset):
        return x if x.ndim == 2 and x.attrs.get("encoding-type") == "array" else None
    if isinstance(x, h5py.Group) and x.attrs.get("encoding-type") == "csr_matrix":
        rows = ad.io.sparse_dataset(x)
        return rows if isinstance(rows, ad.abc.CSRDataset) else None
    return None


def _text_index(table: pd.DataFrame) -> pd.DataFrame:
    table.index = table.index.astype(str)
    return table
