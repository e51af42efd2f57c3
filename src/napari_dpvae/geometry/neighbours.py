"""Graphs of spots that are near each other, within their sections."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from napari_dpvae.geometry.grid import on_grid

ROUNDING = 1e-9
"""Share by which distances that are alike may differ, of spots far from 0."""
Edges: TypeAlias = tuple[np.ndarray, np.ndarray]
"""Of each the two spots."""


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
    from sklearn.neighbors import kneighbors_graph

    def nearest(points: np.ndarray) -> Edges:
        return kneighbors_graph(on_grid(points), min(k, len(points) - 1)).nonzero()

    return _by_section(coordinates, sections, nearest)


def radius_graph(coordinates: np.ndarray, sections: np.ndarray, radius: float) -> sparse.csr_array:
    """All pairs of a section that lie within a radius, in coordinate units: (n, n), 1 for a pair.

    Parameters
    ----------
    coordinates, sections
        As for :func:`neighbour_graph`.
    radius
        In coordinate units.
    """

    def within(points: np.ndarray) -> Edges:
        pairs = cKDTree(points).query_pairs(radius * (1 + ROUNDING), output_type="ndarray")
        first, second = pairs.T
        return np.concatenate([first, second]), np.concatenate([second, first])

    return _by_section(coordinates, sections, within)


def _by_section(
    coordinates: np.ndarray,
    sections: np.ndarray,
    connect: Callable[[np.ndarray], Edges],
) -> sparse.csr_array:
    """One graph over all spots, from those of the sections, which have two spots at least."""
    n = len(coordinates)
    rows, columns = [np.empty(0, int)], [np.empty(0, int)]
    for section in np.unique(sections):
        members = np.flatnonzero(sections == section)
        if len(members) > 1:
            row, column = connect(coordinates[members])
            rows.append(members[row])
            columns.append(members[column])
    row, column = np.concatenate(rows), np.concatenate(columns)
    return sparse.csr_array((np.ones(len(row)), (row, column)), shape=(n, n))
