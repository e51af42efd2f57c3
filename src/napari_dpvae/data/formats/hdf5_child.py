"""Files that the HDF5 library dies of: found out in another process, before this one reads them."""

from __future__ import annotations

import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from napari_dpvae.data.formats import hdf5_walk
from napari_dpvae.errors import DataError

PATIENCE = 20.0
"""Seconds to read what is small, where the library may go round in circles."""
SLOWEST = 10e6
"""Bytes that the slowest disk gives in a second."""
FILES_KNOWN = 1000


def check_walk(path: Path) -> None:
    """Refuse a file that ends the process which reads it, or never lets it go on.

    The library trusts what stands in a file where it should not. So it reads what is not numbers
    first in a short-lived process; once for a file that stays as it is.

    Raises
    ------
    DataError
        When that process did not come to its end.
    """
    found = path.stat()
    how = _walked(path, found.st_size, found.st_mtime_ns, found.st_ino)
    if how:
        raise DataError(
            f"Cannot read {path}: it is damaged (the HDF5 library {how} on it): copy it again, or "
            "write it again from its source."
        )


@lru_cache(FILES_KNOWN)
def _walked(path: Path, size: int, *_: int) -> str:
    """What becomes of a process that walks a file; nothing where all is well, or none starts."""
    said, in_time = said_by_child(path, PATIENCE + size / SLOWEST)
    lines = said.decode(errors="replace").split()
    if hdf5_walk.BEGUN not in lines or hdf5_walk.DONE in lines:
        return ""
    return "crashes" if in_time else "hangs"


def said_by_child(path: Path, seconds: float) -> tuple[bytes, bool]:
    """What a process that walks a file says, and whether it ended within its time."""
    if not sys.executable or hasattr(sys, "frozen"):
        # A program that is no Python interpreter would start anew.
        return b"", True
    try:
        child = subprocess.run(
            [sys.executable, "-P", hdf5_walk.__file__, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired as error:
        return error.stdout or b"", False
    except OSError:
        return b"", True
    return child.stdout, True
