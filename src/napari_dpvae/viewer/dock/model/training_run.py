"""A training under way: live curves, pause, stop and keep, or throw away."""

from __future__ import annotations

from collections.abc import Callable

import anndata as ad
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QPushButton, QVBoxLayout, QWidget

from napari_dpvae.dpvae import DPVAE
from napari_dpvae.training.report import EpochReport
from napari_dpvae.viewer.dock.job import Steps
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.model.curves import LossCurves
from napari_dpvae.viewer.dock.style import set_tone


class TrainingRun(QWidget):
    """Trains one model at a time in the background, and shows how it goes.

    It ends with exactly one of its signals. ``trained`` has the model, whole or stopped early;
    ``abandoned`` comes when there is none: it was thrown away, or had no epoch yet.
    """

    trained = Signal(object)
    abandoned = Signal()
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.progress = JobRow()
        self.progress.stop.setToolTip("End now. While training, the model is kept as it is.")
        self.discard = QPushButton("Discard")
        self.discard.setToolTip("End now and throw this training away; the model before it stays.")
        self.discard.clicked.connect(self._discard)
        self.discard.hide()
        self.progress.buttons.addWidget(self.discard)
        self.curves = LossCurves()
        self.held_out = QLabel()
        self.held_out.setWordWrap(True)
        set_tone(self.held_out, "muted")
        for part in (self.curves, self.held_out):
            part.hide()
        layout = QVBoxLayout()
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (self.progress, self.curves, self.held_out):
            layout.addWidget(part)
        self.setLayout(layout)
        self._kept: DPVAE | None = None
        self._errors: list[str] = []

    def start(self, model: DPVAE, reference: ad.AnnData, section_key: str | None) -> None:
        """Train a model on a reference; stopped early, it is kept as it is then."""

        def steps() -> Steps:
            yield from model.fit_epochs(reference, section_key=section_key)
            return model

        self._run(steps, kept=model)
        self.progress.stop.setText("Stop && keep")
        self.discard.show()

    def tune(
        self, model: DPVAE, reference: ad.AnnData, query: ad.AnnData, section_key: str | None
    ) -> None:
        """Go on training a model with a query; stopped early, it stays as it was."""

        def steps() -> Steps:
            tuned = yield from model.fine_tune_epochs(reference, query, section_key=section_key)
            return tuned

        self._run(steps, kept=None)

    def _run(self, steps: Callable[[], Steps], kept: DPVAE | None) -> None:
        self._kept = kept
        self._errors.clear()
        self.curves.restart()
        self._hide_results()
        job = self.progress.run(steps, "choosing genes", pausable=True)
        job.progressed.connect(self._on_epoch)
        job.done.connect(self._on_end)
        job.stopped.connect(lambda: self._on_end(self._kept))
        job.failed.connect(self._on_failed)

    def _discard(self) -> None:
        self._kept = None
        self.progress.stop.click()

    def _on_epoch(self, report: EpochReport) -> None:
        self.curves.add(report)
        if report.losses is not None:
            # Axes without a curve would be a jumble of numbers.
            self.curves.show()
        text = f"{report.stage} · epoch {report.epoch:,} of {report.epochs:,}"
        self.progress.show_share(report.epoch / report.epochs, text)
        if report.held_out_error is not None:
            self._errors.append(f"{report.held_out_error:.4g}")
            errors = " · ".join(self._errors)
            self.held_out.setText(f"error on what each network has not seen: {errors}")
            self.held_out.show()

    def _on_end(self, model: DPVAE | None) -> None:
        self.discard.hide()
        if model is not None and model.is_trained:
            self.trained.emit(model)
        else:
            self._hide_results()
            self.abandoned.emit()

    def _on_failed(self, text: str) -> None:
        self.discard.hide()
        self._hide_results()
        self.failed.emit(text)

    def _hide_results(self) -> None:
        self.curves.hide()
        self.held_out.hide()
