"""HDF5 files that are written to, where a full disk ends in an error."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import h5py


@contextmanager
def hdf5_output(path: Path, *, change: bool = False) -> Iterator[h5py.File]:
    """An HDF5 file to write to.

    Parameters
    ----------
    path
        Of the file.
    change
        Whether to change a file that is there, in place of a new one.

    Raises
    ------
    OSError
        When something of it could not be written.
    """
    with open(path, "r+b" if change else "w+b", buffering=0) as raw:
        disk = Disk(raw)
        try:
            with h5py.File(disk, "r+" if change else "w") as file:
                yield file
        finally:
            # Instead of whatever followed from it.
            disk.check()


def write_anndata(cells: ad.AnnData, path: Path) -> None:
    """As ``AnnData.write_h5ad``, packed.

    Raises
    ------
    OSError
        When something of it could not be written.
    """
    cells.strings_to_categoricals()
    if cells.raw is not None:
        cells.strings_to_categoricals(cells.raw.var)
    with hdf5_output(path) as file:
        ad.io.write_elem(file, "/", cells, dataset_kwargs={"compression": "gzip"})
        if cells.raw is None and "raw" in file:
            # Other programs know no entry that says so.
            del file["raw"]


class Disk:
    """A file as HDF5 sees it: the first error is kept, and nothing is written from then on.

    Told of an error, HDF5 cannot close its file, and ends the whole process some calls later.

    Parameters
    ----------
    raw
        Without a buffer, to read and write.
    """

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self._error: BaseException | None = None
        self.seek, self.tell = raw.seek, raw.tell
        self.read, self.readinto = raw.read, raw.readinto

    def check(self) -> None:
        """Say what went wrong.

        Raises
        ------
        OSError
            When something could not be written.
        """
        if self._error is not None:
            raise self._error

    def write(self, data: Any) -> int:
        """All of it, or nothing."""
        try:
            left = memoryview(data)
            while self._error is None and len(left):
                left = left[self._raw.write(left) :]
        except BaseException as error:  # noqa: BLE001 - such as Ctrl-C: raised when it is closed
            self._error = error
        return len(data)

    def truncate(self, size: int) -> int:
        """Have this size."""
        try:
            return self._raw.truncate(size)
        except OSError as error:
            self._error = self._error or error
            return size

    def flush(self) -> None:
        """Nothing is held back."""
