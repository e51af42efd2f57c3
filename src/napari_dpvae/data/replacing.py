"""A path is given a new file or store when it is whole, and keeps the one of before until then."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_dpvae.data.paths import NO_PATH, as_path, is_there, shown
from napari_dpvae.data.scratch import NEW, OLD, make_scratch, reason, watched_scratch
from napari_dpvae.errors import DataError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A scratch path beside ``path`` to write to; it takes the name of ``path`` on success.

    A symbolic link stays: the file that it names is replaced.

    Raises
    ------
    DataError
        When the folder is not there or cannot be written, or the disk is full.
    """
    target = _target(path)
    try:
        with watched_scratch(target) as scratch:
            yield scratch
            _keep(scratch)
            # Scratch files are private; give the result the permissions any new file has.
            umask = os.umask(0)
            os.umask(umask)
            scratch.chmod(0o666 & ~umask)
            scratch.replace(target)
            _keep(target.parent)
    except Exception as error:
        _raise_of_disk(error, target)
        raise


@contextmanager
def replacing_store(path: str | Path) -> Iterator[Path]:
    """As :func:`replacing` for a zarr store, which is a folder.

    Raises
    ------
    DataError
        When there is something else at the path, or the folder cannot be written.
    """
    target = _target(path, store=True)
    try:
        with watched_scratch(target, folder=True) as scratch:
            yield scratch / NEW
            if target.exists():
                target.rename(scratch / OLD)
            (scratch / NEW).rename(target)
            _keep(target.parent)
    except Exception as error:
        _raise_of_disk(error, target)
        raise


def _raise_of_disk(error: BaseException, target: Path) -> None:
    """Say that the disk is full or the like, if that is what an error comes from.

    What could not be written fails again while it is closed, in ways of its own.

    Raises
    ------
    DataError
        Of the first error of the disk.
    """
    found: BaseException | None = error
    while found is not None and not isinstance(found, DataError):
        if isinstance(found, OSError):
            raise DataError(f"Cannot write {target}: {reason(found)}.") from error
        found = found.__cause__ or found.__context__


def check_output(path: str | Path, suffixes: Sequence[str] = ()) -> None:
    """Before minutes of work: can the result be written there.

    Parameters
    ----------
    path
        Of the file, or of the ``.zarr`` folder.
    suffixes
        One of which it must have; any if there are none.

    Raises
    ------
    DataError
        With what to do.
    """
    suffix = Path(str(path)).suffix.lower()
    if suffixes and suffix not in suffixes:
        raise DataError(f"Cannot write {path}: give it the suffix {' or '.join(suffixes)}.")
    store = suffix == ".zarr"
    scratch = make_scratch(_target(path, store=store), folder=store)
    shutil.rmtree(scratch) if store else scratch.unlink()


def _target(path: str | Path, *, store: bool = False) -> Path:
    """Where a file goes, links followed, if it can go there."""
    try:
        target = as_path(path)
        there = is_there(target)
        if target.is_symlink():
            target = target.resolve()
        in_folder = target.parent.is_dir()
    except NO_PATH as error:
        raise DataError(f"Cannot write {shown(path)}: {reason(error)}.") from error
    if not in_folder:
        raise DataError(f"Cannot write {path}: the folder {target.parent} does not exist.")
    if not there:
        return target
    mode = target.stat().st_mode
    if store:
        known = any((target / name).exists() for name in ("zarr.json", ".zgroup"))
        if not known and not (stat.S_ISDIR(mode) and not any(target.iterdir())):
            raise DataError(f"Cannot write {path}: it exists and is no zarr store.")
    elif stat.S_ISDIR(mode):
        raise DataError(f"Cannot write {path}: it is a folder; name a file in it.")
    elif not stat.S_ISREG(mode):
        raise DataError(f"Cannot write {path}: it is no file; name one.")
    return target


def _keep(path: Path) -> None:
    """Have the disk keep what was written, before a name is given to it."""
    if path.is_dir() and sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):
            # Some file systems cannot, and say so.
            os.fsync(handle)
    finally:
        os.close(handle)
