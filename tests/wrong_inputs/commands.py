"""Kinds on the command line: every option of every command by every nonsense."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.wrong_inputs.kinds import COMMANDS, add, model, tissue

from napari_dpvae import write_placed
from napari_dpvae.cli.main import _parser, main

USUAL = {
    "check": "check REFERENCE QUERY",
    "train": "train REFERENCE -o model.safetensors",
    "place": "place MODEL QUERY -o placed.h5ad",
    "evaluate": "evaluate REFERENCE -o table.csv",
    "report": "report PLACED -o page.html",
    "view": "view PLACED --screenshot view.png",
}
PATHS: dict[str, Callable[[Path], object]] = {
    "nothing there": lambda path: None,
    "an empty file": lambda path: path.touch(),
    "an empty folder": lambda path: path.mkdir(),
    "a pipe": lambda path: os.mkfifo(path),
    "a link to itself": lambda path: path.symlink_to(path),
    "a picture": lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\nx"),
    "a web page": lambda path: path.write_bytes(b"<!DOCTYPE html><html>404</html>"),
}
OUTPUTS: dict[str, str] = {
    "a suffix that is not written": "out.docx",
    "no suffix": "out",
    "a folder that is not there": "none/out{suffix}",
    "in a file": "file/out{suffix}",
    "a folder": "folder{suffix}",
    "a pipe": "pipe{suffix}",
}
READS = {
    "reference": ".h5ad", "query": ".h5ad", "model": ".safetensors", "placed": ".h5ad",
    "also": ".h5ad", "coordinates": ".csv", "image": ".png", "fine_tune": ".h5ad",
    "gene_table": ".csv", "evaluation": ".csv",
}  # fmt: skip
"""What is read, by the suffix that a file of it has."""
MAY_BE_EMPTY = ("pairs_key", "frame")
WRITES = ("output", "screenshot")
NAMES = ("layer", "section_key", "known_key", "section", "image_affine")


@cache
def inputs() -> tuple[TemporaryDirectory[str], dict[str, str]]:
    """What every command would take."""
    made = TemporaryDirectory()
    folder = Path(made.name)
    model().save(folder / "model.safetensors")
    tissue().write_h5ad(folder / "reference.h5ad")
    tissue().write_h5ad(folder / "query.h5ad")
    write_placed(model().place(tissue()), folder / "placed.h5ad")
    return made, {
        "REFERENCE": str(folder / "reference.h5ad"),
        "QUERY": str(folder / "query.h5ad"),
        "MODEL": str(folder / "model.safetensors"),
        "PLACED": str(folder / "placed.h5ad"),
    }


def usual(command: str, folder: Path) -> list[str]:
    """The words of a command that would be carried out."""
    held = inputs()[1]
    words = [held.get(word, word) for word in USUAL[command].split()]
    after = [i + 1 for i, word in enumerate(words) if word in ("-o", "--screenshot")]
    return [str(folder / word) if i in after else word for i, word in enumerate(words)]


def said_by(words: list[str], folder: Path) -> str:
    """The last line of a command that fails, and leaves everything as it was."""
    before = sorted(path.name for path in folder.rglob("*"))
    with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(err):
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
    assert code in (1, 2), err.getvalue()
    assert sorted(path.name for path in folder.rglob("*")) == before
    lines = err.getvalue().strip().splitlines()
    assert "Traceback" not in err.getvalue()
    _, _, last = lines[-1].partition("error: ")
    return last or lines[-1].removeprefix("napari-dpvae: ").removeprefix("Cannot be used: ").strip()


def with_option(command: str, option: str, value: str, folder: Path) -> str:
    return said_by([*usual(command, folder), f"{option}={value}"], folder)


def with_path(command: str, action: argparse.Action, make: Callable[[Path], object],
              folder: Path) -> str:  # fmt: skip
    """A command of which one input is something else."""
    path = folder / f"given{READS[action.dest]}"
    make(path)
    words = usual(command, folder)
    if action.option_strings:
        return said_by([*words, action.option_strings[0], str(path)], folder)
    held = inputs()[1]
    return said_by([str(path) if word == held[action.dest.upper()] else word for word in words],
                   folder)  # fmt: skip


def with_output(command: str, option: str, suffix: str, name: str, folder: Path) -> str:
    (folder / "file").touch()
    (folder / f"folder{suffix}").mkdir()
    os.mkfifo(folder / f"pipe{suffix}")
    path = folder / name.format(suffix=suffix)
    return said_by([*usual(command, folder), option, str(path)], folder)


def nonsense(action: argparse.Action) -> Iterator[tuple[str, str]]:
    """Words that an option cannot take, by name."""
    yield "an empty word", ""
    if action.choices or action.type in (int, float):
        yield "a word", "moon"
    if action.type is int:
        yield "a fraction", "2.5"
    if action.type in (int, float):
        yield "nan", "nan"
        yield "beyond all bounds", "-9999999999"
    if action.dest in NAMES:
        yield "what is not there", "nowhere"


parsers = _parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
for command in USUAL:
    for action in parsers[command]._actions:
        name = max(action.option_strings, default=action.dest, key=len)
        if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
            continue
        if action.dest in READS:
            for words, make in PATHS.items():
                add(
                    COMMANDS,
                    f"{command} {name}: {words}",
                    partial(with_path, command, action, make),
                )
        if action.dest in WRITES:
            suffix = Path(USUAL[command]).suffix
            for words, path in OUTPUTS.items():
                make = partial(with_output, command, name, suffix, path)
                add(COMMANDS, f"{command} {name}: {words}", make)
        # The settings of evaluate are those of train and place.
        is_setting = str(getattr(action.container, "title", "")).endswith("Settings")
        swept = not (command == "evaluate" and is_setting) and action.dest not in MAY_BE_EMPTY
        if action.option_strings and swept:
            for words, value in nonsense(action):
                make = partial(with_option, command, name, value)
                add(COMMANDS, f"{command} {name}: {words}", make)
