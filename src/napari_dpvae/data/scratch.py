"""Scratch files beside what is written: gone however the process ends."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_dpvae.errors import DataError

STALE_SECONDS = 24 * 3600
"""Scratch of a process that cannot be asked for is left over after so long."""
SHELL = "/bin/sh"
NEW, OLD = "new", "old"
"""In the scratch folder of a store: what is written, and what it takes the place of."""
CLEAR = f'''cat > /dev/null
[ -e "$2" ] || [ ! -e "$1/{OLD}" ] || mv "$1/{OLD}" "$2"
rm -rf "$1"'''
"""Waits until nobody holds the other end of its input any more; then does as :func:`clear`."""


def make_scratch(target: Path, *, folder: bool = False) -> Path:
    """A new file or folder beside the target; those of processes that were killed go.

    Raises
    ------
    DataError
        When the folder cannot be written.
    """
    scratch = _name(target, folder=folder)
    _make(scratch, target, folder=folder)
    return scratch


@contextmanager
def watched_scratch(target: Path, *, folder: bool = False) -> Iterator[Path]:
    """As :func:`make_scratch`, and cleared in the end, even if this process is killed."""
    scratch = _name(target, folder=folder)
    # Before there is any: a kill between the two would leave it.
    shell = _watch(scratch, target)
    try:
        _make(scratch, target, folder=folder)
        yield scratch
    finally:
        clear(scratch, target)
        if shell is not None:
            shell.communicate()


def _name(target: Path, *, folder: bool) -> Path:
    """It says whose it is, so that what is left over can be told from what is in use."""
    prefix = f".{target.stem[:80]}-{_host()}-"
    _remove_stale(target, prefix)
    suffix = "" if folder else target.suffix
    return target.parent / f"{prefix}{os.getpid()}-{uuid.uuid4().hex[:8]}{suffix}"


def _make(scratch: Path, target: Path, *, folder: bool) -> None:
    try:
        if folder:
            scratch.mkdir(mode=0o700)
        else:
            scratch.touch(mode=0o600, exist_ok=False)
    except (OSError, ValueError) as error:
        # The other is raised for names that no file can have.
        raise DataError(f"Cannot write {target}: {reason(error)}.") from error


def _host() -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}"


def _remove_stale(target: Path, prefix: str) -> None:
    """Remove scratch of this target that no process of this machine writes any more."""
    with suppress(OSError):
        for left in target.parent.iterdir():
            match = re.match(re.escape(prefix) + r"(\d+)-", left.name)
            if match is None or not _is_stale(left, int(match[1])):
                continue
            clear(left, target)


def _is_stale(scratch: Path, process: int) -> bool:
    if sys.platform == "win32":
        # Asking after a process would end it there.
        return time.time() - scratch.stat().st_mtime > STALE_SECONDS
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def clear(scratch: Path, target: Path) -> None:
    """Remove scratch; a store that was moved into it goes back, if nothing has taken its place."""
    if (scratch / OLD).exists() and not target.exists():
        (scratch / OLD).rename(target)
    if scratch.is_dir():
        shutil.rmtree(scratch, ignore_errors=True)
    else:
        scratch.unlink(missing_ok=True)


def _watch(scratch: Path, target: Path) -> subprocess.Popen[bytes] | None:
    """A shell that outlives this process, and clears scratch then."""
    try:
        return subprocess.Popen(
            [SHELL, "-c", CLEAR, "clear", str(scratch.absolute()), str(target.absolute())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # What ends this process ends its group, as Ctrl-C does.
            start_new_session=True,
        )
    except (OSError, ValueError):
        # There is no such shell, or no such name: what is left goes with the next write.
        return None


def reason(error: Exception) -> str:
    """A library's words, as the end of a sentence."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(said).strip().splitlines()[0][:300].rstrip(".")
