"""Fit a dp-VAE to a reference: choose genes, try and calibrate on a hold-out, train on all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import anndata as ad
import numpy as np
import torch

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.expression import GenePanel
from napari_dpvae.model.network import Network
from napari_dpvae.model.pairs import make_pairs
from napari_dpvae.model.training import NOISES, Losses, train
from napari_dpvae.placement.geometry import distance_ratio
from napari_dpvae.placement.uncertainty import conformal_factor
from napari_dpvae.settings import PlacementSettings, TrainingSettings
from napari_dpvae.trained import Trained, encode

HELD_OUT = 0.2
"""Share of the spots held out to choose the regularisation and to calibrate the regions."""


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
    """How one regularisation placed the held-out spots."""

    regularisation: str
    error: float
    """Mean distance from the truth, in coordinate units."""
    conformal: float


class Fitting:
    """One run: drain :meth:`epochs`; :meth:`snapshot` is the model as it stands.

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
        self._total = settings.epochs * (len(self._candidates) + 1)
        self._done = 0
        self._trial: Trial | None = None
        self._kept: Trained | None = None
        self._losses: Losses | None = None

    def epochs(self) -> Iterator[EpochReport]:
        """Fit; yields a report at the start and after every epoch."""
        yield EpochReport("choosing genes", 0, self._total)
        self._panel = GenePanel.choose(
            self._reference, self._settings.genes, self._settings.gene_choice, self._section_key
        )
        spots = self._spots()
        held_out = _hold_out(spots.sections, self._settings.seed)
        chosen = self._candidates[0]
        for name in self._candidates:
            yield from self._train(spots.take(~held_out), name, f"trying {name} regularisation")
            trained = self._current()
            trial = self._assess(trained, spots.take(held_out), name)
            if self._trial is None or trial.error < self._trial.error:
                self._trial, self._kept = trial, replace(trained, conformal=trial.conformal)
                chosen = name
        yield from self._train(spots, chosen, "training")

    @property
    def started(self) -> bool:
        """Whether an epoch is done, so that there is a model."""
        return self._done > 0

    def snapshot(self) -> Trained:
        """The best model there is after the last epoch; needs :attr:`started`.

        Half-way through the schedule a network is worse than the best trial, and not calibrated:
        that trial is the model until the training on all spots is done.
        """
        if self._kept is not None and self._done < self._total:
            return replace(self._kept, card=self._card())
        return self._current()

    def _current(self) -> Trained:
        """The model of the network that was trained last."""
        part, network = self._part, self._network
        latents = encode(network, part.x)
        scale = float(network.scale.detach()) / self._unit
        if self._settings.alpha2 == 0 and not self._settings.fixed_lambda:
            # Nothing taught a vanilla VAE its lambda: take the ratio that fits best.
            scale = distance_ratio(latents, part.coordinates)
        frame = part.sections == _largest(part.sections)
        return Trained(
            self._settings,
            self._panel,
            network,
            latents[frame],
            part.coordinates[frame],
            scale,
            self._trial.conformal if self._trial else np.nan,
            self._image_of(_largest(part.sections)),
            self._card(),
        )

    def _spots(self) -> Spots:
        n = self._reference.n_obs
        sections = np.zeros(n, int)
        if self._section_key is not None:
            column = self._reference.obs[self._section_key].astype("category")
            sections = column.cat.codes.to_numpy().astype(int)
        return Spots(
            self._panel.standardise(self._reference).x,
            np.asarray(self._reference.obsm[SPATIAL], float),
            sections,
        )

    def _train(self, part: Spots, regularisation: str, stage: str) -> Iterator[EpochReport]:
        settings, noise = self._settings, NOISES[regularisation]
        centred, self._unit = _scaled(part.coordinates, part.sections)
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
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
            self._part, self._network, self._losses = part, network, losses
            self._done += 1
            yield EpochReport(stage, self._done, self._total, losses)

    def _assess(self, trained: Trained, held_out: Spots, regularisation: str) -> Trial:
        """Place the held-out spots of the frame's section."""
        held_out = held_out.take(held_out.sections == _largest(self._part.sections))
        latents = encode(trained.network, held_out.x)
        points, spreads = zip(*trained.place_chunks(latents, PlacementSettings()), strict=True)
        errors = np.linalg.norm(np.concatenate(points) - held_out.coordinates, axis=1)
        conformal = conformal_factor(errors, np.concatenate(spreads))
        return Trial(regularisation, float(errors.mean()), conformal)

    def _image_of(self, section: int) -> dict[str, Any]:
        """The one library of ``uns["spatial"]`` that shows the section; empty if none does."""
        entries = self._reference.uns.get(SPATIAL, {})
        libraries = {name: entry for name, entry in entries.items() if isinstance(entry, Mapping)}
        if len(libraries) > 1 and self._section_key is not None:
            column = self._reference.obs[self._section_key].astype("category")
            name = str(column.cat.categories[section])
            libraries = {name: libraries[name]} if name in libraries else {}
        return libraries

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
        if self._trial is not None:
            card["regularisation"] = self._trial.regularisation
            card["held_out_error"] = self._trial.error
        return card


def _hold_out(sections: np.ndarray, seed: int) -> np.ndarray:
    """(n,) bool: a random share of every section."""
    rng = np.random.default_rng(seed)
    held_out = np.zeros(len(sections), bool)
    for section in np.unique(sections):
        members = rng.permutation(np.flatnonzero(sections == section))
        held_out[members[: round(HELD_OUT * len(members))]] = True
    return held_out


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
