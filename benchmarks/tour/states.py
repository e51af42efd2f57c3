"""Each step of the dock empty, failed, busy and done, at the sizes of a laptop and a monitor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from qtpy.QtWidgets import QWidget

from benchmarks.tour.stage import Stage
from napari_dpvae.data.phantom import sample_folder
from napari_dpvae.data.read import read_query
from napari_dpvae.viewer.dock.job import Job
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.style import bring_into_view

SIZES = {"monitor": (1920, 1080), "laptop": (1366, 768)}
QUICK = {"epochs": 20, "regularisation": "light", "members": 2}
REFERENCE, QUERY = (
    str(sample_folder() / f"phantom_{name}.h5ad") for name in ("reference", "query")
)

Reach = Callable[[Stage], QWidget | None]
"""Brings the dock into a state, and says what to scroll to."""


def play(stage: Stage) -> None:
    """Reach every state, photograph it at both sizes, and let what is held there end."""
    for name, value in QUICK.items():
        stage.dock.model.form[name].value = value
    for step, state, reach in STATES:
        part = reach(stage)
        stage.show_only(getattr(stage.dock, step, None))
        for screen, size in SIZES.items():
            stage.viewer.window.resize(*size)
            stage.settle()
            if part is not None:
                bring_into_view(part)
            stage.shoot(f"{step}-{state}-{screen}")
        for row in stage.dock.findChildren(JobRow):
            if row.job is not None:
                row.job.paused = False
            while row.running:
                stage.settle(50)


def hold(stage: Stage, part: Any, begin: Callable[[], None], reports: int = 0) -> None:
    """Begin a job, and let it come to so many reports and no further."""
    start = Job.start

    def start_held(job: Job) -> None:
        job.paused = True
        start(job)

    with patch.object(Job, "start", start_held):
        begin()
    job = part.progress.job
    heard: list[object] = []
    job.progressed.connect(heard.append)
    job.paused = reports == 0
    while job.running and len(heard) < reports:
        stage.settle(10)
    job.paused = True


def as_it_is(stage: Stage) -> None:
    """Where the state before leads to."""


def refuse_file(stage: Stage) -> None:
    """A reference that is none."""
    stage.dock.data.reference.open(str(Path(__file__)))
    stage.wait(stage.dock.data.reference)


def open_reference(stage: Stage) -> None:
    """One that is."""
    row = stage.dock.data.reference
    hold(stage, row, lambda: row.open(REFERENCE))


def open_query(stage: Stage) -> None:
    """Both are there, and were looked at."""
    stage.dock.data.query.open(QUERY)
    stage.wait(stage.dock.data.query)
    stage.settle(3000)


def fail_training(stage: Stage) -> None:
    """The reference says nothing of pairs."""
    with_given_pairs(stage, stage.dock.model, stage.dock.model.train)


def train(stage: Stage) -> None:
    """Some epochs."""
    hold(stage, stage.dock.model, stage.dock.model.train.click, 15)


def read_card(stage: Stage) -> QWidget:
    """Of the model that was trained."""
    card: QWidget = stage.dock.model.card
    stage.dock.model.card.unfolded = True
    return card


def fail_placing(stage: Stage) -> None:
    """Cells with other genes."""
    strangers = read_query(QUERY)
    strangers.var_names = [f"Other{i}" for i in range(strangers.n_vars)]
    stage.dock.session.query = strangers
    stage.dock.place.place.click()
    stage.wait(stage.dock.place)


def place(stage: Stage) -> None:
    """The same cells once more."""
    hold(stage, stage.dock.place, stage.dock.place.place.click)


def have_placed(stage: Stage) -> None:
    """The sample's."""
    stage.dock.data.query.open(QUERY)
    stage.wait(stage.dock.data.query)
    stage.dock.place.place.click()
    stage.wait(stage.dock.place)


def fail_figure(stage: Stage) -> None:
    """Into a folder that is not there."""
    stage.dock.explore.figure.save_to(str(stage.folder / "none" / "figure.png"))
    stage.wait(stage.dock.explore)


def look_at(title: str) -> Reach:
    """One of the folds of the step Explore."""

    def reach(stage: Stage) -> QWidget:
        for name, fold in stage.dock.explore.folds.items():
            fold.unfolded = name == title
        unfolded: QWidget = stage.dock.explore.folds[title]
        return unfolded

    return reach


def compare(button: str) -> Reach:
    """Groups of cells, by one of its buttons."""

    def reach(stage: Stage) -> QWidget:
        groups = stage.dock.explore.groups
        groups.column.setCurrentText("cell_type")
        getattr(groups, button).click()
        stage.wait(groups)
        return look_at("groups of cells")(stage)

    return reach


def ask(number: int, *, held: bool = False) -> Reach:
    """A question to the placement."""

    def reach(stage: Stage) -> QWidget:
        asked = stage.dock.explore.ask
        asked.question.setCurrentIndex(number)
        asked.types.setCurrentText("cell_type")
        if held:
            hold(stage, asked, asked.ask.click)
        else:
            asked.ask.click()
            stage.wait(asked)
        return look_at("ask the placement")(stage)

    return reach


def fail_evaluation(stage: Stage) -> None:
    """As the training."""
    with_given_pairs(stage, stage.dock.evaluate, stage.dock.evaluate.evaluate)


def evaluate(stage: Stage) -> None:
    """To the first report."""
    hold(stage, stage.dock.evaluate, stage.dock.evaluate.evaluate.click, 5)


def fail_saving(stage: Stage) -> None:
    """Into a folder that is not there."""
    stage.dock.save.cells.save_to(str(stage.folder / "none" / "cells.h5ad"))
    stage.wait(stage.dock.save)


def save(stage: Stage) -> None:
    """The placed cells."""
    path = str(stage.folder / "cells.h5ad")
    hold(stage, stage.dock.save, lambda: stage.dock.save.cells.save_to(path))


def with_given_pairs(stage: Stage, step: Any, button: Any) -> None:
    """Press a button while the settings ask for pairs that nobody gave."""
    mask = stage.dock.model.form["mask"]
    usual, mask.value = mask.value, "given"
    button.click()
    stage.wait(step)
    mask.value = usual


STATES: tuple[tuple[str, str, Reach], ...] = (
    *((step, "empty", as_it_is) for step in ("folded", "data", "model", "place")),
    *((step, "empty", as_it_is) for step in ("explore", "evaluate", "save")),
    ("data", "failed", refuse_file),
    ("data", "busy", open_reference),
    ("data", "done", open_query),
    ("model", "ready", as_it_is),
    ("model", "failed", fail_training),
    ("model", "busy", train),
    ("model", "done", as_it_is),
    ("model", "done-card", read_card),
    ("place", "ready", as_it_is),
    ("place", "failed", fail_placing),
    ("place", "busy", place),
    ("place", "done", have_placed),
    ("explore", "done", as_it_is),
    ("explore", "failed", fail_figure),
    ("explore", "done-look", look_at("how it is shown")),
    ("explore", "done-list", look_at("list of cells")),
    ("explore", "done-latent", look_at("latent space")),
    ("explore", "done-genes", compare("genes")),
    ("explore", "done-violins", compare("violins")),
    ("explore", "done-dots", compare("dots")),
    ("explore", "failed-distance", compare("distance")),
    ("explore", "busy", ask(0, held=True)),
    ("explore", "done-spatial", ask(0)),
    ("explore", "done-neighbours", ask(1)),
    ("explore", "done-together", ask(2)),
    ("evaluate", "ready", as_it_is),
    ("evaluate", "failed", fail_evaluation),
    ("evaluate", "busy", evaluate),
    ("evaluate", "done", as_it_is),
    ("save", "ready", as_it_is),
    ("save", "failed", fail_saving),
    ("save", "busy", save),
    ("save", "done", as_it_is),
    ("folded", "done", as_it_is),
)
"""A step (or all of them folded), its state, and how it comes to be so, one after the other."""
