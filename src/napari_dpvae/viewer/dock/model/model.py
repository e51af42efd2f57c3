"""Step 2: train a model, or load one."""

from __future__ import annotations

import anndata as ad
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_dpvae.dpvae import DPVAE
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.viewer.dock.forms import FoldedForm, SettingsForm
from napari_dpvae.viewer.dock.job import Steps, sentence
from napari_dpvae.viewer.dock.model.card import ModelCard
from napari_dpvae.viewer.dock.model.training_run import TrainingRun
from napari_dpvae.viewer.dock.saving import SaveButton
from napari_dpvae.viewer.dock.step import Step
from napari_dpvae.viewer.dock.style import column, row
from napari_dpvae.viewer.state.memory import remember_folder, remembered_folder
from napari_dpvae.viewer.state.session import Session

SUFFIX = ".safetensors"


class ModelStep(Step):
    """Train in the background, or load; the model's card; save."""

    folds_when_done = True

    def __init__(self, session: Session) -> None:
        super().__init__(2, "Model", session)
        self.train = QPushButton("&Train")
        self.train.setToolTip("Train a dp-VAE on the reference.")
        self.train.setProperty("main", True)
        self.train.clicked.connect(self.start)
        self.load = QPushButton("Load…")
        self.load.setToolTip("Use a model that was saved before.")
        self.load.clicked.connect(self._choose_load)
        self.tune = QPushButton("Adapt to the query")
        self.tune.setToolTip(
            "Go on training with the query's cells as well. It helps when they come from all over "
            "the tissue, as those of another section do."
        )
        self.tune.clicked.connect(self.start_tuning)
        self.form = SettingsForm(TrainingSettings)
        self.training = TrainingRun()
        self.progress = self.training.progress
        self.save = SaveButton(
            "Save…",
            "Keep the model in one file, with the reference's places and image.",
            "model",
            (SUFFIX,),
            lambda: session.model.save if session.model is not None else None,
            self.progress,
        )
        self.card = ModelCard()
        self._lay_out()
        self.training.trained.connect(self._take)
        self.training.abandoned.connect(self._on_abandoned)
        self._ended_for = ""
        self.save.saved.connect(self._on_saved)
        for source in (self.training, self.save):
            source.failed.connect(self.complain)
        self.give_way(self.progress)
        self.follow(session.reference_changed, self._on_reference)
        self.follow(session.query_changed, self._enable)
        self.follow(session.model_changed, self._on_model)
        self._on_model(session.model)

    def _lay_out(self) -> None:
        buttons = row(self.train, self.load, self.save)
        parts = (buttons, FoldedForm(self.form), self.tune, self.training)
        self.body.insertLayout(0, column(*parts, spacing=6))
        self.body.addWidget(self.card)

    def start(self) -> None:
        """Train with the form's settings, in the background."""
        reference = self.session.reference
        if reference is None or self.progress.running:
            return
        try:
            model = DPVAE(self.form.take())
        except ValueError as error:
            self.complain(sentence(error))
            return
        self.unfolded = True
        self.training.start(model, reference, self.session.section_key)

    def start_tuning(self) -> None:
        """Go on training the model with the query, in the background."""
        session = self.session
        if session.model is None or session.reference is None or session.query is None:
            return
        self.training.tune(session.model, session.reference, session.query, session.section_key)

    def _choose_load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Load a model", remembered_folder(), f"dp-VAE model (*{SUFFIX})"
        )
        if path:
            self.load_from(path)

    def load_from(self, path: str) -> None:
        """Load a model file, in the background."""
        if self.progress.running:
            return

        def steps() -> Steps:
            yield "loading"
            return DPVAE.load(path)

        job = self.progress.run(steps, "loading", only_reads=True)
        job.done.connect(self._take)
        job.done.connect(lambda: remember_folder(path))
        job.failed.connect(self.complain)

    def _take(self, model: DPVAE) -> None:
        self.session.model = model

    def _on_reference(self, reference: ad.AnnData | None) -> None:
        """A model of the reference before is no use: its training ends."""
        self._refresh()
        used = self.training.reference
        if used is not None and used is not reference:
            self.training.discard()
            self._ended_for = GONE

    def _on_abandoned(self) -> None:
        if self._ended_for:
            self.warn(self._ended_for)
            self._ended_for = ""

    def _on_model(self, model: DPVAE | None) -> None:
        self.card.show_model(model)
        self._refresh()

    def _enable(self) -> None:
        idle = not self.busy
        self.train.setEnabled(idle and self.session.reference is not None)
        self.load.setEnabled(idle)
        self.save.enable()
        session = self.session
        self.tune.setVisible(session.model is not None)
        ready = session.reference is not None and session.query is not None and session.model_fits
        self.tune.setEnabled(idle and ready)

    def _refresh(self) -> None:
        self._enable()
        self.set_done(self.session.model is not None and self.session.model_fits)
        if not self.busy:
            self._tell_model()

    def _tell_model(self) -> None:
        model, reference = self.session.model, self.session.reference
        if model is None:
            self.tell("ready to train" if reference is not None else NOTHING)
        elif not self.session.model_fits:
            self.warn(ANOTHER)
        else:
            whole = "stopped_at" not in model.card
            (self.tell if whole else self.warn)(_summary(model, self.session.unit))
            self.summarise(_headline(model, self.session.unit))


GONE = "Training was stopped, and thrown away: the reference was changed meanwhile."
NOTHING = "needs a reference or a model"
ANOTHER = (
    "This model was trained on another reference, so its cells would not lie on this one: "
    "train again, or open its own reference."
)


EARLY = "stopped early: train to the end for a model to rely on"


def _summary(model: DPVAE, unit: str) -> str:
    card = model.card
    size = f"{card['spots']:,} spots, {card['genes']:,} genes"
    if "held_out_error" not in card:
        return f"{size} · {EARLY}; its places are rough, without regions"
    error = f"mean error of held-out spots {card['held_out_error']:.4g} {unit}"
    return f"{size} · {error}" + (f" · {EARLY}" if "stopped_at" in card else "")


def _headline(model: DPVAE, unit: str) -> str:
    card = model.card
    if "stopped_at" in card:
        return "⚠ stopped early"
    return f"error {card['held_out_error']:.4g} {unit}"
