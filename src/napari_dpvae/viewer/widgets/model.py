"""Step 2: train a model, or load one."""

from __future__ import annotations

import time

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton

from napari_dpvae.dpvae import DPVAE
from napari_dpvae.fitting import EpochReport
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.viewer.session import Session
from napari_dpvae.viewer.widgets.curves import LossCurves
from napari_dpvae.viewer.widgets.forms import FoldedForm, SettingsForm
from napari_dpvae.viewer.widgets.job_row import JobRow
from napari_dpvae.viewer.widgets.step import Step
from napari_dpvae.viewer.workers import Steps, sentence

FILES = "dp-VAE model (*.safetensors)"


class ModelStep(Step):
    """Train in the background with live curves, pause, stop and keep; load and save."""

    folds_when_done = True

    def __init__(self, session: Session) -> None:
        super().__init__(2, "Model", session)
        self.train = QPushButton("Train")
        self.train.setToolTip("Train a dp-VAE on the reference.")
        self.train.setProperty("main", True)
        self.load = QPushButton("Load…")
        self.load.setToolTip("Use a model that was saved before.")
        self.save = QPushButton("Save…")
        self.save.setToolTip("Keep the model in one file, with the reference's places and image.")
        self.train.clicked.connect(self.start)
        self.load.clicked.connect(self._choose_load)
        self.save.clicked.connect(self._choose_save)
        buttons = QHBoxLayout()
        for button in (self.train, self.load, self.save):
            buttons.addWidget(button)
        self.form = SettingsForm(TrainingSettings)
        self.curves = LossCurves()
        self.curves.hide()
        self.progress = JobRow(pausable=True)
        self.progress.stop.setToolTip("End now, and keep the model as it is.")
        self.body.insertLayout(0, buttons)
        self.body.insertWidget(1, FoldedForm(self.form))
        self.body.insertWidget(2, self.progress)
        self.body.insertWidget(3, self.curves)
        self._training: DPVAE | None = None
        self._started = 0.0
        self.follow(session.reference_changed, self._refresh)
        self.follow(session.model_changed, self._refresh)
        self._refresh()

    def start(self) -> None:
        """Train with the form's settings, in the background."""
        reference, section_key = self.session.reference, self.session.section_key
        if reference is None or self.progress.running:
            return
        try:
            model = DPVAE(self.form.take())
        except ValueError as error:
            self.complain(sentence(error))
            return

        def steps() -> Steps:
            yield from model.fit_epochs(reference, section_key=section_key)

        self._training, self._started = model, time.monotonic()
        self.curves.show()
        self.tell("")
        job = self.progress.run(steps, "choosing genes")
        job.progressed.connect(self._on_epoch)
        job.done.connect(self._keep)
        job.stopped.connect(self._keep)
        job.failed.connect(self._on_failed)
        self._enable()

    def _on_epoch(self, report: EpochReport) -> None:
        self.curves.add(report)
        if report.epoch == 0:
            return
        left = (time.monotonic() - self._started) / report.epoch * (report.epochs - report.epoch)
        self.progress.show_share(
            report.epoch / report.epochs,
            f"{report.stage} · {report.epoch}/{report.epochs} · {left:.0f} s left",
        )

    def _keep(self) -> None:
        """Take the model, whole or stopped early; one without an epoch is no model."""
        model, self._training = self._training, None
        if model is not None and model.is_trained:
            self.session.model = model
        self._refresh()

    def _on_failed(self, text: str) -> None:
        self._training = None
        self._refresh()
        self.complain(text)

    def _choose_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a model", "", FILES)
        if path:
            self.load_from(path)

    def load_from(self, path: str) -> None:
        """Load a model file, in the background."""

        def steps() -> Steps:
            yield "loading"
            return DPVAE.load(path)

        job = self.progress.run(steps, "loading")
        job.done.connect(self._take)
        job.failed.connect(self._on_failed)
        job.stopped.connect(self._refresh)
        self._enable()

    def _take(self, model: DPVAE) -> None:
        self.session.model = model

    def _choose_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the model", "", FILES)
        if path:
            self.save_to(path)

    def save_to(self, path: str) -> None:
        """Save the model, in the background."""
        model = self.session.model
        if model is None or self.progress.running:
            return
        target = path if path.endswith(".safetensors") else f"{path}.safetensors"

        def steps() -> Steps:
            yield "saving"
            model.save(target)
            return target

        job = self.progress.run(steps, "saving")
        job.done.connect(self._on_saved)
        job.failed.connect(self._on_failed)
        job.stopped.connect(self._refresh)
        self._enable()

    def _on_saved(self, path: str) -> None:
        self._refresh()
        self.tell(f"saved {path}")

    def _enable(self) -> None:
        idle = not self.progress.running
        self.train.setEnabled(idle and self.session.reference is not None)
        self.load.setEnabled(idle)
        self.save.setEnabled(idle and self.session.model is not None)

    def _refresh(self) -> None:
        self._enable()
        model = self.session.model
        self.set_done(model is not None)
        if model is None:
            has_reference = self.session.reference is not None
            self.tell("ready to train" if has_reference else "needs a reference, or a saved model")
            return
        card = model.card
        text = (
            f"trained on {card['spots']:,} spots, {card['genes']:,} genes, epoch {card['epochs']}"
        )
        if "held_out_error" in card:
            text += f" · mean error of held-out spots {card['held_out_error']:.4g} units"
        self.tell(text)
