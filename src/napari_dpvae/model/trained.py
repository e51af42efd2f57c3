"""What a trained model knows: enough to place cells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import anndata as ad
import numpy as np
from sklearn.metrics.pairwise import cosine_similarity

from napari_dpvae.expression.panel import Aligned, GenePanel
from napari_dpvae.geometry.alignment import Similarity, fit_similarity
from napari_dpvae.geometry.domain import Domain
from napari_dpvae.geometry.free import place_free
from napari_dpvae.model.member import CHUNK, Member
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.uncertainty.status import UNUSUAL, upper_kind

PAIRS_AT_ONCE = 5_000_000
"""Pairs of cell and anchor that are compared at once: bounds memory."""


class Solved(NamedTuple):
    """Placed cells, in coordinate units."""

    points: np.ndarray
    """(n, 2 or 3)."""
    spread: np.ndarray
    """(n,) anchor spread."""
    latents: np.ndarray
    """(n, latent_dim)."""
    likeness: np.ndarray
    """(n,) correlation with the expression that is expected there."""

    @classmethod
    def joined(cls, parts: Iterable[Solved]) -> Solved:
        """Chunks, at least one, as a whole."""
        return cls(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


@dataclass(frozen=True)
class Trained:
    """An ensemble of networks together with the reference it was trained on.

    Attributes
    ----------
    settings
        What it was trained with.
    panel
        The genes that the networks read.
    members
        The networks, each with the anchors in its latent space.
    coordinates
        Of the anchors, (r, 2 or 3) float64.
    expression
        Of the anchors, (r, n_genes) float32, standardised.
    usual_spread
        Median anchor spread of held-out spots, in coordinate units; NaN until calibrated.
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
    """

    settings: TrainingSettings
    panel: GenePanel
    members: tuple[Member, ...]
    coordinates: np.ndarray
    expression: np.ndarray
    usual_spread: float
    scores: np.ndarray
    block_scores: np.ndarray
    usual_likeness: tuple[float, float]
    explained: float
    spatial: dict[str, Any]
    card: dict[str, Any]

    def encode(self, x: np.ndarray) -> np.ndarray:
        """The consensus of the encoders, (n, latent_dim), for expression x (n, n_genes)."""
        return self._consensus([member.encode(x) for member in self.members])

    def align(self, query: ad.AnnData) -> Aligned:
        """Align a query to the panel, and standardise it as its platform asks for.

        A query that holds cells of another tissue beside its own looks like one of another
        platform. Where its cells fall into two kinds by likeness and the upper kind is at home
        here, that kind alone is measured.

        Raises
        ------
        DataError
            When too few panel genes are there, with what to do about it.
        """
        aligned = self.panel.standardise(query)
        if aligned.gap is None or not aligned.gap.wide:
            return aligned
        plain = self.panel.standardise(query, kin=np.zeros(query.n_obs, bool))
        first, rows = self.members[0], slice(None)
        decoded = first.decode(first.encode(plain.x))
        least, _ = self.usual_for(plain.present)
        kin = upper_kind(self.panel.likeness(plain, rows, decoded), least)
        return aligned if kin.all() else self.panel.standardise(query, kin)

    def weighed_for(self, cells: Aligned) -> Trained:
        """The model with the weights that suit these cells: equal ones across a platform gap.

        The members' own were measured on the reference's spots, and do not tell which of them reads
        noisier cells better.
        """
        if cells.statistics == "reference":
            return self
        return replace(self, members=tuple(replace(each, weight=1.0) for each in self.members))

    def covered_by(self, query: ad.AnnData) -> Trained:
        """The model for a query that covers the tissue as the reference does.

        It takes the query's statistics in place of the reference's. Across a platform gap every
        query is standardised by its own; and few cells have no statistics.
        """
        aligned = self.align(query)
        if aligned.gap is None or aligned.gap.wide:
            return self
        return replace(self, panel=self.panel.adapted_to(aligned))

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
        """(r,) likeness of the anchors, if these genes alone were known of them."""
        x = np.where(present, self.expression, np.float32(0))
        cells = Aligned(
            x=x,
            present=present,
            mean=self.panel.mean,
            deviation=self.panel.deviation,
            statistics="reference",
            expressed=np.ones(len(x), bool),
            depth=None,
            gap=None,
        )
        return self._likeness(cells, slice(None), [member.encode(x) for member in self.members])

    def correction(self, cells: Aligned) -> float:
        """Weight of the decoder against the encoder for these cells, 0 to 1.

        Cells of the reference's platform are read best by the encoder. For others the decoder
        weighs as much as its profiles correlate with what held-out spots measured.
        """
        return float(np.sqrt(self.explained)) if cells.statistics == "query" else 0.0

    def with_anchors(self, cells: Aligned, coordinates: np.ndarray) -> Trained:
        """The same networks with more anchors: cells whose coordinates (n, 2 or 3) are known."""
        latents = self._infer(cells.x, self.correction(cells))
        members = tuple(
            replace(
                member,
                latents=np.concatenate([member.latents, z]),
                seen=np.append(member.seen, np.zeros(len(z), bool)),
            )
            for member, z in zip(self.members, latents, strict=True)
        )
        return replace(
            self,
            members=members,
            coordinates=np.concatenate([self.coordinates, coordinates]),
            expression=np.concatenate([self.expression, cells.x]),
        )

    def alone(self, member: Member) -> Trained:
        """One network with the anchors that it was trained on, as if there were no others."""
        seen = member.seen
        return replace(
            self,
            members=(replace(member, latents=member.latents[seen], seen=seen[seen]),),
            coordinates=self.coordinates[seen],
            expression=self.expression[seen],
        )

    def place_chunks(self, cells: Aligned, n_anchors: int, domain: Domain) -> Iterator[Solved]:
        """Solve cells, each on its own, as the weighted mean over the members; a chunk at a time.

        Parameters
        ----------
        cells
            Aligned to the panel.
        n_anchors
            Anchors per cell.
        domain
            That the cells do not leave.
        """
        correction = self.correction(cells)
        for start in range(0, len(cells.x), CHUNK):
            rows = slice(start, start + CHUNK)
            latents = self._infer(cells.x[rows], correction)
            points, spreads = zip(
                *(
                    member.place(z, self.coordinates, n_anchors)
                    for member, z in zip(self.members, latents, strict=True)
                ),
                strict=True,
            )
            yield Solved(
                domain.keep_inside(self._mean(points)),
                self._mean(spreads),
                self._consensus(latents),
                self._likeness(cells, rows, latents),
            )

    def place_free(self, cells: Aligned, domain: Domain) -> Solved:
        """Solve cells together from the distances between their consensus latents."""
        first = self.members[0]
        each = self._infer(cells.x, self.correction(cells))
        latents = self._consensus(each)
        points = place_free(
            latents, first.latents, self.coordinates, first.scale, self.settings.seed
        )
        points = domain.keep_inside(points)
        spread = first.spread(points, latents, self.coordinates)
        return Solved(points, spread, latents, self._likeness(cells, slice(None), each))

    def _infer(self, x: np.ndarray, correction: float) -> list[np.ndarray]:
        """Latents (n, latent_dim) in each member: the encoder's, corrected by the decoders."""
        latents = [member.encode(x) for member in self.members]
        if correction == 0:
            return latents
        step = max(1, PAIRS_AT_ONCE // len(self.coordinates))
        profiles = self._profiles()
        parts = []
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            likeness = _relative_likeness(x[rows, : self.panel.n_core], profiles)
            parts.append(
                [
                    member.correct(z[rows], likeness, correction)
                    for member, z in zip(self.members, latents, strict=True)
                ]
            )
        return [np.concatenate(z) for z in zip(*parts, strict=True)]

    def _profiles(self) -> np.ndarray:
        """(r, n_core) what each anchor expresses: between what is measured and decoded there.

        What cannot be explained is taken for noise: the more of it, the less the measured counts.
        """
        decoded = np.mean([member.decode(member.latents) for member in self.members], axis=0)
        measured = self.expression[:, : self.panel.n_core]
        profiles: np.ndarray = decoded + self.explained * (measured - decoded)
        return profiles

    def model_hash(self) -> str:
        """Names the weights: the first 16 hex digits of their SHA-256."""
        digest = hashlib.sha256()
        for member in self.members:
            for name, weight in sorted(member.weights().items()):
                digest.update(name.encode() + weight.tobytes())
        return digest.hexdigest()[:16]

    def _likeness(self, cells: Aligned, rows: slice, latents: list[np.ndarray]) -> np.ndarray:
        decoded = [member.decode(z) for member, z in zip(self.members, latents, strict=True)]
        return self.panel.likeness(cells, rows, np.mean(decoded, axis=0))

    def _consensus(self, latents: list[np.ndarray]) -> np.ndarray:
        """Weighted mean over the members, each brought to the first one by its anchors.

        Latent spaces that preserve the same distances differ by a similarity transform.
        """
        aligned = [
            similarity.apply(z) for similarity, z in zip(self._to_first(), latents, strict=True)
        ]
        return self._mean(aligned).astype(np.float32)

    def _mean(self, each: Sequence[np.ndarray]) -> np.ndarray:
        """Over what the members say, by their weights."""
        weights = [member.weight for member in self.members]
        return np.asarray(np.average(each, axis=0, weights=weights))

    def _to_first(self) -> list[Similarity]:
        first = self.members[0].latents
        return [fit_similarity(member.latents, first) for member in self.members]


def _relative_likeness(x: np.ndarray, profiles: np.ndarray) -> np.ndarray:
    """(n, r) how much more than the others each profile is like a cell, in standard deviations.

    By the cosine, as a cell's depth says nothing of its place.
    """
    likeness = cosine_similarity(x, profiles)
    likeness -= likeness.mean(axis=1, keepdims=True)
    likeness /= np.maximum(likeness.std(axis=1, keepdims=True), 1e-12)
    return likeness


class HasTrained(Protocol):
    """A model as a script holds it, such as :class:`napari_dpvae.DPVAE`."""

    settings: TrainingSettings

    @property
    def trained(self) -> Trained:
        """What it has learned."""
        ...
