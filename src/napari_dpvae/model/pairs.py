"""Masks G: which pairs of spots have a distance to preserve."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from scipy import sparse
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from napari_dpvae.settings import PairMask


class Pairs(Protocol):
    """A mask over all spots that gives the block of any batch."""

    def block(self, batch: np.ndarray) -> Tensor:
        """The (b, b) boolean, symmetric mask of the spots whose indices are in ``batch`` (b,)."""
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

    def block(self, batch: np.ndarray) -> Tensor:
        """See :class:`Pairs`."""
        codes = self._sections[torch.as_tensor(batch)]
        return codes[:, None] == codes[None, :]


class SparsePairs:
    """The pairs marked in a sparse matrix.

    Parameters
    ----------
    graph
        (n, n) sparse; every stored non-zero marks a pair, in either direction.
    """

    def __init__(self, graph: sparse.spmatrix | sparse.sparray) -> None:
        rows = sparse.csr_array(graph)
        self._graph = ((rows + rows.T) != 0).tocsr()

    def block(self, batch: np.ndarray) -> Tensor:
        """See :class:`Pairs`."""
        return torch.from_numpy(self._graph[batch][:, batch].toarray().astype(bool))


def neighbour_graph(coordinates: np.ndarray, sections: np.ndarray, k: int) -> sparse.csr_array:
    """The k nearest neighbours in space of every spot, within its section.

    Parameters
    ----------
    coordinates
        (n, 2) or (n, 3).
    sections
        (n,) integer code of each spot's section.
    k
        Neighbours of a spot, itself not counted; all others in a section of k spots or fewer.

    Returns
    -------
    scipy.sparse.csr_array
        (n, n), 1 for a neighbour.
    """
    rows, columns = [], []
    for section in np.unique(sections):
        members = np.flatnonzero(sections == section)
        if len(members) < 2:
            continue
        finder = NearestNeighbors(n_neighbors=min(k, len(members) - 1))
        found = finder.fit(coordinates[members]).kneighbors(return_distance=False)
        rows.append(np.repeat(members, found.shape[1]))
        columns.append(members[found.ravel()])
    n = len(coordinates)
    row, column = (np.concatenate(part or [np.empty(0, int)]) for part in (rows, columns))
    return sparse.csr_array((np.ones(len(row)), (row, column)), shape=(n, n))


def make_pairs(mask: PairMask, coordinates: np.ndarray, sections: np.ndarray, k: int) -> Pairs:
    """The mask named in the training settings, over coordinates (n, 2 or 3)."""
    if mask == "all":
        return SectionPairs(sections)
    return SparsePairs(neighbour_graph(coordinates, sections, k))
