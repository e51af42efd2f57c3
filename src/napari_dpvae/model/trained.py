"""What a trained model knows: enough to place cells, and to go on training."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import numpy as np

from napari_dpvae.expression.normalise import Statistics
from napari_dpvae.expression.panel import GenePanel
from napari_dpvae.geometry.alignment import Similarity, fit_similarity
from napari_dpvae.model.member import Member, encode
from napari_dpvae.settings import PlacementSettings, TrainingSettings
from napari_dpvae.uncertainty.status import UNUSUAL

MOST_ANCHORS = 20_000
"""Compared with what is decoded of them: more are thinned evenly."""
MOST_HELD_OUT = 2048
"""Spots that are placed as if they were a query's: more are thinned evenly."""


class HeldOutSpots(NamedTuple):
    """Spots that a network did not see, and where it places them."""

    member: Member
    rows: np.ndarray
    """(h,) of the anchors."""
    points: np.ndarray
    """(h, 2 or 3)."""
    spread: np.ndarray
    """(h,) of their anchors."""


@dataclass(frozen=True)
class Trained:
    """An ensemble of networks together with the reference it was trained on.

    Attributes
    ----------
    settings
        What it was trained with: what was left to choose has been chosen.
    asked
        The settings as they were asked for.
    panel
        The genes that the networks read, with the reference's statistics.
    members
        The networks, each with the anchors in its latent space.
    coordinates
        Of the anchors, (r, 2 or 3) float64.
    expression
        Of the anchors, (r, n_genes) float32, standardised by the reference.
    usual_spread
        Median anchor spread of held-out spots, in coordinate units; NaN until calibrated.
    usual_apart
        Median distance between networks at spots that none of them saw, in coordinate units; NaN
        where there were none.
    scores
        Conformity score of each spot when held out; empty until calibrated.
    block_scores
        The same of spots whose whole block was held out; empty if none was.
    usual_likeness
        Least that 99 % of held-out spots reach, and their median.
    explained
        Share of the expression of held-out spots that the networks explain, 0 to 1.
    spatial
        The reference's ``uns["spatial"]``: images and scale factors, by library.
    card
        What a person wants to know of the model; JSON can hold it.
    section_key, frame
        Column of the reference's ``obs`` that names sections, and the section that cells are placed
        in; None where there is one section only.
    tuned_to
        Statistics of the query that it was fine-tuned with, which standardise cells in place of the
        reference's; None for a model that was not.
    """

    settings: TrainingSettings
    asked: TrainingSettings
    panel: GenePanel
    members: tuple[Member, ...]
    coordinates: np.ndarray
    expression: np.ndarray
    usual_spread: float
    usual_apart: float
    scores: np.ndarray
    block_scores: np.ndarray
    usual_likeness: tuple[float, float]
    explained: float
    spatial: dict[str, Any]
    card: dict[str, Any]
    section_key: str | None = None
    frame: str | None = None
    tuned_to: Statistics | None = None

    @cached_property
    def query_panel(self) -> GenePanel:
        """The panel with the statistics that cells of the reference's platform are read by."""
        return (
            self.panel if self.tuned_to is None else replace(self.panel, **self.tuned_to._asdict())
        )

    @property
    def is_calibrated(self) -> bool:
        """Whether held-out spots have been heard: not while the first networks are trained."""
        return bool(np.isfinite(self.usual_spread))

    @property
    def ensemble_scale(self) -> float:
        """What scores of single networks are multiplied by to be those of their mean."""
        return float(self.card.get("ensemble_scale") or 1.0)

    @property
    def weights(self) -> np.ndarray:
        """(members,) of each network in the mean."""
        return np.array([member.weight for member in self.members])

    def encode(self, x: np.ndarray) -> list[np.ndarray]:
        """Latents (n, latent_dim) by each member, of standardised expression (n, n_genes)."""
        return encode([member.network for member in self.members], self.panel, x)

    def consensus(self, latents: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
        """Weighted mean over the members, each brought to the first one by the anchors.

        Latent spaces that preserve the same distances differ by a similarity transform.

        Parameters
        ----------
        latents
            (n, latent_dim) in each member.
        weights
            (members,).

        Returns
        -------
        numpy.ndarray
            (n, latent_dim) float32.
        """
        aligned = [to_first.apply(z) for to_first, z in zip(self._to_first, latents, strict=True)]
        return np.average(aligned, axis=0, weights=weights).astype(np.float32)

    @property
    def anchor_latents(self) -> np.ndarray:
        """(r, latent_dim) consensus of the anchors' latents."""
        return self.consensus([member.latents for member in self.members], self.weights)

    @cached_property
    def _to_first(self) -> list[Similarity]:
        first = self.members[0].latents
        return [fit_similarity(member.latents, first) for member in self.members]

    @cached_property
    def held_out(self) -> list[HeldOutSpots]:
        """Of each network the spots that it did not see, and where it alone places them."""
        n_anchors, coordinates = PlacementSettings().anchors, self.coordinates
        every, found = -(-len(coordinates) // MOST_HELD_OUT), []
        for member in self.members:
            rows = np.flatnonzero(~member.trained_on)[::every]
            if len(rows):
                own, anchors = member.of_own_anchors(), coordinates[member.trained_on]
                stabilised = self.panel.stabilised(self.expression[rows])
                placed = own.place(member.latents[rows], anchors, n_anchors, stabilised)
                found.append(HeldOutSpots(member, rows, *placed))
        return found

    def usual_for(self, present: np.ndarray) -> tuple[float, float]:
        """:attr:`usual_likeness` of cells that have some genes of the panel only.

        Cells are less like their place when less of them is known: by as much as the anchors are.

        Parameters
        ----------
        present
            (n_genes,) bool.
        """
        least, median = self.usual_likeness
        if present.all():
            return least, median
        whole, part = (
            np.quantile(self._anchor_likeness(genes), [UNUSUAL, 0.5])
            for genes in (np.ones_like(present), present)
        )
        return least - float(whole[0] - part[0]), median - float(whole[1] - part[1])

    def _anchor_likeness(self, present: np.ndarray) -> np.ndarray:
        """Likeness of anchors all over the tissue, if these genes alone were known of them."""
        every = -(-len(self.expression) // MOST_ANCHORS)
        x = np.where(present, self.expression[::every], np.float32(0))
        pairs = zip(self.members, self.encode(x), strict=True)
        decoded = np.mean([member.decode(z) for member, z in pairs], axis=0)
        core = slice(self.panel.n_core)
        return self.panel.likeness(x[:, core], decoded, present[core])

    def model_hash(self) -> str:
        """Names the weights: the first 16 hex digits of their SHA-256."""
        digest = hashlib.sha256()
        for member in self.members:
            for name, weight in sorted(member.weights().items()):
                digest.update(name.encode() + weight.tobytes())
            if member.regression is not None:
                digest.update(member.regression.coefficients.tobytes())
        return digest.hexdigest()[:16]


class HasTrained(Protocol):
    """A model as a script holds it, such as :class:`napari_dpvae.DPVAE`."""

    settings: TrainingSettings

    @property
    def trained(self) -> Trained:
        """What it has learned."""
        ...
