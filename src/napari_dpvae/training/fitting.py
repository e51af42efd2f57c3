"""Fit an ensemble of dp-VAEs to a reference: choose genes, train, calibrate."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import anndata as ad
import numpy as np

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.layout import Layout
from napari_dpvae.expression.panel import GenePanel
from napari_dpvae.model.member import Member
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.inputs import FORMS, Form, Reading, readings
from napari_dpvae.network.network import Network
from napari_dpvae.network.training import NOISES, Losses
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.training.ensemble import Ensemble
from napari_dpvae.training.network_fit import NetworkFit, new_network
from napari_dpvae.training.trial import BLOCKS, Spots, Trial, make_blocks, make_folds

USUAL_EPOCHS = 150
MOST_SPOTS = 5000
"""A larger reference is passed over fewer times: a step learns as much from other spots."""
FEWEST_EPOCHS = 5


@dataclass(frozen=True)
class EpochReport:
    """Where fitting stands.

    Attributes
    ----------
    stage
        What is going on, in words.
    epoch, epochs
        Epochs done and to do, over all stages.
    losses
        Of the last epoch; None before the first.
    held_out_error
        Mean error of the spots that a network has not seen, in coordinate units; None before its
        last epoch.
    """

    stage: str
    epoch: int
    epochs: int
    losses: Losses | None = None
    held_out_error: float | None = None


class Fitting:
    """One run: drain :meth:`epochs`; :meth:`snapshot` is the model as it stands.

    First some of the spots are held out, from the choice of genes as well: on them each form that
    networks read is tried with each regularisation. Then every member of the ensemble is trained
    with another part of the spots held out, which it places: that calibrates the regions on all
    spots (cross-conformal). In turn they read genes, and principal components of few and of many;
    those that read as did best on the spots first held out weigh more. These spots also tell how
    far off the ensemble is, against single networks with genes that held-out spots helped to
    choose.

    Parameters
    ----------
    reference
        Checked: spots by genes, coordinates in ``obsm["spatial"]``.
    settings
        What to train.
    layout
        Of the reference: distances are compared within a section only, and the frame's spots are
        the anchors.
    """

    _panel: GenePanel
    _spots: Spots
    _under_way: NetworkFit

    def __init__(self, reference: ad.AnnData, settings: TrainingSettings, layout: Layout) -> None:
        dims = reference.obsm[SPATIAL].shape[1]
        self._reference = reference
        self._settings = settings = replace(
            settings,
            latent_dim=settings.latent_dim or dims,
            epochs=settings.epochs or usual_epochs(reference.n_obs),
        )
        self._layout = layout
        self._regularisation = self._usual_regularisation()
        self._folds = make_folds(layout.sections, settings.members, settings.seed)
        in_frame = (layout.sections == layout.frame).sum()
        self._blocks = settings.blocks if in_frame >= 2 * BLOCKS else 0
        self._n_checks = min(settings.checks, settings.members // 2)
        self._done = 0
        self._losses: Losses | None = None
        self._seen: np.ndarray | None = None
        self._stopgap: Trained | None = None
        self._tried: Ensemble | None = None
        self._trials: list[Trial] = []
        self._block_trials: list[Trial] = []

    def epochs(self) -> Iterator[EpochReport]:
        """Fit; yields a report at the start and after every epoch."""
        yield EpochReport("choosing genes", 0, self._total)
        settings = self._settings
        if self._n_checks:
            yield from self._try_out()
        self._prepare()
        for fold in range(settings.members):
            stage = f"network {fold + 1} of {settings.members}"
            trial = yield from self._train_chosen(fold, self._reading(fold), stage)
            self._trials.append(trial)
        if self._blocks:
            self._spots = self._spots._replace(folds=make_blocks(self._spots, self._frame))
        for block in range(self._blocks):
            stage = f"without block {block + 1} of {self._blocks}"
            # The two readings that differ most.
            reading = self._readings[-(block % 2)]
            trial = yield from self._train_chosen(block, reading, stage)
            self._block_trials.append(trial)

    @property
    def _total(self) -> int:
        """Epochs to do."""
        tried = 0
        if self._n_checks:
            n_genes = self._reference.n_vars
            expected = readings(
                min(self._settings.genes, n_genes),
                min(max(self._settings.genes, self._settings.wide_genes), n_genes),
            )
            tried = sum(len(self._to_try(reading.form)) for reading in expected)
        return self._settings.epochs * (tried + self._settings.members + self._blocks)

    def _usual_regularisation(self) -> dict[Form, str]:
        """What is taken where none is tried."""
        asked = self._settings.regularisation
        return dict.fromkeys(FORMS, "medium" if asked == "auto" else asked)

    def _to_try(self, form: Form) -> list[str]:
        """The regularisations to choose from."""
        asked = self._settings.regularisation
        return list(NOISES[form]) if asked == "auto" else [asked]

    @property
    def _readings(self) -> list[Reading]:
        """What networks read in turn."""
        return readings(self._panel.n_core, len(self._panel.genes))

    def _reading(self, fold: int) -> Reading:
        """What the network of a fold reads."""
        return self._readings[fold % len(self._readings)]

    def _try_out(self) -> Iterator[EpochReport]:
        """Choose the regularisations by spots that had no say in the choice of genes."""
        unseen = self._settings.members
        self._read(~self._checked, np.where(self._checked, unseen, -1))
        tried: list[tuple[Reading, str, Trial]] = []
        for reading in self._readings:
            for name in self._to_try(reading.form):
                stage = f"trying {reading.form}, {name} regularisation"
                trial = yield from self._train(unseen, reading, name, stage)
                tried.append((reading, name, trial))
                self._stopgap = self._trained(Ensemble.by_own_errors([t for *_, t in tried]))
        for form in FORMS:
            errors = dict.fromkeys(self._to_try(form), 0.0)
            for reading, name, trial in tried:
                if reading.form == form:
                    errors[name] += trial.errors.mean()
            self._regularisation[form] = min(errors, key=lambda name: errors[name])
        self._tried = Ensemble.by_own_errors(
            [trial for reading, name, trial in tried if name == self._regularisation[reading.form]]
        )

    @property
    def _checked(self) -> np.ndarray:
        """(n,) bool: spots that are first held out."""
        return np.isin(self._folds, np.arange(self._n_checks))

    def _train_chosen(
        self, fold: int, reading: Reading, stage: str
    ) -> Generator[EpochReport, None, Trial]:
        """Train a network with one fold held out, with the regularisation of its form."""
        return (yield from self._train(fold, reading, self._regularisation[reading.form], stage))

    def _prepare(self) -> None:
        """Read the spots for the ensemble."""
        self._read(np.ones(len(self._folds), bool), self._folds)

    def _read(self, kept: np.ndarray, folds: np.ndarray) -> None:
        """Choose the gene panel by the spots of a boolean mask, and read all spots by it."""
        settings, sections = self._settings, self._layout.sections
        self._panel = GenePanel.choose(
            self._reference[kept],
            settings.genes,
            settings.gene_choice,
            sections[kept],
            n_wide=settings.wide_genes,
        )
        x = self._panel.standardise(self._reference).x
        coordinates = np.asarray(self._reference.obsm[SPATIAL], float)
        self._spots = Spots(x, coordinates, sections, folds)

    @property
    def _frame(self) -> np.ndarray:
        """(n,) bool: spots of the frame, whose place is known."""
        return (self._spots.sections == self._layout.frame) & self._spots.located

    def _new_network(
        self, fold: int, settings: TrainingSettings, reading: Reading, dropout: float
    ) -> Network:
        """The network to train with a fold held out."""
        x = self._spots.x[self._spots.folds != fold]
        return new_network(settings, self._panel, reading, dropout, x)

    @property
    def started(self) -> bool:
        """Whether an epoch is done, so that there is a model."""
        return self._done > 0

    def snapshot(self) -> Trained:
        """The networks that are done, or else the one under way; needs :attr:`started`.

        Half-way through its schedule a network is worse than none beside those that are done.
        """
        if self._trials:
            ensemble = Ensemble(self._trials, self._weights)
            return self._trained(ensemble, self._scale(ensemble))
        if self._stopgap is not None:
            return self._stopgap
        return self._uncalibrated((self._under_way.member(),))

    def _uncalibrated(self, members: tuple[Member, ...]) -> Trained:
        """The model of networks of which held-out spots have not been heard."""
        return Trained(
            settings=self._settings,
            panel=self._panel,
            members=members,
            coordinates=self._spots.coordinates[self._frame],
            expression=self._spots.x[self._frame],
            usual_spread=np.nan,
            scores=np.empty(0),
            block_scores=np.empty(0),
            usual_likeness=(np.nan, np.nan),
            explained=0.0,
            spatial=self._layout.image,
            card=self._card(),
        )

    def _trained(self, ensemble: Ensemble, scale: float = 1.0) -> Trained:
        """The model that networks make together, with what their scores are multiplied by."""
        plain = self._uncalibrated(ensemble.members)
        return replace(
            plain,
            usual_spread=ensemble.usual_spread,
            scores=ensemble.scores() * scale,
            block_scores=self._block_scores(ensemble),
            usual_likeness=ensemble.usual_likeness,
            explained=ensemble.explained,
            card=plain.card
            | {
                "regularisation": dict(self._regularisation),
                "networks": len(ensemble.trials),
                "ensemble_scale": scale,
                "held_out_error": float(ensemble.errors.mean()),
            },
        )

    @property
    def _weights(self) -> np.ndarray:
        """(members,) of the networks that are done, by how well their reading did when tried."""
        done = np.arange(len(self._trials))
        if self._tried is None:
            return np.full(len(done), 1 / len(done))
        of_reading = self._tried.weights
        weights = of_reading[np.minimum(done % len(self._readings), len(of_reading) - 1)]
        return np.asarray(weights / weights.sum())

    def _scale(self, ensemble: Ensemble) -> float:
        """That the scores of single networks are multiplied by; 1 until it was measured."""
        n = min(len(self._readings), self._settings.members)
        if self._tried is None or len(ensemble.trials) < max(n, self._n_checks):
            return 1.0
        return ensemble.scale(self._tried, n, self._n_checks)

    def _block_scores(self, ensemble: Ensemble) -> np.ndarray:
        """Of spots whose whole block was held out."""
        return ensemble.scores(self._block_trials)

    def _train(
        self, fold: int, reading: Reading, regularisation: str, stage: str
    ) -> Generator[EpochReport, None, Trial]:
        """Train a network with one fold held out, then place that fold."""
        noise = NOISES[reading.form][regularisation]
        # Seeds of neighbouring runs must not share members.
        seed = int(np.random.SeedSequence([self._settings.seed, fold]).generate_state(1)[0]) >> 1
        settings, taken = replace(self._settings, seed=seed), self._spots.folds != fold
        network = self._new_network(fold, settings, reading, noise.dropout)
        fit = NetworkFit(network, settings, self._panel, self._spots, taken, self._frame)
        for losses in fit.epochs(noise, self._layout.pairs, self._seen):
            self._under_way, self._losses = fit, losses
            self._done += 1
            if self._done % settings.epochs:
                yield EpochReport(stage, self._done, self._total, losses)
        trial = fit.trial()
        yield EpochReport(stage, self._done, self._total, losses, float(trial.errors.mean()))
        return trial

    def _card(self) -> dict[str, Any]:
        """What a person wants to know of the model; JSON can hold it."""
        card: dict[str, Any] = {
            "trained": datetime.now(UTC).isoformat(timespec="seconds"),
            "spots": self._reference.n_obs,
            "genes": len(self._panel.genes),
            "epochs": f"{self._done} of {self._total}",
        }
        if self._losses is not None:
            card["losses"] = self._losses._asdict()
        return card


def usual_epochs(n_spots: int) -> int:
    """Passes over a reference: the number of steps does not grow beyond that of 5,000 spots."""
    return max(FEWEST_EPOCHS, round(USUAL_EPOCHS * min(1.0, MOST_SPOTS / n_spots)))
