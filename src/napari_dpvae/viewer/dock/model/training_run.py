"""A training under way: live curves, pause, stop and keep, or throw away."""

from __future__ import annotations

from collections.abc import Callable

import anndata as ad
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_dpvae.data.backed import in_memory
from napari_dpvae.data.unfinished import Unfinished
from napari_dpvae.dpvae import DPVAE
from napari_dpvae.training.report import EpochReport
from napari_dpvae.viewer.dock.job import Steps
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.model.curves import LossCurves
from napari_dpvae.viewer.dock.style import column, note
from napari_dpvae.viewer.state.memory import interrupted

GOING_ON = " · going on where this training was interrupted"


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
        self.throw = QPushButton("Discard")
        self.throw.setToolTip("End now and throw this training away; the model before it stays.")
        self.throw.clicked.connect(self.discard)
        self.throw.hide()
        self.progress.buttons.addWidget(self.throw)
        self.curves = LossCurves()
        self.held_out = note("muted")
        self._hide_results()
        self.setLayout(column(self.progress, self.curves, self.held_out))
        self.reference: ad.AnnData | None = None
        """What is being trained on; None while there is no training."""
        self._kept: DPVAE | None = None
        self._unfinished: Unfinished | None = None
        self._thrown_away = False
        self._errors: list[str] = []

    def start(self, model: DPVAE, reference: ad.AnnData, section_key: str | None) -> None:
        """Train a model on a reference; stopped early, it is kept as it is then.

        Networks that are trained are kept on disk until it ends: if it is stopped, or napari is,
        the same training goes on with them when it is started again.
        """
        unfinished = Unfinished(interrupted(), resume=True, apart=True)

        def steps() -> Steps:
            try:
                yield from model.fit_epochs(
                    reference, section_key=section_key, unfinished=unfinished
                )
            finally:
                # Made here, where it is stopped, as it reads the reference: not in the window.
                if model.is_trained and not self._thrown_away:
                    model.trained  # noqa: B018
            unfinished.remove()
            return model

        self._unfinished = unfinished
        self._run(steps, reference, kept=model)
        self.progress.stop.setText("Stop && keep")
        self.throw.show()

    def tune(
        self, model: DPVAE, reference: ad.AnnData, query: ad.AnnData, section_key: str | None
    ) -> None:
        """Go on training a model with a query; stopped early, it stays as it was."""

        def steps() -> Steps:
            cells = in_memory(query)
            tuned = yield from model.fine_tune_epochs(reference, cells, section_key=section_key)
            return tuned

        self._run(steps, reference, kept=None)

    def discard(self) -> None:
        """End now and throw it away."""
        self._kept, self._thrown_away = None, True
        self.progress.stop.click()

    def _run(self, steps: Callable[[], Steps], reference: ad.AnnData, kept: DPVAE | None) -> None:
        self.reference, self._kept, self._thrown_away = reference, kept, False
        self._errors.clear()
        self.curves.restart()
        self._hide_results()
        job = self.progress.run(steps, "choosing genes", pausable=True)
        job.progressed.connect(self._on_epoch)
        job.done.connect(self._on_end)
        job.stopped.connect(lambda: self._on_end(self._kept))
        job.failed.connect(self._on_failed)

    def _on_epoch(self, report: EpochReport) -> None:
        if report.losses is None:
            before = GOING_ON if self._unfinished is not None and len(self._unfinished) else ""
            self.progress.show_busy(report.stage + before)
            return
        self.curves.add(report)
        # Axes without a curve would be a jumble of numbers.
        self.curves.show()
        text = f"{report.stage} · epoch {report.epoch:,} of {report.epochs:,}"
        self.progress.show_share(report.epoch / report.epochs, text)
        if report.held_out_error is not None:
            # Of a block they are larger than of spots here and there: each says what it is of.
            stage = report.stage.split(":")[0]
            self._errors.append(f"{stage}: {report.held_out_error:.4g}")
            self.held_out.setText(f"error on held-out spots, {' · '.join(self._errors)}")
            self.held_out.show()

    def _on_end(self, model: DPVAE | None) -> None:
        self.throw.hide()
        self.reference = None
        if self._thrown_away and self._unfinished is not None:
            self._unfinished.remove()
        self._unfinished = None
        if model is not None and model.is_trained:
            self.trained.emit(model)
        else:
            self._hide_results()
            self.abandoned.emit()

    def _on_failed(self, text: str) -> None:
        self.throw.hide()
        self.reference = self._unfinished = None
        self._hide_results()
        self.failed.emit(text)

    def _hide_results(self) -> None:
        self.curves.hide()
        self.held_out.hide()
