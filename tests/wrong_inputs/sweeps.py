"""Kinds that are swept: every setting by every nonsense, every format by every damage."""

from __future__ import annotations

import dataclasses
import math
import os
import random
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints

from benchmarks.fuzz.corpus import Target, targets
from tests.hostile import test_arguments as arguments
from tests.hostile import test_cells as cells
from tests.hostile import test_files as files
from tests.wrong_inputs.by_hand import edited_phantom, fitting_phantom, placing
from tests.wrong_inputs.kinds import CELLS, FILES, SETTINGS, add, model, tissue

from napari_dpvae import PlacementSettings, TrainingSettings
from napari_dpvae.placement.stream import place_file

# Settings.


def nonsense(hint: Any, low: float | None, high: float | None) -> Iterator[tuple[str, Any]]:
    """Values that a setting cannot have, by name."""
    yield "nothing", None
    yield "a list", [1]
    if get_origin(hint) is Literal:
        yield "another word", "moon"
        yield "a number", 3
        return
    if hint is str:
        return
    yield "a word", "moon"
    if hint is bool:
        yield "a number", 3
        return
    yield "true", True
    yield "nan", math.nan
    yield "infinity", math.inf
    if hint is int:
        yield "a fraction", 2.5
    if low is not None:
        yield "too low", low - 1
    if high is not None:
        yield "too high", high + 1


def refuse(kind: Callable[..., object], name: str, value: object, folder: Path) -> object:
    return kind(**{name: value})


for kind in (TrainingSettings, PlacementSettings):
    for spec in dataclasses.fields(kind):
        hint = get_type_hints(kind)[spec.name]
        for words, value in nonsense(hint, spec.metadata["low"], spec.metadata["high"]):
            make = partial(refuse, kind, spec.name, value)
            add(SETTINGS, f"{spec.name}: {words}", make)

for words, (outlines, _) in arguments.OUTLINES.items():

    def place_within(folder: Path, outlines: Any = outlines) -> object:
        return model().place(tissue(), outlines=outlines)

    add(SETTINGS, f"outlines: {words}", place_within)

for words, path in arguments.PATHS.items():

    def place_from(folder: Path, path: Any = path) -> object:
        (folder / "file").touch()
        (folder / "folder.csv").mkdir()
        os.mkfifo(folder / "pipe.csv")
        (folder / "loop.csv").symlink_to(folder / "loop.csv")
        (folder / "dangling.csv").symlink_to(folder / "none" / "x.csv")
        return place_file(model(), path(folder), folder / "placed.csv")

    add(SETTINGS, f"a path: {words}", place_from)

# In memory.

for words, (change, _) in cells.CELLS.items():
    add(CELLS, f"cells: {words}", placing(change))
for words, (change, _) in cells.SPOTS.items():
    add(CELLS, f"places of spots: {words}", fitting_phantom(change))
for words, (column, _) in cells.SECTIONS.items():
    change = partial(cells.put_column, column)
    add(CELLS, f"sections: {words}", fitting_phantom(change, section_key="s"))
for words, (pairs, _) in cells.PAIRS.items():
    change = partial(cells.put_pairs, pairs)
    add(CELLS, f"weights of pairs: {words}", fitting_phantom(change, mask="given", pairs_key="p"))

# Files.

for words, change in files.FILES.items():
    add(FILES, f"an h5ad: {words}", edited_phantom(change))


@cache
def whole(name: str) -> Target:
    """A kind of file, and what opens it."""
    return targets()[name]


def damaged(name: str, damage: Callable[[bytes], bytes], folder: Path) -> object:
    """A whole file, or the first of a folder, of which the bytes are others."""
    target = whole(name)
    path = folder / target.file
    target.write(path)
    inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    for file in inside:
        file.write_bytes(damage(file.read_bytes()))
    return target.open(path)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing in it": lambda data: b"",
    "its first half": lambda data: data[: len(data) // 2],
    "zeros": lambda data: bytes(len(data)),
    "noise": lambda data: random.Random(0).randbytes(len(data)),
    "a web page": lambda data: b"<!DOCTYPE html><html>404</html>",
    "a line that a server put before it": lambda data: b"HTTP/1.1 200 OK\r\n" + data,
    "line ends of another system": lambda data: data.replace(b"\n", b"\r\n"),
}
UNDAMAGED = {("csv", "its first half"), ("csv", "line ends of another system")}
"""A table of fewer rows is a table."""
FORMATS = ("h5ad", "placed", "zarr", "10x h5", "mtx", "Space Ranger", "csv", "model")
for name in FORMATS:
    for words, damage in DAMAGES.items():
        if (name, words) not in UNDAMAGED:
            add(FILES, f"{name}, damaged: {words}", partial(damaged, name, damage))
