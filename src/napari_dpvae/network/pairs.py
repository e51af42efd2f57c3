"""Masks G: which pairs of spots have a distance to preserve, and how much it counts."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from napari_dpvae.errors import DataError
from napari_dpvae.geometry.neighbours import neighbour_graph, radius_graph
from napari_dpvae.geometry.spacing import spot_distance
from napari_dpvae.settings import TrainingSettings

CLUMP = 32
"""Spots that come into a batch together, where only near ones have pairs."""


class Pairs(Protocol):
    """A mask over all spots that gives the block of any batch."""

    def order(self, rng: np.random.Generator) -> np.ndarray:
        """(n,) the spots as an epoch goes through them: batches of these hold pairs."""
        ...

    def block(self, batch: np.ndarray) -> Tensor | None:
        """The (b, b) float32, symmetric weights of the spots whose indices are in batch (b,).

        None where all pairs count alike.
        """
        ...


class SectionPairs:
    """Every pair of spots of the same section.

    Parameters
    ----------
    sections
        (n,) integer code of each spot's section: spots of different sections have no distance.
    """

    def __init__(self, sections: np.ndarray) -> None:
        self._sections = torch.as_tensor(sections)
        self._one = len(np.unique(sections)) == 1

    def order(self, rng: np.random.Generator) -> np.ndarray:
        """See :class:`Pairs`."""
        return rng.permutation(len(self._sections))

    def block(self, batch: np.ndarray) -> Tensor | None:
        """See :class:`Pairs`."""
        if self._one:
            return None
        codes = self._sections[torch.as_tensor(batch)]
        return (codes[:, None] == codes[None, :]).float()


class SparsePairs:
    """The pairs weighted in a sparse matrix.

    Parameters
    ----------
    graph
        (n, n) sparse: weights of pairs, not negative. Where the two directions of a pair differ,
        the greater weight counts.
    """

    def __init__(self, graph: sparse.spmatrix | sparse.sparray) -> None:
        rows = sparse.csr_array(graph).astype(np.float32)
        self._graph = rows.maximum(rows.T).tocsr()

    def order(self, rng: np.random.Generator) -> np.ndarray:
        """See :class:`Pairs`; clumps of neighbours about random spots.

        Of many spots, batches drawn at random would hold next to no neighbours.
        """
        n = self._graph.shape[0]
        centres = rng.permutation(n)[: -(-n // CLUMP)]
        *_, nearest = dijkstra(
            self._graph, indices=centres, unweighted=True, return_predecessors=True, min_only=True
        )
        # Spots that are connected to no centre have no pairs to keep: they come in anywhere.
        clump = rng.permutation(n).astype(float)
        connected = nearest >= 0
        place = np.empty(n)
        place[centres] = rng.permutation(n)[: len(centres)]
        clump[connected] = place[nearest[connected]]
        return np.lexsort((rng.random(n), clump))

    def block(self, batch: np.ndarray) -> Tensor:
        """See :class:`Pairs`."""
        return torch.from_numpy(self._graph[batch][:, batch].toarray())


def make_pairs(
    settings: TrainingSettings,
    coordinates: np.ndarray,
    sections: np.ndarray,
    given: sparse.csr_array | None = None,
) -> Pairs:
    """The mask named in the training settings.

    Parameters
    ----------
    settings
        Which mask, with how many neighbours or what radius.
    coordinates
        (n, 2 or 3); a spot whose place is not known (NaN) has no pairs.
    sections
        (n,) integer codes.
    given
        (n, n) weights, for the mask ``given``.

    Raises
    ------
    DataError
        When no two spots are a pair.
    """
    located = np.isfinite(coordinates).all(axis=1)
    if settings.mask == "all":
        # Each spot without a place is in a section of its own.
        return SectionPairs(np.where(located, sections, -1 - np.arange(len(sections))))
    if given is not None:
        return SparsePairs(given)
    points, codes = coordinates[located], sections[located]
    if settings.mask == "radius":
        reach = settings.radius * spot_distance(points)
        graph = radius_graph(points, codes, reach)
    else:
        # A pair that is near by several numbers of neighbours counts as often.
        graph = sum(neighbour_graph(points, codes, k) for k in settings.neighbour_numbers)
    indices = np.flatnonzero(located)
    row, column = graph.nonzero()
    if not len(row):
        raise DataError(
            f"No two spots lie within a radius of {settings.radius:g} spot distances: take a "
            "larger one, or another mask."
        )
    shape = (len(coordinates), len(coordinates))
    whole = sparse.coo_array((graph[row, column], (indices[row], indices[column])), shape=shape)
    return SparsePairs(whole)
