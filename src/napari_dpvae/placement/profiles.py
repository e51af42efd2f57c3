"""Beside the networks: where such molecules are expected as a cell has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import torch
from scipy.spatial import cKDTree

from napari_dpvae.expression.aligned import Cells
from napari_dpvae.expression.imitate import expected_shares, linear_profiles
from napari_dpvae.geometry.neighbours import neighbour_graph
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.device import one_thread
from napari_dpvae.placement.likeliest import Signs, SpotOdds, room_of
from napari_dpvae.placement.query import ReadQuery

MOST_SPOTS = 4000
"""That cells are compared with: more are thinned evenly."""
NEIGHBOURS = 18
"""Of a spot in the tissue, two rings of a hexagonal grid: the mean of theirs has little noise."""
MOST_AROUND = 1000
"""Of the spots with their neighbours that cells are compared with: those nearby are much alike."""
PAIRS_AT_ONCE = 1_000_000
"""Pairs of cell and spot that are compared at once: bounds memory, and stays near the caches."""


@dataclass(frozen=True)
class Profiles:
    """What a query's platform is expected to count at the reference's spots, of the core's genes.

    Networks read each gene in units of its deviation, and never saw cells noisier than the spots.
    Counts themselves say how far they can be trusted: the Bhattacharyya coefficient ``b`` of two
    profiles (the sum of the square roots of the products of shares, Bhattacharyya 1943) takes each
    gene by its sampling noise. A cell lies at the mean of the spots, each weighted by
    ``exp(b / t)``.

    How far off it may be is told by where such tissue is as it is like, rather than which spots: by
    the same of each spot and its neighbours together.

    Attributes
    ----------
    n_genes
        ``k``, of the core's genes that the query has: the first among those of the panel.
    spots
        (r,) rows of the model's anchors.
    coordinates
        (r, 2 or 3) of them, and of cells whose place is known behind them.
    roots
        As many, (r, k), float32: square roots of the shares, in rows of unit length.
    temperature
        ``t``.
    share
        In a cell's place, beside the networks; 0 to 1.
    doubt_temperature
        ``t`` of the spots with their neighbours.
    unit
        Of doubt: by it, its median at held-out spots is that of their anchors' spread.
    odds
        By which the likeliest spot of a cell is found; None if it is not asked for.
    """

    n_genes: int
    spots: np.ndarray
    coordinates: np.ndarray
    roots: np.ndarray = field(repr=False)
    temperature: float = 1.0
    share: float = 0.0
    doubt_temperature: float = 1.0
    unit: float = 1.0
    odds: SpotOdds | None = None

    @classmethod
    def of(cls, trained: Trained, query: ReadQuery) -> Profiles:
        """All of a model's spots, or some from all over the tissue; without a say yet."""
        every = -(-len(trained.coordinates) // MOST_SPOTS)
        spots = np.arange(0, len(trained.coordinates), every)
        aligned, panel = query.aligned, trained.panel
        shares = linear_profiles(panel, trained.expression[spots], aligned.present)
        if aligned.across_gap:
            assert aligned.totals is not None, "a query across a gap has totals"
            shares = expected_shares(shares, aligned.totals)
        n_genes = int(np.count_nonzero(aligned.present[: panel.n_core]))
        return cls(n_genes, spots, trained.coordinates[spots], _roots(shares[:, :n_genes]))

    def among(self, chosen: np.ndarray) -> Profiles:
        """Those of some of the model's spots, a boolean mask of all."""
        own = chosen[self.spots]
        return replace(
            self, spots=self.spots[own], coordinates=self.coordinates[own], roots=self.roots[own]
        )

    def with_cells(self, cells: Cells, coordinates: np.ndarray) -> Profiles:
        """With cells of the query beside the spots, whose coordinates (k, 2 or 3) are known."""
        return replace(
            self,
            coordinates=np.concatenate([self.coordinates, coordinates]),
            roots=np.concatenate([self.roots, self._roots_of(cells)]),
        )

    @cached_property
    def around(self) -> np.ndarray:
        """(m, k) float32 of spots with their neighbours, who together count as much as the spot."""
        sections = np.zeros(len(self.coordinates), int)
        graph = neighbour_graph(self.coordinates, sections, NEIGHBOURS).astype(np.float32)
        return _unit(self.roots[self._some] + _unit(graph[self._some] @ self.roots))

    @property
    def _some(self) -> slice:
        """Those that are compared with their neighbours: all, or some from all over the tissue."""
        return slice(None, None, -(-len(self.roots) // MOST_AROUND))

    def likeness(self, cells: Cells) -> torch.Tensor:
        """``b`` of cells with the spots, (n, r)."""
        return _products(self._roots_of(cells), self.roots)

    def likeness_around(self, cells: Cells) -> torch.Tensor:
        """``b`` of cells with spots and their neighbours, (n, m)."""
        return _products(self._roots_of(cells), self.around)

    def compared(self, cells: Cells) -> tuple[torch.Tensor, torch.Tensor]:
        """Likeness of cells to the spots, (n, r), and to these with their neighbours, (n, m)."""
        roots = self._roots_of(cells)
        return _products(roots, self.roots), _products(roots, self.around)

    def places(self, likeness: torch.Tensor, temperature: float) -> np.ndarray:
        """(n, 2 or 3) of cells by their likeness, (n, r)."""
        return _moments(self.coordinates, likeness, temperature)[0]

    def distances(
        self, points: np.ndarray, likeness: torch.Tensor, temperature: float
    ) -> np.ndarray:
        """(n,) how far spots lie from points (n, 2 or 3), by likeness with neighbours (n, m).

        The root mean square distance, by the spots' weights.
        """
        means, variance = _moments(self.coordinates[self._some], likeness, temperature)
        return np.asarray(np.sqrt(variance + ((means - points) ** 2).sum(axis=1)))

    def signs(self, points: np.ndarray, likeness: torch.Tensor, around: torch.Tensor) -> Signs:
        """What tells how likely cells at points (n, 2 or 3) are at each spot, (n, r) each.

        Their likeness to it, that to it and its neighbours, (n, m), and how near it is to where
        networks and profiles together put them.
        """
        middle = self.coordinates.mean(axis=0)
        here, spots = (
            torch.from_numpy(np.asarray(each - middle, np.float32))
            for each in (points, self.coordinates)
        )
        with torch.inference_mode(), one_thread():
            return likeness, around[:, self._patches], -torch.cdist(here, spots)

    @cached_property
    def _patches(self) -> np.ndarray:
        """(r,) which of those that are compared with their neighbours is nearest to each spot."""
        nearest: np.ndarray = cKDTree(self.coordinates[self._some]).query(self.coordinates)[1]
        return nearest

    def shared_out(self, points: np.ndarray, cells: Cells, n_cells: int, whole: float) -> Profiles:
        """With room for cells at spots, as some of a query's cells crowd there: :func:`room_of`.

        Parameters
        ----------
        points
            (m, 2 or 3) where networks and profiles together put them.
        cells
            Some of the query's.
        n_cells
            In the query.
        whole
            How far the query is taken to cover the tissue evenly, 0 to 1.
        """
        assert self.odds is not None, "odds are asked for"
        log_odds = [
            self.odds.log(self.signs(points[part], *self.compared(cells.take(part))))
            for part in self._parts(points)
        ]
        room = room_of(torch.cat(log_odds), n_cells, whole)
        return replace(self, odds=replace(self.odds, room=room))

    def beside(
        self, points: np.ndarray, cells: Cells
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Points of cells (n, 2 or 3) once the profiles had their say, and the doubt in them (n,).

        A cell is in doubt as far as the tissue that it is like lies from its place. One that
        expresses nothing is like no spot more than others, and stays. Where it is asked for, also
        the likeliest spot of each, (n, 2 or 3).
        """
        found, doubt, likeliest = zip(
            *(self._beside(points[part], cells.take(part)) for part in self._parts(points)),
            strict=True,
        )
        places = None if self.odds is None else np.concatenate(likeliest)
        return np.concatenate(found), np.concatenate(doubt), places

    def beside_by(self, points: np.ndarray, likeness: torch.Tensor) -> np.ndarray:
        """Points (n, 2 or 3), once the profiles had their say by the cells' likeness (n, r)."""
        share = np.where(likeness.any(dim=1).numpy(), self.share, 0.0)[:, None]
        return np.asarray((1 - share) * points + share * self.places(likeness, self.temperature))

    def _beside(
        self, points: np.ndarray, cells: Cells
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        likeness, around = self.compared(cells)
        found = self.beside_by(points, likeness)
        doubt = self.unit * self.distances(found, around, self.doubt_temperature)
        if self.odds is None:
            return found, doubt, None
        log_odds = self.odds.log(self.signs(found, likeness, around))
        return found, doubt, self.coordinates[log_odds.argmax(dim=1).numpy()]

    def _parts(self, points: np.ndarray) -> Iterator[slice]:
        step = max(1, PAIRS_AT_ONCE // len(self.roots))
        return (slice(start, start + step) for start in range(0, len(points), step))

    def _roots_of(self, cells: Cells) -> np.ndarray:
        return _roots(cells.values[:, : self.n_genes].expm1().toarray())


def _moments(
    coordinates: np.ndarray, likeness: torch.Tensor, temperature: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (n, 2 or 3) and variance (n,) of where spots lie, (r, 2 or 3), by likeness (n, r)."""
    with torch.inference_mode(), one_thread():
        weights = torch.softmax(likeness / temperature, dim=1).double().numpy()
    # About their middle, and in full: a square less another has few digits left.
    middle = coordinates.mean(axis=0)
    centred = coordinates - middle
    *means, squares = (weights @ np.column_stack([centred, (centred**2).sum(axis=1)])).T
    means = np.column_stack(means)
    return means + middle, np.maximum(squares - (means**2).sum(axis=1), 0)


def _roots(shares: np.ndarray) -> np.ndarray:
    """(n, p) float32 square roots, in rows of unit length."""
    return _unit(np.sqrt(shares, dtype=np.float32))


def _unit(rows: np.ndarray) -> np.ndarray:
    """Rows brought to unit length, in place; those of zeros stay."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    rows /= np.maximum(length, np.finfo(np.float32).tiny)
    return rows


def _products(mine: np.ndarray, theirs: np.ndarray) -> torch.Tensor:
    with torch.inference_mode(), one_thread():
        return torch.from_numpy(mine) @ torch.from_numpy(theirs).T
