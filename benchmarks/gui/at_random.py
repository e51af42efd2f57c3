"""``python -m benchmarks.gui.at_random``: what a person may do in the dock, at random.

Files of every kind are opened, models trained, cells placed, asked about and saved, jobs stopped
and paused, looks changed and layers removed, mostly while something else is under way. Every dozen
actions all jobs end, and what the screen says is checked against what the session holds. Prints
what is untrue and what was raised, and exits 1 for either; a crash ends it by itself. Needs a
screen (``xvfb-run -a``).
"""

from __future__ import annotations

import argparse
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any

import numpy as np
from qtpy.QtCore import QSettings
from qtpy.QtWidgets import QComboBox, QFileDialog, QMessageBox, QPushButton

from benchmarks.tour.stage import Stage
from napari_dpvae import DataError, make_phantom
from napari_dpvae.viewer.dock.job_row import JobRow

QUICK = {
    "epochs": 4,
    "regularisation": "light",
    "members": 2,
    "genes": 60,
    "checks": 0,
    "blocks": 0,
}
WAITS = (0, 0, 10, 50, 200, 600)
"""Milliseconds between two actions."""
CHECKED_EVERY = 12
ANSWERS = QMessageBox.StandardButton
OFTEN = {"open_reference": 4, "open_query": 4, "drop": 4, "train": 4, "place": 4, "stop": 2}
BOX = np.array([[200.0, 200], [200, 900], [900, 900], [900, 200]])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gui.at_random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--actions", type=int, default=150)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        # The settings of whoever runs this stay theirs.
        QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, folder)
        person = Person(Path(folder), random.Random(options.seed))
        found = list(person.act(options.actions))
    for untrue in found:
        print(untrue)
    print(f"{options.actions} actions with seed {options.seed}: {len(found) or 'nothing'} untrue")
    sys.exit(bool(found))


class Person:
    """Acts in a window of its own.

    Parameters
    ----------
    folder
        Where the files are made.
    chance
        Decides on everything.
    """

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._chance, self._folder = chance, folder
        self._files = make_files(folder)
        self._raised: list[str] = []
        sys.excepthook = self._on_raised
        outputs = [str(folder / f"output{i}") for i in range(4)]
        dialogs: Any = QFileDialog
        dialogs.getSaveFileName = lambda *_: (chance.choice([*outputs, ""]), "")
        dialogs.getOpenFileName = lambda *_: (chance.choice([*self._files, *outputs]), "")
        boxes: Any = QMessageBox
        boxes.question = lambda *asked: chance.choice(
            [ANSWERS.Save, ANSWERS.Discard, ANSWERS.Cancel]
            if len(asked) > 3
            else [ANSWERS.Yes, ANSWERS.No]
        )
        self._stage = Stage("at-random", folder, None)
        self._dock, self._session = self._stage.dock, self._stage.dock.session
        for name, value in QUICK.items():
            self._dock.model.form[name].value = value

    def act(self, times: int) -> Iterator[str]:
        """So many actions; yields what is untrue after some, and what was raised."""
        actions = {
            name.removeprefix("_do_"): getattr(self, name) for name in dir(self) if "_do_" in name
        }
        weights, done = [OFTEN.get(name, 1) for name in actions], []
        for i in range(times):
            (name,) = self._chance.choices(list(actions), weights)
            done.append(name)
            self._try(actions[name])
            self._stage.settle(self._chance.choice(WAITS))
            if (i + 1) % CHECKED_EVERY == 0 or i + 1 == times:
                self._end_jobs()
                for untrue in [*self._untrue(), *self._raised]:
                    yield f"{untrue}\n  after {' '.join(done[-CHECKED_EVERY:])}"
                self._raised.clear()
        self._session.unsaved = False
        self._stage.close()

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except DataError:
            # Said in words, as to a script.
            pass
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            self._on_raised(type(error), error, error.__traceback__)

    def _on_raised(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        self._raised.append("".join(traceback.format_exception(kind, error, trace)))

    def _rows(self) -> list[JobRow]:
        return [row for row in self._dock.findChildren(JobRow) if row.job is not None]

    def _end_jobs(self) -> None:
        while self._rows():
            for row in self._rows():
                row.pause.setChecked(False)
            self._stage.settle(50)
        self._stage.settle()

    def _untrue(self) -> Iterator[str]:
        """What the screen says, and the session does not hold."""
        dock, session = self._dock, self._session
        placed, reference, query = session.placed, session.reference, session.query
        layers = [layer.name for layer in self._stage.viewer.layers]
        pairs = {
            "step Data": (dock.data.done, reference is not None and query is not None),
            "step Model": (dock.model.done, session.model is not None and session.model_fits),
            "step Place": (dock.place.done, placed is not None and session.placed_by is None),
            "Place cells": (
                dock.place.place.isEnabled(),
                session.model is not None and query is not None and session.model_fits,
            ),
            "evaluation": (dock.evaluate.table.isHidden(), session.evaluation is None),
            "gene": (dock.explore.gene.box.text(), session.gene or ""),
            "column": (dock.explore.column.currentText(), session.colouring.column or "–"),
            "colormap": (dock.explore.colormap.currentText(), session.colormap),
            "names of layers": (len(layers), len(set(layers))),
        }
        for what, (shown, held) in pairs.items():
            if shown != held:
                yield f"{what}: {shown!r} on the screen, {held!r} in the session"
        if placed is None and any(name.startswith("placed cells") for name in layers):
            yield "placed cells that are gone are drawn"
        if placed is None and not dock.explore.ask.table.isHidden():
            yield "an answer about cells that are gone is shown"
        if reference is None and "reference spots" in layers:
            yield "a reference that is gone is drawn"

    def _press(self, *buttons: Any) -> None:
        button = self._chance.choice(buttons)
        if button.isEnabled():
            button.click()

    def _choose(self, *boxes: QComboBox) -> None:
        for box in boxes:
            if box.count():
                box.setCurrentIndex(self._chance.randrange(box.count()))

    def _file(self) -> str:
        return self._chance.choice(self._files)

    def _do_open_reference(self) -> None:
        self._dock.data.reference.open(self._file())

    def _do_open_query(self) -> None:
        self._dock.data.query.open(self._file())

    def _do_drop(self) -> None:
        self._dock.data.open_dropped(
            self._chance.sample(self._files, self._chance.choice([1, 2, 3]))
        )

    def _do_open_session(self) -> None:
        self._press(self._dock.data.saved.button)

    def _do_train(self) -> None:
        self._press(self._dock.model.train)

    def _do_change_model(self) -> None:
        self._press(self._dock.model.tune, self._dock.model.load)

    def _do_stop(self) -> None:
        for row in self._rows():
            self._press(row.stop, row.pause)

    def _do_discard(self) -> None:
        self._press(self._dock.model.training.throw)

    def _do_place(self) -> None:
        self._dock.place.form["draws"].value = self._chance.choice([0, 2])
        self._choose(self._dock.place.domain)
        self._press(self._dock.place.place)

    def _do_evaluate(self) -> None:
        self._choose(self._dock.evaluate.choice, self._dock.evaluate.arrows)
        self._press(self._dock.evaluate.evaluate)

    def _do_colour(self) -> None:
        explore = self._dock.explore
        self._choose(self._chance.choice([explore.column, explore.colormap]))
        self._press(explore.gene.next)

    def _do_blend(self) -> None:
        if len(self._session.genes) > 1:
            self._session.colouring.genes = self._chance.sample(self._session.genes, 2)

    def _do_look(self) -> None:
        for box in self._dock.explore.look:
            box.value = self._chance.choice(box.choices)
        self._press(*self._dock.explore.statuses.boxes.values())

    def _do_unfold(self) -> None:
        self._press(*(fold.title for fold in self._dock.explore.folds.values()))

    def _do_group(self) -> None:
        groups, placed = self._dock.explore.groups, self._session.placed
        if placed is not None:
            self._session.selection.cells = self._chance.sample(range(placed.n_obs), 20)
        groups.name.setText(self._chance.choice("ab"))
        self._press(groups.add, groups.undo, groups.draw)

    def _do_compare(self) -> None:
        groups = self._dock.explore.groups
        self._choose(groups.column, groups.group, groups.other)
        self._press(groups.genes, groups.distance, groups.violins, groups.dots)

    def _do_ask(self) -> None:
        ask = self._dock.explore.ask
        self._choose(ask.question, ask.types)
        self._press(ask.ask)

    def _do_save(self) -> None:
        self._press(*self._dock.save.findChildren(QPushButton))

    def _do_section(self) -> None:
        self._choose(self._dock.data.sections.column)

    def _do_layers(self) -> None:
        layers = self._stage.viewer.layers
        if len(layers) and self._chance.random() < 0.5:
            layers.pop(self._chance.randrange(len(layers)))
        elif "box" not in layers:
            self._stage.viewer.add_shapes([BOX], name="box")

    def _do_let_go(self) -> None:
        if self._chance.random() < 0.4:
            name = self._chance.choice(["reference", "query", "model", "placed"])
            setattr(self._session, name, None)


def make_files(folder: Path) -> list[str]:
    """References on a slice, of two sections and of a volume; queries; and what is none."""
    one, other = make_phantom(0), make_phantom(1)
    sections, volume, known = one.reference.copy(), one.reference.copy(), one.query[:100].copy()
    sections.obs["section"] = np.where(np.arange(sections.n_obs) % 2, "x", "y")
    heights = 50.0 * (np.arange(volume.n_obs) % 7)
    volume.obsm["spatial"] = np.column_stack([volume.obsm["spatial"], heights])
    volume.uns = {}
    known.obsm["spatial"] = one.truth.to_numpy()[:100]
    made = {
        "one": one.reference,
        "other": other.reference,
        "sections": sections,
        "volume": volume,
        "query": one.query[:120].copy(),
        "other_query": other.query[:90].copy(),
        "known": known,
        "empty": one.query[:0].copy(),
    }
    for name, cells in made.items():
        cells.write_h5ad(folder / f"{name}.h5ad")
    (folder / "damaged.h5ad").write_text("no cells")
    return [str(folder / f"{name}.h5ad") for name in (*made, "damaged")]


if __name__ == "__main__":
    main()
