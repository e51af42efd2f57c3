"""What a trained model knows: enough to place cells."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import anndata as ad
import numpy as np

from napari_dpvae.expression import Aligned, GenePanel
from napari_dpvae.member import CHUNK, SPREAD_ANCHORS, Member
from napari_dpvae.placement.alignment import Similarity, fit_similarity
from napari_dpvae.placement.domain import Domain
from napari_dpvae.placement.geometry import nearest_anchors, place_free
from napari_dpvae.placement.uncertainty import anchor_spread, upper_kind
from napari_dpvae.settings import PlacementSettings, TrainingSettings


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
    conformal
        Radius of a region per unit of anchor spread; NaN until calibrated.
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
    conformal: float
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
        kin = upper_kind(self.panel.likeness(plain, rows, decoded), self.usual_likeness[0])
        return aligned if kin.all() else self.panel.standardise(query, kin)

    def place_chunks(
        self, cells: Aligned, settings: PlacementSettings, correction: float
    ) -> Iterator[Solved]:
        """Solve cells, each on its own, as the mean over the members; a chunk at a time.

        Parameters
        ----------
        cells
            Aligned to the panel.
        settings
            How to place.
        correction
            Weight of the decoder in :meth:`Member.infer`.
        """
        domain = Domain(self.coordinates)
        for start in range(0, len(cells.x), CHUNK):
            rows = slice(start, start + CHUNK)
            latents = [member.infer(cells.x[rows], correction) for member in self.members]
            points, spreads = zip(
                *(
                    member.place(z, self.coordinates, settings.anchors)
                    for member, z in zip(self.members, latents, strict=True)
                ),
                strict=True,
            )
            mean = np.mean(points, axis=0)
            if settings.keep_in_domain:
                mean = domain.keep_inside(mean)
            likeness = self._likeness(cells, rows, latents)
            yield Solved(mean, np.mean(spreads, axis=0), self._consensus(latents), likeness)

    def place_free(self, cells: Aligned, settings: PlacementSettings, correction: float) -> Solved:
        """Solve cells together from the distances between their consensus latents."""
        first = self.members[0]
        each = [member.infer(cells.x, correction) for member in self.members]
        latents = self._consensus(each)
        points = place_free(
            latents, first.latents, self.coordinates, first.scale, self.settings.seed
        )
        if settings.keep_in_domain:
            points = Domain(self.coordinates).keep_inside(points)
        _, indices = nearest_anchors(latents, first.latents, SPREAD_ANCHORS)
        spread = anchor_spread(points, self.coordinates[indices])
        return Solved(points, spread, latents, self._likeness(cells, slice(None), each))

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
        """Mean over the members, each brought to the first one by its anchors.

        Latent spaces that preserve the same distances differ by a similarity transform.
        """
        aligned = [
            similarity.apply(z) for similarity, z in zip(self._to_first(), latents, strict=True)
        ]
        return np.mean(aligned, axis=0).astype(np.float32)

    def _to_first(self) -> list[Similarity]:
        first = self.members[0].latents
        return [fit_similarity(member.latents, first) for member in self.members]
