"""Where cells may lie: the tissue, as the union of balls around the reference spots."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree


class Domain:
    """All points within one spot distance of a reference spot; works for any shape, 2-D and 3-D.

    Parameters
    ----------
    coordinates
        (n, 2) or (n, 3) of the reference.
    """

    def __init__(self, coordinates: np.ndarray) -> None:
        self._tree = cKDTree(coordinates)
        self._coordinates = coordinates
        self.radius = spot_distance(coordinates)

    def keep_inside(self, points: np.ndarray) -> np.ndarray:
        """The points (n, d), those outside moved to the domain's nearest border point."""
        distance, nearest = self._tree.query(points)
        spots = self._coordinates[nearest]
        shrink = self.radius / np.maximum(distance, self.radius)
        inside: np.ndarray = spots + (points - spots) * shrink[:, None]
        return inside


def spot_distance(coordinates: np.ndarray) -> float:
    """The median distance of a spot to its nearest other spot, in the coordinates' unit."""
    if len(coordinates) < 2:
        return 0.0
    distances, _ = cKDTree(coordinates).query(coordinates, k=2)
    return float(np.median(distances[:, 1]))
