"""A program of its own: reads what the HDF5 library may die of in a damaged file.

:mod:`napari_dpvae.data.formats.hdf5_child` runs it in another process. It imports nothing of this
package, so that it starts quickly. What raises is no matter here: it raises again, and is said,
where the file is read.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import suppress

import h5py

BEGUN, DONE = "begun", "done"
MOST_OBJECTS = 1_000_000
MOST_TEXTS = 10_000_000
"""Values of any length, such as names of cells, that are read."""
AT_ONCE = 100_000


def walk(path: str) -> None:
    """Read everything but numbers: links, attributes, where data lie, and texts."""
    texts = 0
    with suppress(Exception), h5py.File(path, "r") as file:
        for entry in _entries(file):
            with suppress(Exception):
                dict(entry.attrs)
            if isinstance(entry, h5py.Dataset):
                with suppress(Exception):
                    if entry.external is not None or entry.is_virtual:
                        # Refused later: what lies in another file may never end.
                        continue
                    entry.id.get_storage_size()
                    if entry.dtype.hasobject and texts + entry.size <= MOST_TEXTS:
                        texts += entry.size
                        _read(entry)


def _entries(file: h5py.File) -> Iterator[h5py.HLObject]:
    """Every object of the file once, itself first."""
    yield file
    seen = {h5py.h5o.get_info(file.id).addr}
    groups: list[h5py.Group] = [file]
    while groups and len(seen) < MOST_OBJECTS:
        group = groups.pop()
        with suppress(Exception):
            for name in group:
                with suppress(Exception):
                    if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                        continue
                    entry = group[name]
                    address = h5py.h5o.get_info(entry.id).addr
                    if address not in seen:
                        seen.add(address)
                        yield entry
                        if isinstance(entry, h5py.Group):
                            groups.append(entry)


def _read(entry: h5py.Dataset) -> None:
    """All values of a data set, some rows at a time."""
    if not entry.shape:
        entry[()]
        return
    rows = max(1, AT_ONCE // max(1, math.prod(entry.shape[1:])))
    for first in range(0, len(entry), rows):
        entry[first : first + rows]


def _die_quietly() -> None:
    """Neither a window that says so, nor a file with what was in memory."""
    if sys.platform == "win32":
        import ctypes

        no_critical_errors, no_fault_box = 1, 2
        ctypes.windll.kernel32.SetErrorMode(no_critical_errors | no_fault_box)
    else:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    _die_quietly()
    print(BEGUN, flush=True)
    walk(sys.argv[1])
    print(DONE, flush=True)
    # Nothing is left to tidy up, which would take as long.
    os._exit(0)
