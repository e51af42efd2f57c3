"""Paths as they are given: what they mean, and whether something is there, on every Python."""

from __future__ import annotations

import errno
import os
from pathlib import Path

NO_PATH = (OSError, ValueError, TypeError, RuntimeError)
"""What is raised of what is no path, or of one that cannot be looked at."""
NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR)


def shown(given: object) -> str:
    """A path in a sentence, however long it is and whatever is in it."""
    return str(given)[:200].replace("\0", "␀")


def as_path(given: str | Path) -> Path:
    """The path that is meant: ``~`` stands for a home.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        When it is neither text nor a path, has a character that no path has, or no such home.
    """
    if not isinstance(given, str | os.PathLike):
        raise TypeError(f"a path is text, and this is {type(given).__name__}")
    if "\0" in str(given):
        raise ValueError("it has a character 0")
    return Path(given).expanduser()


def is_there(path: Path) -> bool:
    """Whether a path names something, links followed.

    ``Path.exists`` says no, from Python 3.14 on, of what cannot be looked at, too: a name that is
    too long, a folder that may not be entered, a link to itself.

    Raises
    ------
    OSError
        When it cannot be looked at.
    """
    try:
        path.stat()
    except OSError as error:
        if error.errno in NOTHING_THERE:
            return False
        raise
    return True


def found_at(given: str) -> Path | None:
    """The path that a text names, if something is there: the text may be anything else."""
    try:
        path = as_path(given)
        return path if is_there(path) else None
    except NO_PATH:
        return None
