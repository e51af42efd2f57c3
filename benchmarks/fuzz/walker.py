"""The process that walks HDF5 files before they are read: one for many files."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from napari_dpvae.data.formats.hdf5_walk import BEGUN, DONE

PROGRAM = f"""
import sys
from napari_dpvae.data.formats.hdf5_walk import walk

print("{BEGUN}", flush=True)
for line in sys.stdin:
    walk(line.rstrip("\\n"))
    print("{DONE}", flush=True)
"""


class Walker:
    """Walks as the package does, but starts Python anew only after a file that ended it.

    Parameters
    ----------
    patience
        Seconds for a file, if less than the package has.
    """

    def __init__(self, patience: float = math.inf) -> None:
        self._patience = patience
        self._process: subprocess.Popen[str] | None = None
        self._one_at_a_time = threading.Lock()

    def said_by_child(self, path: Path, seconds: float) -> tuple[bytes, bool]:
        """What ``hdf5_child.said_by_child`` returns."""
        with self._one_at_a_time:
            process = self._process = self._process or _started()
            late = threading.Timer(min(seconds, self._patience), process.kill)
            late.start()
            said = _answer(process, path)
            in_time = late.is_alive()
            late.cancel()
            if said != DONE:
                self._stop()
            return f"{BEGUN} {said}".encode(), in_time

    def close(self) -> None:
        """End the process."""
        with self._one_at_a_time:
            self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _started() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    # Python and its libraries take longer than a file.
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _answer(process: subprocess.Popen[str], path: Path) -> str:
    assert process.stdin is not None and process.stdout is not None
    # One that died of the file before is found out here.
    with suppress(OSError):
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
    return process.stdout.readline().strip()
