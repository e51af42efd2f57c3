"""What is done of long work, in a folder beside the file to be, until that is written."""

from __future__ import annotations

import hashlib
import logging
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock

import numpy as np
from safetensors.numpy import load_file
from scipy import sparse

from napari_dpvae.data.paths import as_path
from napari_dpvae.data.replacing import replacing
from napari_dpvae.data.tensors import save_tensors
from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)

OF = "of.txt"
OLD = 30 * 24 * 3600.0
"""Seconds after which nobody goes on any more with parts that lie apart."""


class Unfinished:
    """Parts of a result, by number: work that is interrupted goes on with those that are there.

    Parameters
    ----------
    output
        The file to be: parts lie in a folder of its name and ``.unfinished``.
    resume
        Whether to go on with parts that are there; they are removed if not.
    apart
        Whether parts of other results with the same output are kept beside, each in a folder of its
        own, until they are old; and whether work goes on where the disk does not take them.
    """

    def __init__(self, output: str | Path, *, resume: bool = False, apart: bool = False) -> None:
        self._output = as_path(output)
        self.folder = self._named("")
        self._resume, self._apart, self._of = resume, apart, ""
        self._writing = Lock()

    def begin(self, *of: object) -> None:
        """Say what the result is made of, and how: parts of any other are removed.

        Arrays and sparse matrices are taken by their values, all else by its ``repr``.
        """
        self._of = _digest(of)
        if self._apart:
            self._remove_old()
            self.folder = self._named(f"-{self._of[:16]}")
        stamp = self.folder / OF
        if not (self._resume and stamp.is_file() and stamp.read_text() == self._of):
            self.remove()

    def __len__(self) -> int:
        """Parts that are there."""
        return len(list(self.folder.glob("*.safetensors")))

    def __contains__(self, number: int) -> bool:
        return self._file(number).is_file()

    def read(self, number: int) -> dict[str, np.ndarray]:
        """The arrays of a part that is there."""
        return load_file(self._file(number))

    def keep(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a part: whole, or not at all. Threads may do so at once."""
        try:
            # The first makes the folder, and takes it away again if its part cannot be written.
            with self._writing:
                self._write(number, arrays)
        except (DataError, OSError):
            if not self._apart:
                raise
            logger.debug("Part %d of unfinished work was not kept.", number, exc_info=True)

    def _write(self, number: int, arrays: Mapping[str, np.ndarray]) -> None:
        first = not self.folder.is_dir()
        try:
            if first:
                self.folder.mkdir(parents=self._apart)
                with replacing(self.folder / OF) as scratch:
                    scratch.write_text(self._of)
            save_tensors(self._file(number), arrays)
        except BaseException:
            if first:
                self.remove()
            raise

    def remove(self) -> None:
        """All parts: they are of no more use."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _named(self, which: str) -> Path:
        return self._output.with_name(f"{self._output.name}{which}.unfinished")

    def _remove_old(self) -> None:
        for folder in self._output.parent.glob(f"{self._output.name}-*.unfinished"):
            if time.time() - folder.stat().st_mtime > OLD:
                shutil.rmtree(folder, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.safetensors"


def _digest(parts: Iterable[object]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        if sparse.issparse(part):
            rows = sparse.csr_array(part)
            part = np.array(_digest((rows.shape, rows.data, rows.indices, rows.indptr)))
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype} {part.shape} ".encode() + part.tobytes())
        else:
            digest.update(repr(part).encode())
    return digest.hexdigest()
