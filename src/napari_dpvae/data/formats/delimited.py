"""Tables as text: what separates values, what stands before them, how letters are encoded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from napari_dpvae.data.formats.bounds import opened
from napari_dpvae.data.numbers_in_text import FLOATS
from napari_dpvae.errors import DataError

SEPARATORS = "\t,;|"
MOST_HEADER = 1 << 21
"""Bytes within which comments and the first line of a table are looked for."""
UTF16 = (b"\xff\xfe", b"\xfe\xff")
"""Begins text of two bytes a letter, which spreadsheets call Unicode."""


def read_delimited(path: Path, *, headed: bool = True, named: bool = True) -> pd.DataFrame:
    """Read a table as it is, whatever separates its values.

    Parameters
    ----------
    path
        Comments may stand before it; ``.gz`` too.
    headed, named
        Whether its first row are the names of columns, and its first column those of rows.

    Raises
    ------
    DataError
        When it is no table.
    """
    lines, encoding = _first_lines(path)
    separator = max(SEPARATORS, key=lines[-1].count)
    if separator not in lines[-1]:
        separator = r"\s+"
    try:
        with decoding(path), opened(path) as file:
            table = pd.read_csv(
                file,
                sep=separator,
                index_col=0 if named else None,
                header=0 if headed else None,
                skiprows=len(lines) - 1,
                encoding=encoding,
                **FLOATS,
                decimal="," if separator != "," and _has_decimal_commas(path, encoding) else ".",
            )
    except pd.errors.EmptyDataError:
        table = pd.DataFrame()
    if table.shape[1] == 0 or not len(table):
        raise DataError(
            f"Cannot read {path}: it has no table: give a CSV or TSV with names in the first row "
            "and column."
        )
    return table


@contextmanager
def decoding(path: str | Path) -> Iterator[None]:
    """Within it, bytes that are no text are those of this path.

    Raises
    ------
    DataError
        When there are some.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(
            f"Cannot read {path}: it has bytes that are no text (UTF-8): save it as UTF-8, or copy "
            "it again."
        ) from error


def first_line(path: Path) -> str:
    """The first line of the table: the names of its columns, if they have names."""
    return _first_lines(path)[0][-1]


def _first_lines(path: Path) -> tuple[list[str], str]:
    """Comments and the first line of the table, and how the text is encoded."""
    with opened(path) as file:
        head = file.read(MOST_HEADER)
    encoding = "utf-16" if head.startswith(UTF16) else "utf-8"
    lines = head.decode(encoding, "replace").splitlines() or [""]
    comments = 0
    while comments < len(lines) - 1 and lines[comments].startswith("#"):
        comments += 1
    # A line of headings may begin with # too: it has as many parts as the next.
    last = lines[comments - 1] if comments else ""
    if any(last.count(c) == lines[comments].count(c) > 0 for c in SEPARATORS):
        comments -= 1
    return lines[: comments + 1], encoding


def _has_decimal_commas(path: Path, encoding: str) -> bool:
    with opened(path) as file:
        text = file.read(MOST_HEADER).decode(encoding, "replace")
    return re.search(r"(^|[;|\s])-?\d+,\d+([;|\s]|$)", text) is not None
