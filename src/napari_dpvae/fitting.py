"""Fit an ensemble of dp-VAEs to a reference: choose genes, train, calibrate."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import anndata as ad
import numpy as np
import torch

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.expression import GenePanel, row_correlation
from napari_dpvae.member import Member, encode
from napari_dpvae.model.network import Network
from napari_dpvae.model.pairs import make_pairs
from napari_dpvae.model.training import NOISES, Losses, train
from napari_dpvae.placement.domain import NearSpots
from napari_dpvae.placement.geometry import distance_ratio
from napari_dpvae.placement.uncertainty import conformal_factor
from napari_dpvae.settings import PlacementSettings, TrainingSettings
from napari_dpvae.trained import Trained

UNUSUAL = 0.01
"""Share of held-out spots that are less like their place than any cell that has a home here."""


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
    """

    stage: str
    epoch: int
    epochs: int
    losses: Losses | None = None


class Spots(NamedTuple):
    """What the network sees of the reference: row i of each is spot i."""

    x: np.ndarray
    coordinates: np.ndarray
    sections: np.ndarray

    def take(self, chosen: np.ndarray) -> Spots:
        """Those of a boolean mask."""
        return Spots(*(part[chosen] for part in self))


class Trial(NamedTuple):
    """A network trained with one part of the spots held out, and how it placed them."""

    member: Member
    errors: np.ndarray
    """(h,) distances from the truth of the held-out spots, in coordinate units."""
    spreads: np.ndarray
    """(h,) their anchor spreads."""
    likeness: np.ndarray
    """(h,) their likeness to what is expected there."""
    explained: float
    """Share of their expression that the network explains."""


class Fitting:
    """One run: drain :meth:`epochs`; :meth:`snapshot` is the model as it stands.

    Every member of the ensemble is trained with another part of the spots held out, which it then
    places: that calibrates the regions on all spots (cross-conformal), and the first part also
    chooses the regularisation.

    Parameters
    ----------
    reference
        Checked: spots by genes, coordinates in ``obsm["spatial"]``.
    settings
        What to train.
    section_key
        Column of ``obs`` with the section of each spot. Distances are compared within a section
        only; the largest section is the frame, and its spots are the anchors.
    """

    def __init__(
        self, reference: ad.AnnData, settings: TrainingSettings, section_key: str | None = None
    ) -> None:
        dims = reference.obsm[SPATIAL].shape[1]
        self._reference = reference
        self._settings = replace(settings, latent_dim=settings.latent_dim or dims)
        self._section_key = section_key
        automatic = settings.regularisation == "auto"
        self._candidates = list(NOISES) if automatic else [settings.regularisation]
        self._total = settings.epochs * (len(self._candidates) + settings.members - 1)
        self._done = 0
        self._losses: Losses | None = None
        self._regularisation = self._candidates[0]
        self._trials: list[Trial] = []

    def epochs(self) -> Iterator[EpochReport]:
        """Fit; yields a report at the start and after every epoch."""
        yield EpochReport("choosing genes", 0, self._total)
        settings = self._settings
        sections = self._sections()
        self._panel = GenePanel.choose(
            self._reference, settings.genes, settings.gene_choice, sections
        )
        self._spots = Spots(
            self._panel.standardise(self._reference).x,
            np.asarray(self._reference.obsm[SPATIAL], float),
            sections,
        )
        self._frame = self._spots.sections == _largest(self._spots.sections)
        folds = _folds(self._spots.sections, settings.members, settings.seed)
        best: Trial | None = None
        for name in self._candidates:
            stage = f"network 1 of {settings.members}, {name} regularisation"
            trial = yield from self._train(folds, 0, name, stage)
            if best is None or trial.errors.mean() < best.errors.mean():
                best, self._regularisation = trial, name
                self._trials = [best]
        for fold in range(1, settings.members):
            stage = f"network {fold + 1} of {settings.members}"
            trial = yield from self._train(folds, fold, self._regularisation, stage)
            self._trials.append(trial)

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
            errors = np.concatenate([trial.errors for trial in self._trials])
            spreads = np.concatenate([trial.spreads for trial in self._trials])
            conformal = conformal_factor(errors, spreads)
            likeness = np.concatenate([trial.likeness for trial in self._trials])
            usual = float(np.quantile(likeness, UNUSUAL)), float(np.median(likeness))
            explained = float(np.mean([trial.explained for trial in self._trials]))
        else:
            members = (self._member(self._network, self._frame),)
            conformal, explained, usual = np.nan, 0.0, (np.nan, np.nan)
        return Trained(
            settings=self._settings,
            panel=self._panel,
            members=members,
            coordinates=self._spots.coordinates[self._frame],
            expression=self._spots.x[self._frame],
            conformal=conformal,
            usual_likeness=usual,
            explained=explained,
            spatial=self._image_of_frame(),
            card=self._card(),
        )

    def _image_of_frame(self) -> dict[str, Any]:
        """The one library of ``uns["spatial"]`` that shows the frame; empty if none does."""
        entries = self._reference.uns.get(SPATIAL, {})
        libraries = {name: entry for name, entry in entries.items() if isinstance(entry, Mapping)}
        if len(libraries) > 1 and self._section_key is not None:
            name = str(self._reference.obs[self._section_key][self._frame].iloc[0])
            libraries = {name: libraries[name]} if name in libraries else {}
        return libraries

    def _sections(self) -> np.ndarray:
        """(n,) integer code of each spot's section."""
        if self._section_key is None:
            return np.zeros(self._reference.n_obs, int)
        column = self._reference.obs[self._section_key].astype("category")
        return column.cat.codes.to_numpy().astype(int)

    def _train(
        self, folds: np.ndarray, fold: int, regularisation: str, stage: str
    ) -> Generator[EpochReport, None, Trial]:
        """Train a network with one fold held out, then place that fold."""
        noise = NOISES[regularisation]
        # Seeds of neighbouring runs must not share members.
        seed = int(np.random.SeedSequence([self._settings.seed, fold]).generate_state(1)[0]) >> 1
        settings = replace(self._settings, seed=seed)
        part = self._spots.take(folds != fold)
        centred, self._unit = _scaled(part.coordinates, part.sections)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = Network(
                part.x.shape[1],
                settings.latent_dim,
                hidden=settings.hidden,
                dropout=noise.dropout,
                fixed_lambda=settings.fixed_lambda,
            )
        pairs = make_pairs(settings.mask, part.coordinates, part.sections, settings.neighbours)
        x, s = torch.from_numpy(part.x), torch.from_numpy(centred.astype(np.float32))
        for losses in train(network, x, s, pairs, settings, noise.inputs):
            self._network, self._losses = network, losses
            self._done += 1
            if self._done % settings.epochs:
                yield EpochReport(stage, self._done, self._total, losses)
        trial = self._assess(network, folds == fold)
        yield EpochReport(stage, self._done, self._total, losses)
        return trial

    def _member(self, network: Network, anchors: np.ndarray) -> Member:
        """The network with the spots of a boolean mask as anchors."""
        spots = self._spots.take(anchors)
        latents = encode(network, spots.x)
        scale = float(network.scale.detach()) / self._unit
        if self._settings.alpha2 == 0 and not self._settings.fixed_lambda:
            # Nothing taught a vanilla VAE its lambda: take the ratio that fits best.
            scale = distance_ratio(latents, spots.coordinates)
        return Member(network, latents, scale)

    def _assess(self, network: Network, held_out: np.ndarray) -> Trial:
        """Place the held-out spots of the frame by the others."""
        placing = self._member(network, self._frame & ~held_out)
        spots, anchors = self._spots.take(self._frame & held_out), self._frame & ~held_out
        latents = placing.encode(spots.x)
        coordinates = self._spots.coordinates[anchors]
        points, spreads = placing.place(latents, coordinates, PlacementSettings().anchors)
        points = NearSpots(coordinates).keep_inside(points)
        decoded, panel = placing.decode(latents), self._panel
        residual = ((spots.x - decoded) ** 2).sum()
        total = ((spots.x - spots.x.mean(axis=0)) ** 2).sum()
        return Trial(
            self._member(network, self._frame),
            np.linalg.norm(points - spots.coordinates, axis=1),
            spreads,
            row_correlation(
                spots.x * panel.deviation + panel.mean, decoded * panel.deviation + panel.mean
            ),
            float(np.clip(1 - residual / max(total, 1e-12), 0, 1)),
        )

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
            card["regularisation"] = self._regularisation
            card["networks"] = len(self._trials)
            errors = np.concatenate([trial.errors for trial in self._trials])
            card["held_out_error"] = float(errors.mean())
        return card


def _folds(sections: np.ndarray, k: int, seed: int) -> np.ndarray:
    """(n,) the fold, 0 to k - 1, of each spot: random, and even within every section."""
    rng = np.random.default_rng(seed)
    folds = np.zeros(len(sections), int)
    for section in np.unique(sections):
        members = rng.permutation(np.flatnonzero(sections == section))
        folds[members] = np.arange(len(members)) % k
    return folds


def _scaled(coordinates: np.ndarray, sections: np.ndarray) -> tuple[np.ndarray, float]:
    """Coordinates centred in each section and of unit variance; and the unit: one for all axes."""
    centred = coordinates.copy()
    for section in np.unique(sections):
        centred[sections == section] -= coordinates[sections == section].mean(axis=0)
    unit = float(np.sqrt((centred**2).mean()))
    return centred / unit, unit


def _largest(sections: np.ndarray) -> int:
    """The section with most spots."""
    codes, sizes = np.unique(sections, return_counts=True)
    return int(codes[sizes.argmax()])
