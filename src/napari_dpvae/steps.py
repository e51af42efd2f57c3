"""Drain a generator that reports as it goes and returns a result."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

Report = TypeVar("Report")
Result = TypeVar("Result")


def drain(
    steps: Generator[Report, None, Result], progress: Callable[[Report], None] | None = None
) -> Result:
    """Run to the end; ``progress`` is called with every report."""
    while True:
        try:
            report = next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
        if progress is not None:
            progress(report)
