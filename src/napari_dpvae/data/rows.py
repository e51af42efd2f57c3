"""A matrix that a file stores by columns, brought into rows in a scratch file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack

import anndata as ad
import h5py
import numpy as np

from napari_dpvae.data.hdf5_output import Disk
from napari_dpvae.data.scratch import reason
from napari_dpvae.errors import DataError

AT_ONCE = 4_000_000
"""Values in memory at once."""


def in_rows(x: ad.abc.CSCDataset, stack: ExitStack) -> ad.abc.CSRDataset:
    """The same matrix by rows, in a file without a name that is gone with the stack.

    Every value is written twice: first to the part of the rows that it is of, then, part by part,
    in the order of the rows. So memory is bounded whatever the size of the matrix.

    Parameters
    ----------
    x
        (n, g), whose structure was checked.
    stack
        Keeps the scratch file.

    Raises
    ------
    DataError
        When there is no room for it.
    """
    try:
        disk = Disk(stack.enter_context(tempfile.TemporaryFile(buffering=0)))
        file = stack.enter_context(h5py.File(disk, "w"))
        found = _written(x, file)
        file.flush()
        disk.check()
        return found
    except OSError as error:
        raise DataError(
            "The query is stored by genes, and a copy of it by cells cannot be written in "
            f"{tempfile.gettempdir()} ({reason(error)}): name a larger folder in TMPDIR."
        ) from error


def _written(x: ad.abc.CSCDataset, file: h5py.File) -> ad.abc.CSRDataset:
    n, size = x.shape[0], int(x.group["indptr"][-1])
    lengths = np.zeros(n, np.int64)
    for rows, _, _ in _parts(x, size):
        lengths += np.bincount(rows, minlength=n)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    made = file.create_group(x.group.name)
    made.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
    made.attrs["shape"] = x.shape
    made["indptr"] = starts
    types = {"rows": np.int64, "indices": np.int64, "data": x.group["data"].dtype}
    arrays = [made.create_dataset(name, size, dtype) for name, dtype in types.items()]
    part_of = starts[:-1] // AT_ONCE
    bounds = starts[np.searchsorted(part_of, np.arange(part_of.max(initial=0) + 2))]
    _put_into_parts(x, arrays, part_of, bounds[:-1].copy())
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
        order = np.argsort(arrays[0][start:stop], kind="stable")
        for array in arrays[1:]:
            array[start:stop] = array[start:stop][order]
    del made["rows"]
    found: ad.abc.CSRDataset = ad.io.sparse_dataset(made)
    return found


def _put_into_parts(
    x: ad.abc.CSCDataset, arrays: list[h5py.Dataset], part_of: np.ndarray, free: np.ndarray
) -> None:
    """Write each value to the next free place of the part of the rows that it is of."""
    for values in _parts(x, arrays[0].shape[0]):
        parts = part_of[values[0]]
        for part in np.unique(parts):
            chosen = parts == part
            stop = free[part] + np.count_nonzero(chosen)
            for array, each in zip(arrays, values, strict=True):
                array[free[part] : stop] = each[chosen]
            free[part] = stop


def _parts(x: ad.abc.CSCDataset, size: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows, columns and values of what is stored, a part at a time."""
    pointers = x.group["indptr"][:].astype(np.int64)
    for start in range(0, size, AT_ONCE):
        stop = min(start + AT_ONCE, size)
        columns = np.searchsorted(pointers, np.arange(start, stop), side="right") - 1
        yield x.group["indices"][start:stop], columns, x.group["data"][start:stop]
