"""The page with all kinds and their sentences."""

from __future__ import annotations

from pathlib import Path

from tests.wrong_inputs import by_hand, commands, sweeps
from tests.wrong_inputs.kinds import WRONG, sentence

PAGE = Path(__file__).parents[2] / "docs" / "wrong_inputs.md"
SWEPT = (by_hand, sweeps, commands)
"""Whose import adds their kinds."""
HEAD = """# Wrong inputs

What is given, and the sentence that it gets. Made by `python -m tests.wrong_inputs`, which needs a
screen or `xvfb-run`; tests make each of these {n} inputs and compare.
"""


def page(windows: dict[str, str]) -> str:
    """The whole page.

    Parameters
    ----------
    windows
        What the window says, by kind.
    """
    n = sum(map(len, WRONG.values())) + len(windows)
    return "\n".join([HEAD.format(n=n), *map(section, WRONG), table("The window", windows)])


def section(name: str) -> str:
    """The sentences of one section, made now."""
    return table(name, {words: sentence(name, words) for words in WRONG[name]})


def table(name: str, said: dict[str, str]) -> str:
    """A heading and a table."""
    rows = [f"| {cell(words)} | {cell(text)} |" for words, text in said.items()]
    return "\n".join([f"## {name}\n", "| what is wrong | the sentence |", "|---|---|", *rows, ""])


def cell(text: str) -> str:
    """As Markdown."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "\\<")
