"""The process that walks HDF5 files before they are read: one for many mutants."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from napari_dpvae.data.formats import hdf5_walk

PATIENCE = 2.0
"""Seconds to walk a small file."""
PROGRAM = """
import sys
from napari_dpvae.data.formats.hdf5_walk import DONE, walk

for line in sys.stdin:
    walk(line.rstrip("\\n"))
    print(DONE, flush=True)
"""


class Walker:
    """Walks as the package does, but starts Python anew only after a file that ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def said_by_child(self, path: Path, _: float) -> tuple[bytes, bool]:
        """What ``hdf5_child.said_by_child`` returns."""
        process = self._process or self._started()
        assert process.stdin is not None and process.stdout is not None
        late = threading.Timer(PATIENCE, process.kill)
        late.start()
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        said = f"{hdf5_walk.BEGUN} {process.stdout.readline()}".encode()
        in_time = late.is_alive()
        late.cancel()
        if hdf5_walk.DONE.encode() not in said:
            process.kill()
            process.wait()
            self._process = None
        return said, in_time

    def _started(self) -> subprocess.Popen[str]:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        # Python and its libraries take longer than a file.
        self._process.stdin.write(f"{Path(__file__)}\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        self._process.stdout.readline()  # type: ignore[union-attr]
        return self._process
