"""What a file may ask of this machine, and what it may not reach."""

from __future__ import annotations

import gzip
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import psutil

from napari_dpvae.data.paths import NO_PATH, as_path, is_there, shown
from napari_dpvae.data.scratch import reason
from napari_dpvae.errors import DataError

MOST_FILES = 5_000_000
"""Files in a folder that are looked at."""
TEXT_SHARE = 0.25
"""Of the machine's memory that text may unpack to: as numbers it takes more."""
MOST_GZIP = 1040
"""Gzip packs no better than this: 1032 bytes into one."""


def check_memory(size: float, path: Path, what: str) -> None:
    """Refuse what this machine cannot hold, before anything is allocated.

    Parameters
    ----------
    size
        Bytes needed.
    path, what
        For the sentence.

    Raises
    ------
    DataError
        When it is more than the machine's memory.
    """
    memory = psutil.virtual_memory().total
    if size > memory:
        raise DataError(
            f"Cannot read {path}: {what} needs {size / 1e9:,.0f} GB and this machine has "
            f"{memory / 1e9:,.0f}: read a part of it, or check that the file is whole."
        )


def is_plain(path: Path) -> bool:
    """Whether a path is a file or a folder, and no device, pipe or socket, nor a broken link."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def existing(path: str | Path) -> Path:
    """A path with something there.

    Raises
    ------
    DataError
        When there is nothing, or it is no path.
    """
    try:
        found = as_path(path)
        there = is_there(found)
    except NO_PATH as error:
        why = reason(error)
        raise DataError(f"Cannot read {shown(path)}: it is no path of a file ({why}).") from error
    if not there:
        raise DataError(f"There is no file or folder {shown(path)}.")
    return found


def check_regular(path: Path) -> None:
    """Refuse devices, pipes and sockets, which may never end.

    Raises
    ------
    DataError
        When the path is neither a file nor a folder.
    """
    if not is_plain(path):
        raise DataError(f"Cannot read {path}: it is neither a file nor a folder.")


def check_store(folder: Path) -> None:
    """Refuse a store of many files that has special ones, or links that leave it.

    Raises
    ------
    DataError
        With the name of the first such file.
    """
    root = folder.resolve()
    seen = 0
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            entry = Path(parent, name)
            mode = entry.lstat().st_mode
            if stat.S_ISLNK(mode) and not entry.resolve().is_relative_to(root):
                raise DataError(
                    f"Cannot read {folder}: {entry.relative_to(folder)} in it is a link to "
                    "something outside: copy what it names into the folder."
                )
            check_regular(entry)
        seen += len(files)
        if seen > MOST_FILES:
            raise DataError(f"Cannot read {folder}: it has more than {MOST_FILES:,} files.")


@contextmanager
def opened(path: Path, most: float | None = None) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked if it is gzipped, and no more than is allowed.

    Parameters
    ----------
    path
        A regular file.
    most
        Bytes once unpacked; a share of the machine's memory if not given.

    Raises
    ------
    DataError
        When it is no regular file, or has more.
    """
    check_regular(path)
    if path.is_dir():
        raise DataError(f"Cannot read {path}: it is a folder: name a file.")
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        source: BinaryIO = gzip.GzipFile(fileobj=file) if packed else file  # type: ignore[assignment]
        limit = TEXT_SHARE * psutil.virtual_memory().total if most is None else most
        yield io.BufferedReader(_Bounded(source, limit, path), 1 << 20)


class _Bounded(io.RawIOBase):
    """A stream that ends with an error after so many bytes."""

    def __init__(self, source: BinaryIO, most: float, path: Path) -> None:
        self._source, self._left, self._path = source, most, path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        part = self._source.read(len(buffer))
        self._left -= len(part)
        if self._left < 0:
            raise DataError(
                f"Cannot read {self._path}: it unpacks to more than it says it holds: "
                "check where it came from."
            )
        buffer[: len(part)] = part
        return len(part)
