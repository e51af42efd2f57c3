"""How far spots lie apart."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree


def spot_distance(coordinates: np.ndarray) -> float:
    """The median distance to the nearest other place with a spot, in the coordinates' unit."""
    places = np.unique(coordinates, axis=0)
    if len(places) < 2:
        return 0.0
    distances, _ = cKDTree(places).query(places, k=2)
    return float(np.median(distances[:, 1]))


def diagonal(coordinates: np.ndarray) -> float:
    """Diagonal of the bounding box of coordinates (n, d), in coordinate units."""
    return float(np.linalg.norm(np.ptp(coordinates, axis=0)))
