"""A model from its networks: what held-out spots say of them, and what a person wants to know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch

from napari_dpvae.data.layout import Layout
from napari_dpvae.data.unfinished import Unfinished
from napari_dpvae.expression.normalise import Statistics
from napari_dpvae.model.member import Member
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.training import Losses
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.training.ensemble import Ensemble, Together
from napari_dpvae.training.plan import Plan
from napari_dpvae.training.report import EpochReport, Model
from napari_dpvae.training.spots import Material

DIGITS = 6
"""Of the losses that are kept to be drawn."""


@dataclass
class Progress:
    """How far a training is, in epochs of all networks: the one thing that changes meanwhile."""

    epochs: int
    done: int = 0
    stage: str = "choosing genes"
    losses: Losses | None = None
    curve: list[Losses] = field(default_factory=list)
    """Of the networks under way, an epoch each."""
    unfinished: Unfinished | None = None
    """Where groups of networks are kept once they are trained; nowhere if not given."""
    groups: int = 0
    """That are trained."""
    model: Model | None = None
    """Of the networks that are done; None where there are none."""

    def follow(self, stage: str, networks: int, epochs: Iterable[Losses]) -> Iterator[int]:
        """While so many networks are trained together: yields the number of epochs they have done.

        Parameters
        ----------
        stage
            What they are for, in words.
        networks
            That are trained.
        epochs
            Losses of each epoch.
        """
        self.stage, self.curve = stage, []
        for epoch, losses in enumerate(epochs, start=1):
            self.curve.append(losses)
            self.done, self.losses = self.done + networks, losses
            yield epoch

    def report(self, held_out_error: float | None = None) -> EpochReport:
        """As whoever drains the training hears it."""
        return EpochReport(self.stage, self.done, self.epochs, self.losses, held_out_error)


@dataclass(frozen=True)
class Origin:
    """What a model keeps of the training that made it, beside its networks."""

    plan: Plan
    asked: TrainingSettings
    layout: Layout
    n_spots: int
    devices: tuple[torch.device, ...]
    tuned_to: Statistics | None = None
    began: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def card(self, material: Material, progress: Progress) -> dict[str, Any]:
        """What a person wants to know of the model; JSON can hold it."""
        card: dict[str, Any] = {
            "trained": self.began,
            "spots": self.n_spots,
            "genes": len(material.panel.genes),
            "epochs": f"{progress.done} of {progress.epochs}",
            "devices": [str(device) for device in self.devices],
        }
        if progress.done < progress.epochs:
            card["stopped_at"] = progress.stage
        if progress.losses is not None:
            card["losses"] = progress.losses._asdict()
            digits = np.round(progress.curve, DIGITS).T.tolist()
            card["curve"] = dict(zip(Losses._fields, digits, strict=True))
            card["curve_of"] = progress.stage
        return card


@dataclass(frozen=True)
class Assembly:
    """What a model has beside its networks, and what networks are trained on.

    Attributes
    ----------
    origin
        Of the training.
    material
        Reference and panel.
    progress
        Of the training; shared by all its assemblies.
    """

    origin: Origin
    material: Material
    progress: Progress

    def uncalibrated(self, members: Sequence[Member]) -> Trained:
        """The model of networks of which held-out spots have not been heard."""
        origin, material = self.origin, self.material
        return Trained(
            settings=origin.plan.settings,
            asked=origin.asked,
            panel=material.panel,
            members=tuple(members),
            coordinates=material.coordinates[material.frame],
            expression=material.spots().anchors,
            usual_spread=np.nan,
            usual_apart=np.nan,
            scores=np.empty(0),
            block_scores=np.empty(0),
            usual_likeness=(np.nan, np.nan),
            explained=0.0,
            spatial=origin.layout.image,
            card=origin.card(material, self.progress),
            section_key=origin.layout.section_key,
            frame=origin.layout.frame_name,
            tuned_to=origin.tuned_to,
        )

    def calibrated(
        self, ensemble: Ensemble, together: Together, block_scores: np.ndarray
    ) -> Trained:
        """The model that networks make together.

        Parameters
        ----------
        ensemble
            The networks, with the spots that each did not see.
        together
            How the ensemble compares with its networks.
        block_scores
            Of spots whose whole block was held out.
        """
        plain = self.uncalibrated(ensemble.members)
        return replace(
            plain,
            usual_spread=ensemble.usual_spread,
            usual_apart=together.usual_apart,
            scores=ensemble.scores() * together.scale,
            block_scores=block_scores,
            usual_likeness=ensemble.usual_likeness,
            explained=ensemble.explained,
            card=plain.card
            | {
                "regularisation": dict(self.origin.plan.regularisation),
                "networks": len(ensemble.networks),
                "ensemble_scale": together.scale,
                "held_out_error": float(ensemble.errors.mean()),
            },
        )
