"""Solve aligned cells by an ensemble: encode, correct, trilaterate, average; a chunk at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from napari_dpvae.expression.aligned import Cells
from napari_dpvae.geometry.domain import Domain
from napari_dpvae.geometry.free import place_free
from napari_dpvae.model.member import Member, latents_of
from napari_dpvae.model.trained import Trained
from napari_dpvae.placement.profiles import Profiles
from napari_dpvae.placement.query import ReadQuery
from napari_dpvae.uncertainty.conformal import distance_apart

PAIRS_AT_ONCE = 1_000_000
"""Pairs of cell and anchor that are compared at once: bounds memory, and stays near the caches."""


class Solved(NamedTuple):
    """Placed cells, in coordinate units."""

    points: np.ndarray
    """(n, 2 or 3)."""
    spread: np.ndarray
    """(n,) anchor spread, or the doubt of profiles, where cells are compared with them."""
    apart: np.ndarray
    """(n,) how far apart the members place each; 0 of one alone."""
    latents: np.ndarray
    """(n, latent_dim)."""
    likeness: np.ndarray
    """(n,) correlation with the expression that is expected there."""
    expressed: np.ndarray
    """(n,) bool: whether the cell expresses any gene of the panel."""
    likeliest: np.ndarray
    """(n, 2 or 3) the likeliest spot of each; (n, 0) where no profiles tell."""

    @classmethod
    def joined(cls, parts: Iterable[Solved]) -> Solved:
        """Chunks, at least one, as a whole."""
        return cls(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


@dataclass(frozen=True)
class Solver:
    """Networks and anchors that place the cells of one query: what they share is found once.

    Attributes
    ----------
    trained
        The model.
    query
        As the model reads it.
    members
        Networks that place: the model's, perhaps with more anchors, or fewer.
    weights
        (members,) in the mean.
    coordinates, expression
        Of the anchors, (r, 2 or 3) and (r, n_genes), standardised.
    profiles
        That cells are compared with beside the networks; None for none.
    """

    trained: Trained
    query: ReadQuery
    members: tuple[Member, ...]
    weights: np.ndarray
    coordinates: np.ndarray
    expression: np.ndarray = field(repr=False)
    profiles: Profiles | None = None

    @classmethod
    def of(cls, trained: Trained, query: ReadQuery) -> Solver:
        """All networks and anchors of a model."""
        return cls(
            trained,
            query,
            trained.members,
            query.weights,
            trained.coordinates,
            trained.expression,
        )

    def with_anchors(self, cells: Cells, coordinates: np.ndarray) -> Solver:
        """With more anchors: cells whose coordinates (k, 2 or 3) are known."""
        latents = self.infer(cells.x)
        return replace(
            self,
            members=tuple(
                member.with_anchors(z) for member, z in zip(self.members, latents, strict=True)
            ),
            coordinates=np.concatenate([self.coordinates, coordinates]),
            expression=np.concatenate([self.expression, cells.x]),
            profiles=self.profiles and self.profiles.with_cells(cells, coordinates),
        )

    def of_one(self, member: Member) -> Solver:
        """One network with the anchors that it was trained on, as if there were no others."""
        own = member.trained_on
        return replace(
            self,
            members=(member.of_own_anchors(),),
            weights=np.ones(1),
            coordinates=self.coordinates[own],
            expression=self.expression[own],
            profiles=self.profiles and self.profiles.among(own),
        )

    def shared_out(self, n_anchors: int, domain: Domain) -> Solver:
        """The same, with room for cells at spots, as far as the query covers the tissue.

        Parameters are those of :meth:`solve`; without odds of spots nothing changes.
        """
        if self.profiles is None or self.profiles.odds is None:
            return self
        centred = self.query.centred
        cells = centred.aligned.some()
        points = self.solve(cells, n_anchors, domain).points
        profiles = self.profiles.shared_out(points, cells, centred.aligned.n_cells, centred.whole)
        return replace(self, profiles=profiles)

    def without_cells(self) -> Solver:
        """The same, without the query's own cells."""
        return replace(self, query=self.query.without_cells())

    def solve(self, cells: Cells, n_anchors: int, domain: Domain) -> Solved:
        """Solve cells, each on its own, as the weighted mean over the members.

        Parameters
        ----------
        cells
            Some of the query's, or such as were measured like them.
        n_anchors
            Anchors per cell.
        domain
            That the cells do not leave.
        """
        stabilised = self.trained.panel.stabilised(cells.x)
        latents = self.infer(cells.x, stabilised)
        # Across a gap the regression would read noise that it was not fitted to.
        read = None if self.query.decoder_weight else stabilised
        points, spreads = zip(
            *(
                member.place(z, self.coordinates, n_anchors, read)
                for member, z in zip(self.members, latents, strict=True)
            ),
            strict=True,
        )
        together, spread, likeliest = self._mean(points), self._mean(spreads), None
        if self.profiles is not None:
            together, spread, likeliest = self.profiles.beside(together, cells)
        return Solved(
            domain.keep_inside(together),
            spread,
            distance_apart(np.stack(points), self.weights),
            self.consensus(latents),
            self._likeness(cells, latents),
            cells.expressed,
            np.empty((len(together), 0)) if likeliest is None else likeliest,
        )

    def solve_free(self, domain: Domain) -> Solved:
        """Solve all cells together from the distances between their consensus latents."""
        first, cells = self.members[0], self.query.aligned.read()
        each = self.infer(cells.x)
        latents = self.consensus(each)
        points = place_free(
            latents, first.latents, self.coordinates, first.scale, self.trained.settings.seed
        )
        points = domain.keep_inside(points)
        spread = first.spread(points, latents, self.coordinates)
        together = np.zeros(len(points))
        likeness = self._likeness(cells, each)
        untold = np.empty((len(points), 0))
        return Solved(points, spread, together, latents, likeness, cells.expressed, untold)

    def infer(self, x: np.ndarray, stabilised: np.ndarray | None = None) -> list[np.ndarray]:
        """Latents (n, latent_dim) in each member: the encoder's, corrected by the decoders.

        Parameters
        ----------
        x
            (n, n_genes) standardised expression.
        stabilised
            The same stabilised, where it is known already.
        """
        if stabilised is None:
            stabilised = self.trained.panel.stabilised(x)
        latents = latents_of([member.network for member in self.members], x, stabilised)
        correction = self.query.decoder_weight
        if correction == 0:
            return latents
        parts = []
        step = max(1, PAIRS_AT_ONCE // len(self.coordinates))
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            likeness = _relative_likeness(x[rows, : self.trained.panel.n_core], self._profiles)
            parts.append(
                [
                    member.correct(z[rows], likeness, correction)
                    for member, z in zip(self.members, latents, strict=True)
                ]
            )
        return [np.concatenate(z) for z in zip(*parts, strict=True)]

    def consensus(self, latents: Sequence[np.ndarray]) -> np.ndarray:
        """(n, latent_dim) float32: see :meth:`napari_dpvae.model.trained.Trained.consensus`."""
        if len(self.members) < len(self.trained.members):
            return latents[0]
        return self.trained.consensus(latents, self.weights)

    @cached_property
    def _profiles(self) -> np.ndarray:
        """(r, n_core) what each anchor expresses: between what is measured and decoded there.

        What cannot be explained is taken for noise: the more of it, the less the measured counts.
        Of unit length, less their mean: so likenesses to them have a mean of 0.
        """
        decoded = np.mean([member.decode(member.latents) for member in self.members], axis=0)
        measured = self.expression[:, : self.trained.panel.n_core]
        profiles: np.ndarray = decoded + self.trained.explained * (measured - decoded)
        profiles /= np.linalg.norm(profiles, axis=1, keepdims=True)
        return profiles - profiles.mean(axis=0)

    def _likeness(self, cells: Cells, latents: Sequence[np.ndarray]) -> np.ndarray:
        decoded = [member.decode(z) for member, z in zip(self.members, latents, strict=True)]
        return self.query.aligned.likeness(cells.x, np.mean(decoded, axis=0))

    def _mean(self, each: Sequence[np.ndarray]) -> np.ndarray:
        """Over what the members say, by their weights."""
        return np.asarray(np.average(each, axis=0, weights=self.weights))


def _relative_likeness(x: np.ndarray, profiles: np.ndarray) -> np.ndarray:
    """(n, r) how much more than the others each profile is like a cell, in standard deviations.

    By the cosine, as a cell's depth says nothing of its place. Profiles (r, n_core) are of unit
    length, less their mean.
    """
    likeness = x @ profiles.T
    deviation = np.linalg.norm(likeness, axis=1, keepdims=True) / np.sqrt(likeness.shape[1])
    likeness /= np.maximum(deviation, 1e-12, dtype=likeness.dtype)
    return likeness
