"""Kinds in the window: what is opened, dropped, typed and set there."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
from napari import Viewer
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QApplication, QFileDialog
from tests.wrong_inputs.commands import PATHS
from tests.wrong_inputs.kinds import model, plain, tissue

from napari_dpvae import DataError
from napari_dpvae.viewer.dock.dock import DpvaeDock
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.step import Step

Act = Callable[[DpvaeDock, Path], object]
"""What a person or the console does to a dock; a folder to do it in."""
WINDOW: dict[str, Act] = {}

FILES: dict[str, Callable[[Path], object]] = {
    **PATHS,
    "half of a file": lambda path: halved(path),
    "text": lambda path: path.write_text("x\n" * 99),
    "noise": lambda path: path.write_bytes(np.random.default_rng(0).bytes(999)),
}


@cache
def placed() -> ad.AnnData:
    return model().place(tissue())


def halved(path: Path) -> None:
    tissue().write_h5ad(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def open_row(name: str, dock: DpvaeDock, path: Path) -> None:
    row = getattr(dock.data, name)
    row.path.setText(str(path))
    row.path.returnPressed.emit()


def drop(dock: DpvaeDock, path: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    dock.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, left, none))


def drop_on_canvas(dock: DpvaeDock, path: Path) -> None:
    viewer: Viewer = dock.viewer_of_tests  # type: ignore[attr-defined]
    viewer.open(path, plugin="napari-dpvae")


def open_list(dock: DpvaeDock, path: Path) -> None:
    chosen = QFileDialog.getOpenFileName
    QFileDialog.getOpenFileName = lambda *a: (str(path), "")
    try:
        dock.explore.gene._open()
    finally:
        QFileDialog.getOpenFileName = chosen


DOORS: dict[str, tuple[str, Act]] = {
    "reference": (".h5ad", partial(open_row, "reference")),
    "query": (".h5ad", partial(open_row, "query")),
    "dropped on the dock": (".h5ad", drop),
    "dropped on the canvas": (".h5ad", drop_on_canvas),
    "session": (".dpvae", lambda dock, path: dock.data.open_dropped([str(path)])),
    "model": (".safetensors", lambda dock, path: dock.model.load_from(str(path))),
    "list of genes": (".txt", open_list),
}
TAKEN = {
    ("dropped on the canvas", "nothing there"), ("dropped on the canvas", "an empty folder"),
    ("dropped on the canvas", "a link to itself"), ("list of genes", "an empty file"),
    ("list of genes", "text"), ("list of genes", "a web page"),
}  # fmt: skip
"""Here napari says that there is nothing to read; a list may name genes that are nowhere."""


def through(door: Act, suffix: str, make: Callable[[Path], object], dock: DpvaeDock,
            folder: Path) -> object:  # fmt: skip
    path = folder / f"given{suffix}"
    make(path)
    return door(dock, path)


for name, (suffix, door) in DOORS.items():
    for words, make in FILES.items():
        if (name, words) not in TAKEN:
            WINDOW[f"{name}: {words}"] = partial(through, door, suffix, make)

OUTPUTS: dict[str, Callable[[Path], Path]] = {
    "a folder that is not there": lambda path: path.parent / "none" / path.name,
    "in a file": lambda path: path.parent / "file" / path.name,
    "a folder": lambda path: path.mkdir() or path,  # type: ignore[func-returns-value]
    "a pipe": lambda path: os.mkfifo(path) or path,  # type: ignore[func-returns-value]
}
BUTTONS = {"cells": ".h5ad", "table": ".csv", "spatial": ".zarr", "model": ".safetensors",
           "whole": ".dpvae", "report": ".html", "figure": ".png"}  # fmt: skip


def save(button: str, suffix: str, place: Callable[[Path], Path], dock: DpvaeDock,
         folder: Path) -> None:  # fmt: skip
    (folder / "file").touch()
    dock.session.model = model()
    if dock.session.placed is not placed():
        dock.session.placed = placed()
    path = folder / f"out{suffix}"
    getattr(dock.save, button).save_to(str(place(path)))


for button, suffix in BUTTONS.items():
    for words, place in OUTPUTS.items():
        if (button, words) != ("spatial", "a folder"):
            WINDOW[f"save {button}: {words}"] = partial(save, button, suffix, place)

FIELDS: dict[str, dict[str, Any]] = {
    "neighbours: a word": {"neighbours": "moon"},
    "neighbours: none": {"neighbours": "0"},
    "neighbours: a fraction": {"neighbours": "1.5"},
    "neighbours: empty": {"neighbours": ""},
    "mask: given, without a key": {"mask": "given"},
    "pairs_key: without its mask": {"pairs_key": "pairs"},
    "pairs_key: what is not there": {"mask": "given", "pairs_key": "pairs"},
    "frame: what is not there": {"frame": "moon"},
}


def train_with(fields: dict[str, Any], dock: DpvaeDock, folder: Path) -> None:
    dock.session.reference = tissue()
    for name, value in fields.items():
        dock.model.form[name].value = value
    dock.model.start()
    dock.model.form.restore()


for words, fields in FIELDS.items():
    WINDOW[f"field {words}"] = partial(train_with, fields)


def place_within(shapes: list[Any], kind: str, dock: DpvaeDock, folder: Path) -> None:
    """Cells whose tissue is drawn so in a layer."""
    session, viewer = dock.session, dock.viewer_of_tests  # type: ignore[attr-defined]
    session.reference = tissue()
    session.query, session.model = tissue(), model()
    layer = viewer.add_shapes(shapes, shape_type=kind, name="drawn", ndim=2)
    dock.place.domain.setCurrentIndex(dock.place.domain.findData(layer))
    dock.place.start()
    wait(dock)
    viewer.layers.remove(layer)


for words, shapes, kind in (
    ("nothing", [], "polygon"),
    ("a line", [np.array([[0.0, 0], [9, 9]])], "line"),
    ("a rectangle of no width", [np.zeros((4, 2))], "rectangle"),
    ("a polygon elsewhere", [np.array([[0.0, 0], [9, 0], [9, 9]]) + 1e7], "polygon"),
):
    WINDOW[f"outline drawn: {words}"] = partial(place_within, shapes, kind)


def impute(dock: DpvaeDock, folder: Path) -> None:
    session, cells = dock.session, tissue()
    del cells.obsm["spatial"]
    session.reference = tissue()
    session.query, session.model = cells, model()
    dock.place.form["mode"].value = "impute"
    dock.place.start()
    dock.place.form["mode"].value = "anchored"


WINDOW["mode impute, with nothing known"] = impute

NONSENSE: dict[str, object] = {
    "a number": 3,
    "another word": "moon",
    "a list": [None],
    "a table": np.ones((3, 3)),
}
ATTRIBUTES = (
    "reference", "query", "model", "placed", "section_key", "gene", "colormap", "colouring.column",
    "colouring.limits", "look.arrangement", "look.uncertainty", "look.regions", "look.places",
    "look.statuses", "selection.cells",
)  # fmt: skip


def set_to(name: str, value: object, dock: DpvaeDock, folder: Path) -> None:
    owner: Any = dock.session
    if dock.session.placed is not placed():
        dock.session.placed = placed()
    *inside, last = name.split(".")
    for part in inside:
        owner = getattr(owner, part)
    setattr(owner, last, value)


for name in ATTRIBUTES:
    for words, value in NONSENSE.items():
        WINDOW[f"session.{name}: {words}"] = partial(set_to, name, value)


def wait(dock: DpvaeDock) -> None:
    """Until no job is under way."""
    while any(row.running for row in dock.findChildren(JobRow)):
        QApplication.processEvents()


def said(viewer: Viewer, dock: DpvaeDock, words: str, folder: Path) -> str:
    """What the dock says of it, or the sentence of what it raises to the console."""
    dock.viewer_of_tests = viewer  # type: ignore[attr-defined]
    steps = dock.findChildren(Step)
    for step in steps:
        step.tell("")
    n_layers = len(viewer.layers)
    try:
        WINDOW[words](dock, folder)
    except DataError as error:
        return plain(str(error), folder)
    wait(dock)
    found = [step.status.text() for step in steps if step.status.property("tone") == "error"]
    assert len(found) == 1, f"{words}: {found}"
    if "dropped" in words:
        assert len(viewer.layers) == n_layers
    return plain(found[0], folder)
