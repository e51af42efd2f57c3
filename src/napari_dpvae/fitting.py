"""Fit an ensemble of dp-VAEs to a reference: choose genes, train, calibrate."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import anndata as ad
import numpy as np
import torch

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.expression import GenePanel
from napari_dpvae.layout import Layout
from napari_dpvae.member import Member, encode
from napari_dpvae.model.network import Network
from napari_dpvae.model.pairs import Pairs, make_pairs
from napari_dpvae.model.reading import READINGS, Reading, principal_axes, reading_in_turn
from napari_dpvae.model.training import NOISES, Losses, train
from napari_dpvae.placement.geometry import distance_ratio
from napari_dpvae.placement.uncertainty import UNUSUAL, ensemble_scale
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.trained import Trained
from napari_dpvae.trial import BLOCKS, Check, Spots, Trial, assess, make_blocks, make_folds, scaled

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

    Every member of the ensemble is trained with another part of the spots held out, which it then
    places: that calibrates the regions on all spots (cross-conformal). In turn they read genes and
    principal components, and the first of each chooses the regularisation of its kind. Some of the
    parts are placed once more by two networks whose genes were chosen without that part: from one
    network with genes that held-out spots helped to choose, to an ensemble with genes that the
    query had no say in.

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

    def __init__(self, reference: ad.AnnData, settings: TrainingSettings, layout: Layout) -> None:
        dims = reference.obsm[SPATIAL].shape[1]
        self._reference = reference
        self._settings = settings = replace(
            settings,
            latent_dim=settings.latent_dim or dims,
            epochs=settings.epochs or usual_epochs(reference.n_obs),
        )
        self._layout = layout
        self._regularisations = self._to_try()
        in_frame = (layout.sections == layout.frame).sum()
        self._blocks = settings.blocks if in_frame >= 2 * BLOCKS else 0
        tried = sum(len(names) - 1 for names in self._regularisations.values())
        self._n_checks = min(settings.checks, settings.members)
        networks = tried + settings.members + len(READINGS) * self._n_checks + self._blocks
        self._total = settings.epochs * networks
        self._done = 0
        self._losses: Losses | None = None
        self._trials: list[Trial] = []
        self._checks: list[Check] = []
        self._block_trials: list[Trial] = []

    def epochs(self) -> Iterator[EpochReport]:
        """Fit; yields a report at the start and after every epoch."""
        yield EpochReport("choosing genes", 0, self._total)
        settings = self._settings
        self._prepare()
        for fold in range(settings.members):
            stage = f"network {fold + 1} of {settings.members}"
            yield from self._train_best(fold, stage)
        for check in range(self._n_checks):
            stage = f"check {check + 1} of {self._n_checks}"
            # The last ones: the first chose the regularisation.
            yield from self._check(settings.members - 1 - check, stage)
        if self._blocks:
            self._spots = self._spots._replace(folds=make_blocks(self._spots, self._frame))
        for block in range(self._blocks):
            stage = f"without block {block + 1} of {self._blocks}"
            reading = reading_in_turn(block)
            (regularisation,) = self._regularisations[reading]
            trial = yield from self._train(block, reading, regularisation, stage)
            self._block_trials.append(trial)

    def _to_try(self) -> dict[Reading, list[str]]:
        """The regularisations to choose from, for each reading."""
        asked = self._settings.regularisation
        return {r: list(noises) if asked == "auto" else [asked] for r, noises in NOISES.items()}

    def _train_best(self, fold: int, stage: str) -> Iterator[EpochReport]:
        """Train the network of a fold; the first of a reading with each regularisation to try."""
        reading = reading_in_turn(fold)
        best: Trial | None = None
        for name in self._regularisations[reading]:
            told = f"{stage}, {name} regularisation"
            trial = yield from self._train(fold, reading, name, told)
            if best is None or trial.errors.mean() < best.errors.mean():
                best, chosen = trial, name
                self._trials[fold:] = [trial]
        self._regularisations[reading] = [chosen]

    def _check(self, fold: int, stage: str) -> Iterator[EpochReport]:
        """Place a fold once more: by a network of each reading, with genes chosen without it."""
        kept = self._spots.folds != fold
        without = copy.copy(self)
        without._panel = panel = self._choose_panel(kept)
        without._spots = self._spots._replace(x=panel.standardise(self._reference).x)
        trials = []
        for reading in READINGS:
            (regularisation,) = self._regularisations[reading]
            trials.append((yield from without._train(fold, reading, regularisation, stage)))
        self._done = without._done
        self._checks.append(Check(self._trials[fold], *trials))

    def _prepare(self) -> None:
        """Choose the gene panel, and read the spots by it."""
        settings, sections = self._settings, self._layout.sections
        self._panel = self._choose_panel(slice(None))
        self._seen: np.ndarray | None = None
        self._spots = Spots(
            self._panel.standardise(self._reference).x,
            np.asarray(self._reference.obsm[SPATIAL], float),
            sections,
            make_folds(sections, settings.members, settings.seed),
        )

    def _choose_panel(self, spots: slice | np.ndarray) -> GenePanel:
        """The gene panel, chosen by some of the spots."""
        settings, sections = self._settings, self._layout.sections[spots]
        return GenePanel.choose(
            self._reference[spots], settings.genes, settings.gene_choice, sections
        )

    @property
    def _frame(self) -> np.ndarray:
        """(n,) bool: spots of the frame, whose place is known."""
        return (self._spots.sections == self._layout.frame) & self._spots.located

    def _new_network(
        self, fold: int, reading: Reading, seed: int, dropout: float, x: np.ndarray
    ) -> Network:
        """The network to train on x (n, n_genes) with a fold held out."""
        settings = self._settings
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return Network(
                len(self._panel.genes),
                settings.latent_dim,
                hidden=settings.hidden,
                dropout=dropout,
                fixed_lambda=settings.fixed_lambda,
                axes=principal_axes(x, self._panel.deviation) if reading == "components" else None,
            )

    @property
    def started(self) -> bool:
        """Whether an epoch is done, so that there is a model."""
        return self._done > 0

    def snapshot(self) -> Trained:
        """The networks that are done, or else the one under way; needs :attr:`started`.

        Half-way through its schedule a network is worse than none beside those that are done.
        """
        if self._trials:
            members = tuple(trial.member for trial in self._trials)
            likeness = np.concatenate([trial.likeness for trial in self._trials])
            usual = float(np.quantile(likeness, UNUSUAL)), float(np.median(likeness))
            explained = float(np.mean([trial.explained for trial in self._trials]))
        else:
            members = (self._member(self._network, self._frame),)
            explained, usual = 0.0, (np.nan, np.nan)
        return Trained(
            settings=self._settings,
            panel=self._panel,
            members=members,
            coordinates=self._spots.coordinates[self._frame],
            expression=self._spots.x[self._frame],
            usual_spread=self._usual_spread,
            scores=self._scores(self._trials) * self._ensemble_scale,
            block_scores=self._block_scores,
            usual_likeness=usual,
            explained=explained,
            spatial=self._layout.image,
            card=self._card(),
        )

    @property
    def _usual_spread(self) -> float:
        """Median anchor spread of held-out spots, in coordinate units; NaN before there are any."""
        spreads = [trial.spreads for trial in self._trials]
        return float(np.median(np.concatenate(spreads))) if spreads else np.nan

    @property
    def _ensemble_scale(self) -> float:
        """That the scores of single networks are multiplied by; 1 until it was measured."""
        if not self._checks:
            return 1.0
        usual_spread = self._usual_spread
        scores = [check.scores(usual_spread) for check in self._checks]
        alone, pair, apart = np.concatenate(scores, axis=1)
        return ensemble_scale(alone, pair, apart, len(self._trials))

    @property
    def _block_scores(self) -> np.ndarray:
        """Of spots whose whole block was held out."""
        return self._scores(self._block_trials)

    def _scores(self, trials: list[Trial]) -> np.ndarray:
        """Of the held-out spots of some trials."""
        usual_spread = self._usual_spread
        scores = [trial.scores(usual_spread) for trial in trials]
        return np.concatenate([np.empty(0), *scores])

    def _train(
        self, fold: int, reading: Reading, regularisation: str, stage: str
    ) -> Generator[EpochReport, None, Trial]:
        """Train a network with one fold held out, then place that fold."""
        noise = NOISES[reading][regularisation]
        # Seeds of neighbouring runs must not share members.
        seed = int(np.random.SeedSequence([self._settings.seed, fold]).generate_state(1)[0]) >> 1
        settings = replace(self._settings, seed=seed)
        self._taken = taken = self._spots.folds != fold
        part = self._spots.take(taken)
        centred, self._unit = scaled(part.coordinates, part.sections)
        network = self._new_network(fold, reading, seed, noise.dropout, part.x)
        x, s = torch.from_numpy(part.x), torch.from_numpy(np.nan_to_num(centred, copy=False))
        seen = None if self._seen is None else torch.from_numpy(self._seen[taken])
        steps = train(network, x, s, self._pairs(taken), settings, noise.inputs, seen)
        for losses in steps:
            self._network, self._losses = network, losses
            self._done += 1
            if self._done % settings.epochs:
                yield EpochReport(stage, self._done, self._total, losses)
        held_out = self._frame & ~taken
        trial = assess(
            self._member(network, self._frame),
            self._member(network, self._frame & taken),
            self._panel,
            self._spots.take(self._frame & taken),
            self._spots.take(held_out),
        )
        yield EpochReport(stage, self._done, self._total, losses, float(trial.errors.mean()))
        return trial

    def _pairs(self, taken: np.ndarray) -> Pairs:
        """The mask over the spots of a boolean mask."""
        part, given = self._spots.take(taken), self._layout.pairs
        if given is not None:
            given = given[taken][:, taken]
        return make_pairs(self._settings, part.coordinates, part.sections, given)

    def _member(self, network: Network, anchors: np.ndarray) -> Member:
        """The network trained last, with the spots of a boolean mask as anchors."""
        spots = self._spots.take(anchors)
        latents = encode(network, spots.x)
        scale = float(network.scale.detach()) / self._unit
        if self._settings.alpha2 == 0 and not self._settings.fixed_lambda:
            # Nothing taught a vanilla VAE its lambda: take the ratio that fits best.
            scale = distance_ratio(latents, spots.coordinates)
        return Member(network, latents, scale, self._taken[anchors])

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
        if self._trials:
            names = self._regularisations.items()
            card["regularisation"] = {reading: tried[0] for reading, tried in names}
            card["networks"] = len(self._trials)
            card["ensemble_scale"] = self._ensemble_scale
            errors = np.concatenate([trial.errors for trial in self._trials])
            card["held_out_error"] = float(errors.mean())
        return card


def usual_epochs(n_spots: int) -> int:
    """Passes over a reference: the number of steps does not grow beyond that of 5,000 spots."""
    return max(FEWEST_EPOCHS, round(USUAL_EPOCHS * min(1.0, MOST_SPOTS / n_spots)))
