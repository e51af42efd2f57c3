"""What the command line says, on any terminal."""

from __future__ import annotations

import sys
from typing import TextIO


def say(text: object, stream: TextIO | None = None) -> None:
    """Print a line; what the terminal cannot show, such as a path that is no text, is escaped.

    Parameters
    ----------
    text
        To be printed.
    stream
        Standard output if not given.
    """
    stream = sys.stdout if stream is None else stream
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(str(text).encode(encoding, "backslashreplace").decode(encoding), file=stream)
