"""How far spots lie apart."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

DIGITS = 9
"""Of a place in its bounding box: coordinates of 64 bits far from 0 have no more."""


def spot_distance(coordinates: np.ndarray) -> float:
    """The median distance to the nearest other place with a spot, in the coordinates' unit."""
    places = np.unique(coordinates, axis=0)
    if len(places) < 2:
        return 0.0
    distances, _ = cKDTree(places).query(places, k=2)
    return float(np.median(distances[:, 1]))


def on_grid(points: np.ndarray) -> np.ndarray:
    """Points (n, d) within their bounding box, in diagonals of it, without their last digits.

    They are the same in whatever frame and unit: where spots are regular, and so many distances
    alike, what is nearer does not hang on how they are rounded.
    """
    within = points - points.min(axis=0)
    return np.round(within / (diagonal(points) or 1.0), DIGITS)


def diagonal(coordinates: np.ndarray) -> float:
    """Diagonal of the bounding box of coordinates (n, d), in coordinate units."""
    return float(np.linalg.norm(np.ptp(coordinates, axis=0)))
