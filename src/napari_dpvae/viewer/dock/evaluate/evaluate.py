"""Step 5: hold a part of the reference out, and see how well it is placed."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from qtpy.QtWidgets import QCheckBox, QComboBox, QPushButton, QSpinBox
from superqt.utils import signals_blocked

from napari_dpvae.data.backed import in_memory
from napari_dpvae.evaluation.experiments import (
    Evaluation,
    EvaluationReport,
    HeldOutCells,
    evaluate_steps,
)
from napari_dpvae.evaluation.signal import spatial_signal
from napari_dpvae.settings import PlacementSettings, TrainingSettings
from napari_dpvae.viewer.dock.evaluate.hold_out import Choice, HoldOutBox
from napari_dpvae.viewer.dock.evaluate.measures import MeasuresTable
from napari_dpvae.viewer.dock.forms import SettingsForm
from napari_dpvae.viewer.dock.job import Steps, sentence
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.step import Step
from napari_dpvae.viewer.dock.style import column, form
from napari_dpvae.viewer.state.session import Session

MOST_RUNS = 20
READY = "Trains afresh, with the settings of steps 2 and 3, on what is not held out."


class EvaluateStep(Step):
    """The paper's measures beside the vanilla VAE, and each cell's error as an arrow.

    Parameters
    ----------
    session
        What it evaluates.
    training, placement
        The forms of the settings that it evaluates.
    """

    def __init__(
        self,
        session: Session,
        training: SettingsForm[TrainingSettings],
        placement: SettingsForm[PlacementSettings],
    ) -> None:
        super().__init__(5, "Evaluate", session)
        self._training, self._placement = training, placement
        self._make_controls()
        self._lay_out()
        self.follow(session.reference_changed, self._on_reference)
        self.follow(session.query_changed, self._on_query)
        self.follow(session.evaluation_changed, self._show)
        self.follow(session.held_out_changed, self._show_drawn)
        self.give_way(self.progress)
        self._show(session.evaluation)

    def _make_controls(self) -> None:
        self.choice = HoldOutBox(self.session)
        self.runs = QSpinBox()
        self.runs.setRange(1, MOST_RUNS)
        self.runs.setToolTip("How often, each time with another seed; the table shows the spread.")
        self.fine_tune = QCheckBox("adapt to it as well")
        self.fine_tune.setToolTip(
            "Also go on training with the expression, not the places, of what is held out, and "
            "measure that beside."
        )
        self.evaluate = QPushButton("&Evaluate")
        self.evaluate.setProperty("main", True)
        self.evaluate.setToolTip(READY)
        self.evaluate.clicked.connect(self.start)
        self.progress = JobRow()
        self.table = MeasuresTable()
        self.copy = QPushButton("Copy table")
        self.copy.setToolTip("Copy all measures of all runs, for a spreadsheet.")
        self.copy.clicked.connect(self.table.copy)
        self.arrows = QComboBox()
        self.arrows.setToolTip("Whose errors are drawn, as arrows from the truth.")
        self.arrows.currentIndexChanged.connect(self._draw)

    def _lay_out(self) -> None:
        asked = form(hold_out=self.choice, runs=self.runs)
        asked.addRow("", self.fine_tune)
        self._results = form(arrows=self.arrows)
        parts = (self.evaluate, self.progress, self.table, self.copy, self._results)
        self.body.insertLayout(0, column(asked, *parts, spacing=6))

    def start(self) -> None:
        """Evaluate what is chosen, in the background."""
        reference, choice = self.session.reference, self.choice.choice
        if reference is None or self.busy:
            return
        try:
            training, placement = self._training.settings, self._placement.settings
        except ValueError as error:
            self.complain(sentence(error))
            return
        self._of_query = choice.query
        steps = self._steps(reference, choice, training, placement)
        job = self.progress.run(steps, "beginning")
        job.progressed.connect(self._on_progress)
        job.done.connect(self._on_done)
        job.failed.connect(self.complain)

    def _steps(
        self,
        reference: ad.AnnData,
        choice: Choice,
        training: TrainingSettings,
        placement: PlacementSettings,
    ) -> Any:
        query = self.session.query if choice.query else None
        section_key, runs = self.session.section_key, self.runs.value()
        fine_tune = self.fine_tune.isChecked()

        def steps() -> Steps:
            evaluation = yield from evaluate_steps(
                training,
                reference,
                query if query is None else in_memory(query),
                split=choice.split,
                section_key=section_key,
                section=choice.section,
                seeds=runs,
                placement=placement,
                fine_tune=fine_tune,
            )
            return reference, evaluation

        return steps

    def _on_reference(self) -> None:
        """What is being evaluated is of another reference now: it ends."""
        if self.busy:
            self.progress.stop.click()
        self._refresh()

    def _on_query(self) -> None:
        if self.busy and self._of_query:
            self.progress.stop.click()

    def _on_progress(self, report: EvaluationReport) -> None:
        self.progress.show_share(report.done, report.stage)

    def _on_done(self, result: tuple[ad.AnnData, Evaluation]) -> None:
        reference, evaluation = result
        if reference is self.session.reference:
            self.session.evaluation = evaluation

    def _show(self, evaluation: Evaluation | None) -> None:
        there = evaluation is not None
        for part in (self.table, self.copy, self.arrows, self._results.labelForField(self.arrows)):
            part.setVisible(there)
        self._refresh()
        if evaluation is None:
            return
        self.table.show_measures(_taken(evaluation), one_frame=evaluation.one_frame)
        self.arrows.clear()
        for part in evaluation.held_out[: evaluation.table["method"].nunique()]:
            self.arrows.addItem(part.method, part)
        self.arrows.addItem("none", None)

    def _draw(self) -> None:
        self.session.held_out = self.arrows.currentData()

    def _show_drawn(self, held_out: HeldOutCells | None) -> None:
        """Name whose errors are drawn, whoever chose them."""
        held = [self.arrows.itemData(i) for i in range(self.arrows.count())]
        with signals_blocked(self.arrows):
            for i, part in enumerate(held):
                if part is held_out:
                    self.arrows.setCurrentIndex(i)

    def _refresh(self) -> None:
        self.evaluate.setEnabled(self.session.reference is not None and not self.busy)
        self.set_done(self.session.evaluation is not None)
        if not self.busy:
            self._tell_evaluation()

    def _tell_evaluation(self) -> None:
        evaluation = self.session.evaluation
        if evaluation is not None:
            self.tell(_summary(evaluation))
            self.summarise(f"Procrustes {evaluation.table['procrustes'].iloc[0]:.3g}")
        elif self.session.reference is not None:
            self.tell(READY)
            self.summarise("")
        else:
            self.tell("needs a reference")


def _taken(evaluation: Evaluation) -> pd.DataFrame:
    """The table, without the coverage of wide regions where there are none."""
    table = evaluation.table.copy()
    if all(np.isnan(part.wide).all() for part in evaluation.held_out):
        table["wide_coverage"] = np.nan
    return table


def _summary(evaluation: Evaluation) -> str:
    means = evaluation.table.groupby("method", sort=False)["procrustes"].mean()
    text = f"held out: {evaluation.what}\nProcrustes: " + " · ".join(
        f"{name} {value:.3g}" for name, value in means.items()
    )
    text += f"\n{spatial_signal(evaluation.table)}"
    if not evaluation.one_frame:
        text += "\nTruth and placement have frames of their own: arrows after the best similarity."
    return text
