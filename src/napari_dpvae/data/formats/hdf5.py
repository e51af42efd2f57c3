"""HDF5 files, opened once it is sure that they reach no other file and fit into memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_dpvae.data.formats.bounds import check_memory, check_regular
from napari_dpvae.data.formats.hdf5_child import FILES_KNOWN, check_walk
from napari_dpvae.errors import DataError

SIGNATURE = b"\x89HDF\r\n\x1a\n"
FIRST_AFTER_BLOCK = 512
"""Where a file begins after a user block, or at twice that, four times, and so on."""
DEEPEST = 64
MOST_OBJECTS = 1_000_000
EMPTY_IS_FINE = 64 << 20
"""Bytes that a data set may claim without any that are stored."""
LARGE = 4 << 30
"""Bytes from which on it matters how well a data set is packed."""
BEST_PACKED = 500
"""Times that expression is packed smaller at most; zeros alone are packed more."""
COLUMNS = "column-order"
"""Attribute of a table with the names of its columns."""
ENTRY = re.compile(r"/?(mod/[^/]+/)?((?:raw/)?(?:obsm|varm|layers|obsp|varp))/([^/]+)")
"""Where a file keeps an array of an AnnData, or of a modality of a MuData."""


def is_hdf5(path: Path) -> bool:
    """Whether a path is an HDF5 file, by its signature alone: the library may die of the rest."""
    if not path.is_file():
        return False
    with suppress(OSError), open(path, "rb") as file:
        at, size = 0, path.stat().st_size
        while at < size:
            file.seek(at)
            if file.read(len(SIGNATURE)) == SIGNATURE:
                return True
            at = 2 * at or FIRST_AFTER_BLOCK
    return False


@contextmanager
def hdf5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to read from, checked.

    Raises
    ------
    DataError
        When it is none, or links to other files, or claims more than memory holds.
    """
    check_regular(path)
    check_walk(path)
    with ExitStack() as opened:
        try:
            found = path.stat()
            total = _checked_total(path, found.st_size, found.st_mtime_ns, found.st_ino)
            file = opened.enter_context(h5py.File(path, "r"))
        except (OSError, RuntimeError, KeyError, UnicodeError) as error:
            raise DataError(
                f"Cannot read {path}: it is no whole HDF5 file: give a file that was copied "
                "completely."
            ) from error
        check_memory(total, path, "what it holds")
        yield file


@lru_cache(FILES_KNOWN)
def _checked_total(path: Path, *_: int) -> int:
    """Bytes of all data sets of a file whose objects are sound; once while it stays as it is."""
    with h5py.File(path, "r") as file:
        return _check_objects(file, path)


def _check_objects(file: h5py.File, path: Path) -> int:
    """Walk all groups once, without following anything out of the file; bytes of its data sets."""
    total = 0
    seen: set[int] = set()
    root = _address(file)
    waiting: list[tuple[h5py.Group, frozenset[int]]] = [(file, frozenset({root}))]
    while waiting:
        group, above = waiting.pop()
        if len(above) > DEEPEST or len(seen) > MOST_OBJECTS:
            raise DataError(f"Cannot read {path}: its groups are nested too deep, or too many.")
        for name in group:
            _check_link(group, name, path)
            entry = group[name]
            address = _address(entry)
            if address in above:
                raise DataError(
                    f"Cannot read {path}: {group.name.rstrip('/')}/{name} is a link to a group "
                    "that holds it: remove the link."
                )
            if address in seen:
                continue
            seen.add(address)
            if isinstance(entry, h5py.Group):
                _check_columns(entry, path)
                _check_sparse(entry, path)
                check_is_array(entry, path)
                waiting.append((entry, above | {address}))
            elif isinstance(entry, h5py.Dataset):
                total += _checked_size(entry, path)
    return total


def _address(entry: h5py.HLObject) -> int:
    return int(h5py.h5o.get_info(entry.id).addr)


def _check_link(group: h5py.Group, name: str, path: Path) -> None:
    link = group.get(name, getlink=True)
    where = f"{group.name.rstrip('/')}/{name}"
    if isinstance(link, h5py.ExternalLink):
        raise DataError(
            f"Cannot read {path}: {where} is a link to another file: copy what it names into "
            "this one."
        )
    try:
        group[name]
    except (KeyError, RuntimeError, OSError) as error:
        # The others are raised for links in a circle.
        raise DataError(f"Cannot read {path}: {where} is a link to nothing.") from error


def _checked_size(entry: h5py.Dataset, path: Path) -> int:
    """Bytes of a data set that is stored in this file."""
    if entry.external is not None or entry.is_virtual:
        raise DataError(
            f"Cannot read {path}: {entry.name} is stored in another file: copy it into this one."
        )
    if h5py.check_ref_dtype(entry.dtype) is not None:
        raise DataError(
            f"Cannot read {path}: {entry.name} holds references to places in the file, and no "
            "values: leave it out."
        )
    _check_packing(entry, path)
    if entry.shape is None:
        return 0
    size = int(np.prod(entry.shape, dtype=object)) * entry.dtype.itemsize
    stored = entry.id.get_storage_size()
    if size > EMPTY_IS_FINE and stored == 0 or size > LARGE and size > BEST_PACKED * stored:
        how = "none" if stored == 0 else f"only {stored / 1e6:,.1f} MB"
        raise DataError(
            f"Cannot read {path}: {entry.name} claims {size / 1e9:,.1f} GB of which {how} is "
            "stored: check where the file came from."
        )
    return size


def _check_packing(entry: h5py.Dataset, path: Path) -> None:
    """Refuse what is packed in a way that HDF5 has to be taught, where nobody does."""
    properties = entry.id.get_create_plist()
    filters = [properties.get_filter(i) for i in range(properties.get_nfilters())]
    for code, _, _, name in filters:
        if not h5py.h5z.filter_avail(code) and not _is_taught(code):
            said = name.split(b";")[0].decode(errors="replace").strip("\0") or f"filter {code}"
            raise DataError(
                f"Cannot read {path}: {entry.name} is packed ({said}): install what unpacks it "
                "('pip install hdf5plugin'), or write the file with gzip."
            )


def _is_taught(code: int) -> bool:
    """Whether a filter is there once the package of most of them is loaded, if there is one."""
    with suppress(ImportError):
        import_module("hdf5plugin")
    return bool(h5py.h5z.filter_avail(code))


def _check_sparse(matrix: h5py.Group, path: Path) -> None:
    """A sparse matrix whose parts do not fit its shape: it is made before it is looked at."""
    kind = matrix.attrs.get("encoding-type")
    if kind not in ("csr_matrix", "csc_matrix"):
        return
    if not _fits(matrix, by_rows=kind == "csr_matrix"):
        raise DataError(
            f"Cannot read {path}: its sparse matrix {matrix.name} is damaged (its parts do not fit "
            "its shape): write the file again from its source."
        )


def _fits(matrix: h5py.Group, *, by_rows: bool) -> bool:
    """Whether the lengths and types of the three parts are those of its shape."""
    try:
        rows, columns = (int(length) for length in matrix.attrs["shape"])
        (values,), (indices,), (pointers,) = (
            matrix[part].shape for part in ("data", "indices", "indptr")
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    whole = all(matrix[part].dtype.kind in "iu" for part in ("indices", "indptr"))
    lines = rows if by_rows else columns
    return whole and values == indices and pointers == lines + 1 and min(rows, columns) >= 0


def check_is_array(entry: Any, path: Path) -> None:
    """Refuse a group of an HDF5 file or zarr store that stands where AnnData has an array.

    Older versions of anndata wrote one for a name with ``/`` in it, and no version reads it.

    Raises
    ------
    DataError
        With the name that it had.
    """
    found = ENTRY.fullmatch(entry.name)
    kinds = {"encoding-type", "h5sparse_format"} & set(entry.attrs)
    if found is None or {"data", "indptr"} <= set(entry):
        return
    if not kinds or entry.attrs.get("encoding-type") == "dict":
        inner = next(iter(entry), "")
        raise DataError(
            f"Cannot read {path}: {found[2]}['{found[3]}/{inner}'] has a / in its name, which "
            "makes it a group: give it a name without in the program that wrote it."
        )


def _check_columns(table: h5py.Group, path: Path) -> None:
    """A table that names a column a thousand times would be read for minutes."""
    if COLUMNS not in table.attrs:
        return
    names = [str(name) for name in np.ravel(table.attrs[COLUMNS])]
    if len(set(names)) < len(names):
        raise DataError(
            f"Cannot read {path}: {table.name} names a column more than once: write the file again."
        )
