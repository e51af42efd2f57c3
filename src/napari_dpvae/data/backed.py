"""Queries whose matrix stays in its file: rows are read when they are needed."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anndata as ad
import h5py
import pandas as pd

from napari_dpvae.data.coordinates import has_places
from napari_dpvae.data.counts import X, what_is_held
from napari_dpvae.data.formats.anndata_files import check_arrays, read_anndata_zarr
from napari_dpvae.data.formats.bounds import check_store, existing
from napari_dpvae.data.formats.hdf5 import hdf5
from napari_dpvae.data.formats.modalities import MODALITIES, are_genes
from napari_dpvae.data.formats.registry import recognise
from napari_dpvae.data.read import read_either, read_query, reading
from napari_dpvae.data.structure import check_structure
from napari_dpvae.errors import DataError

Group: TypeAlias = Any
"""The root of an HDF5 file or of a zarr store, which are asked alike."""
LARGE = 200_000_000
"""Bytes of values that a window leaves in their file until cells are placed."""


@contextmanager
def opened_query(
    path: str | Path, *, layer: str | None = None, places: bool = False
) -> Iterator[ad.AnnData]:
    """A query to read from while it is open: its matrix stays in the file where that is possible.

    It is, for the rows of an ``.h5ad`` (sparse or dense) or of an AnnData ``.zarr`` (sparse) whose
    ``X`` holds what is asked for. All else is read whole, by :func:`napari_dpvae.read_query`.

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
    with ExitStack() as stack:
        file = _opened(stack, path) if layer in (None, X) else None
        query = None if file is None else _backed(file, path, layer, places)
        if query is not None:
            with _whole(path):
                yield query
            return
    yield read_query(path, layer=layer)


def _opened(stack: ExitStack, path: str | Path) -> Group | None:
    """An ``.h5ad`` or an AnnData store, open for as long as the stack; None for other files."""
    import zarr

    found = existing(path)
    if found.is_file() and h5py.is_hdf5(found):
        return stack.enter_context(hdf5(found))
    if found.is_dir() and recognise(found).read is read_anndata_zarr:
        check_store(found)
        check_arrays(found)
        return zarr.open_group(found, mode="r")
    return None


@contextmanager
def _whole(path: str | Path) -> Iterator[None]:
    """What cannot be read once the file is open is said of it."""
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            # Of another file.
            raise
        raise DataError(
            f"Cannot read {path}: a part of it is damaged ({error}): copy it again."
        ) from error


def open_query(path: str | Path) -> ad.AnnData:
    """A query as a window holds it: a matrix that is :data:`LARGE` stays in its file.

    The file is open for as long as the cells are there; what else is in it, such as layers, is
    not read. Smaller files are read whole, by :func:`napari_dpvae.read_query`.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    if _is_large(Path(path).expanduser()):
        with ExitStack() as stack:
            cells = _backed(_opened(stack, path), path, None, places=True)
            if cells is not None:
                weakref.finalize(cells, stack.pop_all().close)
                return cells
    return read_query(path)


def open_either(path: str | Path) -> ad.AnnData:
    """:func:`open_query` of what has no coordinates; else :func:`read_either`.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    if _is_large(Path(path).expanduser()):
        cells = open_query(path)
        if is_backed(cells) and not has_places(cells):
            return cells
    return read_either(path)


def is_backed(cells: ad.AnnData) -> bool:
    """Whether the matrix is in a file."""
    return isinstance(cells.X, ad.abc.CSRDataset | h5py.Dataset)


def in_memory(cells: ad.AnnData) -> ad.AnnData:
    """The cells themselves, or with their matrix if it is in a file."""
    if not is_backed(cells):
        return cells
    x = cells.X[:] if isinstance(cells.X, h5py.Dataset) else cells.X.to_memory()
    obs, var, obsm = cells.obs.copy(), cells.var.copy(), dict(cells.obsm)
    return ad.AnnData(x, obs=obs, var=var, obsm=obsm, uns=dict(cells.uns))


def _is_large(path: Path) -> bool:
    """Whether the matrix of an ``.h5ad`` is better left in it."""
    if not (path.is_file() and h5py.is_hdf5(path)):
        return False
    with h5py.File(path, "r") as file:
        x = file.get("X")
        values = x.get("data") if isinstance(x, h5py.Group) else x
        return isinstance(values, h5py.Dataset) and values.nbytes > LARGE


def _backed(file: Group, path: str | Path, layer: str | None, places: bool) -> ad.AnnData | None:
    """Cells by genes without layers and the like; None where reading changes more than that."""
    with reading(path):
        if file.attrs.get("encoding-type") != "anndata":
            # Of an older anndata, which does not say what each entry is.
            return None
        x = _rows(file)
        if x is None:
            return None
        obs, var = ad.io.read_elem(file["obs"]), ad.io.read_elem(file["var"])
        if not (are_genes(var).all() and obs.index.is_unique and var.index.is_unique):
            return None
        if isinstance(file, h5py.File):
            _check_copied(file, path, (len(obs), len(var)))
        else:
            check_structure(x, str(path))
        elsewhere = len(file.get("layers", ())) or "raw" in file
        if layer is None and elsewhere and what_is_held(x) is not None:
            return None
        obsm = ad.io.read_elem(file["obsm"]) if places and "obsm" in file else {}
        named = f"uns/{MODALITIES}"
        uns = {MODALITIES: ad.io.read_elem(file[named])} if obsm and named in file else {}
        return ad.AnnData(x, obs=_text_index(obs), var=_text_index(var), obsm=obsm, uns=uns)


def _check_copied(file: h5py.File, path: str | Path, shape: tuple[int, int]) -> None:
    """All matrices of the file: those that are not read are copied, and must fit the cells."""
    n, g = shape
    wanted = {"X": (n, g), "layers": (n, g), "obsm": (n,), "obsp": (n, n)}
    wanted |= {"varm": (g,), "varp": (g, g)}

    def check(name: str, entry: h5py.Group | h5py.Dataset) -> None:
        if entry.attrs.get("encoding-type") in ("csr_matrix", "csc_matrix"):
            check_structure(ad.io.sparse_dataset(entry), str(path), name)
        where, _, within = name.partition("/")
        sizes = getattr(entry, "shape", None) or entry.attrs.get("shape")
        fitting = wanted.get(where)
        if sizes is None or fitting is None or within.count("/") or where == "X" and within:
            return
        if tuple(sizes[: len(fitting)]) != fitting:
            raise DataError(
                f"Cannot read {path}: {name} in it has the shape {tuple(map(int, sizes))} and does "
                f"not fit {n} cells and {g} genes: write the file again."
            )

    file.visititems(check)


def _rows(file: Group) -> ad.abc.CSRDataset | h5py.Dataset | None:
    """``X``, if rows of it can be taken."""
    x = file.get("X")
    if x is None:
        return None
    kind = (x.attrs.get("encoding-type"), x.attrs.get("encoding-version"))
    if isinstance(x, h5py.Dataset):
        return x if x.ndim == 2 and kind == ("array", "0.2.0") else None
    if kind == ("csr_matrix", "0.1.0") and "indptr" in x:
        rows = ad.io.sparse_dataset(x)
        return rows if isinstance(rows, ad.abc.CSRDataset) else None
    return None


def _text_index(table: pd.DataFrame) -> pd.DataFrame:
    table.index = table.index.astype(str)
    return table
