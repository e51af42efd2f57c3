"""Where cells may lie: near the reference's spots, or inside an outline of the tissue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import shapely
from scipy.spatial import cKDTree

from napari_dpvae.geometry.spacing import spot_distance
from napari_dpvae.settings import DomainChoice

CONCAVITY = 0.15
"""How closely a concave outline follows the spots: 0 as closely as can be, 1 is convex."""


class Domain(Protocol):
    """A part of space that cells do not leave."""

    def keep_inside(self, points: np.ndarray) -> np.ndarray:
        """The points (n, d), those outside moved to the domain's nearest border point."""
        ...


class Anywhere:
    """No limits."""

    def keep_inside(self, points: np.ndarray) -> np.ndarray:
        """See :class:`Domain`."""
        return points


class NearSpots:
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
        """See :class:`Domain`."""
        distance, nearest = self._tree.query(points)
        spots = self._coordinates[nearest]
        outside = distance > self.radius
        shrink = np.divide(self.radius, distance, out=np.ones_like(distance), where=outside)
        inside: np.ndarray = spots + (points - spots) * shrink[:, None]
        return inside


class InsideOutlines:
    """The union of polygons, for slices.

    Parameters
    ----------
    outlines
        Of each polygon the vertices, (k, 2), k >= 3, in coordinate units.

    Raises
    ------
    ValueError
        When there is no polygon with an area.
    """

    def __init__(self, outlines: Sequence[np.ndarray]) -> None:
        if not outlines or any(np.ndim(o) != 2 or np.shape(o)[1] != 2 for o in outlines):
            raise ValueError("An outline is a list of polygons with (x, y) vertices, at least one.")
        polygons = [shapely.make_valid(shapely.Polygon(o)) for o in outlines if len(o) >= 3]
        self.area = shapely.union_all(polygons)
        if self.area.area == 0 or not np.isfinite(self.area.area):
            raise ValueError("The outline encloses no area: draw at least one polygon.")
        shapely.prepare(self.area)

    def keep_inside(self, points: np.ndarray) -> np.ndarray:
        """See :class:`Domain`."""
        outside = ~shapely.covers(self.area, shapely.points(points))
        if not outside.any():
            return points
        ways = shapely.shortest_line(self.area, shapely.points(points[outside]))
        inside = points.copy()
        inside[outside] = shapely.get_coordinates(shapely.get_point(ways, 0))
        return inside


def make_domain(
    choice: DomainChoice, coordinates: np.ndarray, outlines: Sequence[np.ndarray] | None = None
) -> Domain:
    """The domain named in the placement settings, or the one that a person drew.

    Parameters
    ----------
    choice
        Which; of no account when there are outlines.
    coordinates
        (n, 2) or (n, 3) of the reference.
    outlines
        See :class:`InsideOutlines`.

    Raises
    ------
    ValueError
        When outlines are asked for in a volume.
    """
    drawn = outlines is not None
    if coordinates.shape[1] != 2 and (drawn or choice in ("convex", "concave")):
        raise ValueError("An outline limits a slice, not a volume: choose the domain spots.")
    if outlines is not None:
        return InsideOutlines(outlines)
    if choice == "anywhere":
        return Anywhere()
    if choice == "spots":
        return NearSpots(coordinates)
    spots = shapely.MultiPoint(coordinates)
    hull = spots.convex_hull if choice == "convex" else shapely.concave_hull(spots, CONCAVITY)
    border = hull.buffer(spot_distance(coordinates)).exterior
    return InsideOutlines([shapely.get_coordinates(border)])
