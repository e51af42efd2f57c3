"""Chunks of placed cells in a folder beside the file to be, until it is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from napari_dpvae.data.write import replacing
from napari_dpvae.placement.solve import Solved

OF = "of.txt"


class KeptChunks:
    """What is solved of a placing: it goes on there if it is interrupted.

    Parameters
    ----------
    output
        The file to be.
    of
        What is placed, by what and how: chunks of anything else are not gone on with.
    resume
        Whether to go on with those that are there.
    """

    def __init__(self, output: str | Path, of: str, *, resume: bool) -> None:
        self._folder = unfinished(output)
        self._of = of
        stamp = self._folder / OF
        if not (resume and stamp.is_file() and stamp.read_text() == of):
            self.remove()

    def __contains__(self, number: int) -> bool:
        return self._file(number).is_file()

    def read(self, number: int) -> Solved:
        """A chunk that is there."""
        with np.load(self._file(number)) as arrays:
            return Solved(*(arrays[name] for name in Solved._fields))

    def keep(self, number: int, solved: Solved) -> None:
        """Write a chunk: whole, or not at all."""
        if not self._folder.is_dir():
            self._folder.mkdir()
            with replacing(self._folder / OF) as scratch:
                scratch.write_text(self._of)
        with replacing(self._file(number)) as scratch:
            np.savez(scratch, **solved._asdict())

    def remove(self) -> None:
        """All of them."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:06d}.npz"


def unfinished(output: str | Path) -> Path:
    """Where to go on with a result that is not done."""
    path = Path(output).expanduser()
    return path.with_name(f"{path.name}.unfinished")
