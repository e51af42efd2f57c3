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
        outside = distance > self.radius
        shrink = np.divide(self.radius, distance, out=np.ones_like(distance), where=outside)
        inside: np.ndarray = spots + (points - spots) * shrink[:, None]
        return inside


def spot_distance(coordinates: np.ndarray) -> float:
    """The median distance to the nearest other place with a spot, in the coordinates' unit."""
    places = np.unique(coordinates, axis=0)
    if len(places) < 2:
        return 0.0
    distances, _ = cKDTree(places).query(places, k=2)
    return float(np.median(distances[:, 1]))
