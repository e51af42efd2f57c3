"""Queries whose matrix stays in its file: rows are read when they are needed."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anndata as ad
import h5py
import pandas as pd
import zarr

from napari_dpvae.data.coordinates import has_places
from napari_dpvae.data.counts import LAYERS, RAW, X, chosen_matrix
from napari_dpvae.data.formats.anndata_files import check_arrays, read_anndata_zarr
from napari_dpvae.data.formats.bounds import check_store, existing
from napari_dpvae.data.formats.hdf5 import hdf5, is_hdf5
from napari_dpvae.data.formats.modalities import MODALITIES, are_genes
from napari_dpvae.data.formats.registry import recognise
from napari_dpvae.data.formats.tenx import tenx_in_file
from napari_dpvae.data.paths import as_path
from napari_dpvae.data.read import read_either, read_query, reading, unique_names
from napari_dpvae.data.rows import in_rows
from napari_dpvae.data.structure import check_structure
from napari_dpvae.errors import DataError

Group: TypeAlias = Any
"""The root of an HDF5 file or of a zarr store, which are asked alike."""
Stored: TypeAlias = ad.abc.CSRDataset | h5py.Dataset | zarr.Array[Any]
"""A matrix in a file, of which rows can be taken."""
KNOWN = {("array", "0.2.0"), ("csr_matrix", "0.1.0"), ("csc_matrix", "0.1.0")}
"""Encodings of matrices, and their versions."""
LARGE = 200_000_000
"""Bytes of values that a window leaves in their file until cells are placed."""


@contextmanager
def opened_query(
    path: str | Path, *, layer: str | None = None, places: bool = False, all_else: bool = False
) -> Iterator[ad.AnnData]:
    """A query to read from while it is open: its matrix stays in the file where that is possible.

    It is, for an ``.h5ad`` or an AnnData ``.zarr``, sparse or dense, in ``X``, a layer or ``raw``,
    and for a 10x ``.h5`` of genes alone; one that is stored by columns is brought into rows in a
    scratch file. All else is read whole, by :func:`napari_dpvae.read_query`.

    Parameters
    ----------
    path, layer
        As for :func:`napari_dpvae.read_query`.
    places
        Whether ``obsm`` is needed.
    all_else
        Whether everything is, such as layers, which stay in the file, too.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    with ExitStack() as stack:
        file = _opened(stack, path)
        query = None if file is None else _backed(stack, file, path, layer, places, all_else)
        if query is not None:
            with _whole(path):
                yield query
            return
    yield read_query(path, layer=layer)


def _opened(stack: ExitStack, path: str | Path) -> Group | None:
    """HDF5 or an AnnData store, open for as long as the stack; None for other files."""
    found = existing(path)
    if is_hdf5(found):
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
    if _is_large(as_path(path)):
        with ExitStack() as stack:
            cells = _backed(stack, _opened(stack, path), path, None, places=True)
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
    if _is_large(as_path(path)):
        cells = open_query(path)
        if is_backed(cells) and not has_places(cells):
            return cells
    return read_either(path)


def is_backed(cells: ad.AnnData) -> bool:
    """Whether the matrix is in a file."""
    return isinstance(getattr(cells, "X", None), ad.abc.CSRDataset | h5py.Dataset | zarr.Array)


def in_memory(cells: ad.AnnData) -> ad.AnnData:
    """The cells themselves, or with their matrix if it is in a file."""
    if not is_backed(cells):
        return cells
    x = cells.X.to_memory() if isinstance(cells.X, ad.abc.CSRDataset) else cells.X[:]
    obs, var, obsm = cells.obs.copy(), cells.var.copy(), dict(cells.obsm)
    return ad.AnnData(x, obs=obs, var=var, obsm=obsm, uns=dict(cells.uns))


def _is_large(path: Path) -> bool:
    """Whether the matrix of HDF5 or an AnnData store is better left in it."""
    with ExitStack() as stack:
        file = _opened(stack, path)
        if file is None:
            return False
        x = file.get(X, file.get("matrix"))
        values = x.get("data") if isinstance(x, h5py.Group | zarr.Group) else x
        return isinstance(values, h5py.Dataset | zarr.Array) and values.nbytes > LARGE


def name_in_file(x: Stored) -> str:
    """Such as ``X`` or ``layers/counts``; of a copy by rows, that of what it is a copy of."""
    name: str = x.group.name if isinstance(x, ad.abc.CSRDataset) else x.name
    return name.strip("/")


class _Matrices(Mapping[str, Stored]):
    """Those of a file, by their names in it, each brought into rows once it is asked for."""

    def __init__(self, file: Group, stack: ExitStack) -> None:
        names = [X, *(LAYERS + name for name in file.get("layers", ())), f"{RAW}/{X}"]
        self._entries = {name: file[name] for name in names if name in file}
        self._found: dict[str, Stored] = {}
        self._stack = stack

    @property
    def are_known(self) -> bool:
        """Whether all are stored in a way that is read here."""
        kinds = [
            (entry.attrs.get("encoding-type"), entry.attrs.get("encoding-version"))
            for entry in self._entries.values()
        ]
        return set(kinds) <= KNOWN

    def __getitem__(self, name: str) -> Stored:
        if name not in self._found:
            entry = self._entries[name]
            if entry.attrs["encoding-type"] != "array":
                entry = ad.io.sparse_dataset(entry)
            by_columns = isinstance(entry, ad.abc.CSCDataset)
            self._found[name] = in_rows(entry, self._stack) if by_columns else entry
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _backed(
    stack: ExitStack,
    file: Group,
    path: str | Path,
    layer: str | None,
    places: bool,
    all_else: bool = False,
) -> ad.AnnData | None:
    """Cells by genes as asked for; None where reading changes more than that."""
    with reading(path):
        if isinstance(file, h5py.File) and "matrix" in file:
            cells = tenx_in_file(file, as_path(path), stack)
            return None if cells is None or layer not in (None, X) else unique_names(cells)
        matrices = _Matrices(file, stack)
        if file.attrs.get("encoding-type") != "anndata" or not matrices.are_known:
            # Of an older anndata, which does not say what each entry is.
            return None
        obs = ad.io.read_elem(file["obs"])
        _check_copied(file, path, (len(obs), len(ad.io.read_elem(file["var"]))))
        chosen = chosen_matrix(matrices, layer)
        if chosen not in matrices or not matrices[chosen].dtype.isnative:
            return None
        within = file[RAW] if chosen.startswith(RAW) else file
        var = ad.io.read_elem(within["var"])
        if not (are_genes(var).all() and obs.index.is_unique and var.index.is_unique):
            return None
        parts: dict[str, Any] = {"obsm": _entry(file, "obsm")} if places or all_else else {}
        if all_else:
            parts |= {name: _entry(file, name) for name in ("uns", "obsp")}
            parts |= {name: _entry(within, name) for name in ("varm", "varp")}
            if within is file:
                parts |= _other_matrices(file, matrices)
        elif places:
            named = _entry(file, f"uns/{MODALITIES}")
            parts["uns"] = {MODALITIES: named} if named and parts["obsm"] else {}
        return ad.AnnData(matrices[chosen], obs=_text_index(obs), var=_text_index(var), **parts)


def _entry(file: Group, name: str) -> Any:
    return ad.io.read_elem(file[name]) if name in file else {}


def _other_matrices(file: Group, matrices: Mapping[str, Stored]) -> dict[str, Any]:
    """Layers and ``raw``, which stay in the file."""
    layers = [name.removeprefix(LAYERS) for name in matrices if name.startswith(LAYERS)]
    found: dict[str, Any] = {"layers": {name: matrices[LAYERS + name] for name in layers}}
    if f"{RAW}/{X}" in matrices:
        found["raw"] = {
            "X": matrices[f"{RAW}/{X}"],
            "var": _text_index(ad.io.read_elem(file[f"{RAW}/var"])),
            "varm": _entry(file, f"{RAW}/varm"),
        }
    return found


def _check_copied(file: Group, path: str | Path, shape: tuple[int, int]) -> None:
    """All matrices of the file: those that are not read are copied, and must fit the cells."""
    n, g = shape
    wanted = {"X": (n, g), "layers": (n, g), "obsm": (n,), "obsp": (n, n), "raw": (n,)}
    wanted |= {"varm": (g,), "varp": (g, g)}
    for name, entry in _entries(file):
        if entry.attrs.get("encoding-type") in ("csr_matrix", "csc_matrix"):
            check_structure(ad.io.sparse_dataset(entry), str(path), name)
        where, _, within = name.partition("/")
        sizes = getattr(entry, "shape", None) or entry.attrs.get("shape")
        fitting = wanted.get(where)
        if sizes is None or fitting is None or within.count("/"):
            continue
        if where == "X" and within or where == RAW and within != X:
            continue
        if tuple(sizes[: len(fitting)]) != fitting:
            raise DataError(
                f"Cannot read {path}: {name} in it has the shape {tuple(map(int, sizes))} and does "
                f"not fit {n} cells and {g} genes: write the file again."
            )


def _entries(file: Group) -> list[tuple[str, Any]]:
    """Everything in it, by the way to it."""
    if isinstance(file, zarr.Group):
        return list(file.members(max_depth=None))
    found: list[tuple[str, Any]] = []
    file.visititems(lambda name, entry: found.append((name, entry)))
    return found


def _text_index(table: pd.DataFrame) -> pd.DataFrame:
    # An index that is text already stays: it knows by now that its names are unique.
    if pd.api.types.infer_dtype(table.index, skipna=False) != "string":
        table.index = table.index.astype(str)
    return table
