"""Where cells may lie: near the reference's spots, or inside an outline of the tissue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import shapely
from scipy.spatial import cKDTree

from napari_dpvae.errors import DataError
from napari_dpvae.geometry.spacing import diagonal, spot_distance
from napari_dpvae.settings import DomainChoice

CONCAVITY = 0.15
"""How closely a concave outline follows the spots: 0 as closely as can be, 1 is convex."""
FARTHEST = 1e12
"""No vertex lies beyond: squares lose their digits there."""
MOST_CROSSINGS = 500_000
"""Of an outline with itself: a line at random, of which what it encloses takes long to find."""
DRAWN = 100_000
"""Pairs of edges that are looked at for that."""
FAR = 0.1
"""Share of the reference's diagonal that cells, or an outline, may lie beside its spots."""


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
    """All points near a reference spot; works for any shape, 2-D and 3-D.

    Parameters
    ----------
    coordinates
        (n, 2) or (n, 3) of the reference.
    reach
        How far from a spot, in coordinate units; one spot distance where that is more.
    """

    def __init__(self, coordinates: np.ndarray, reach: float = 0.0) -> None:
        self._tree = cKDTree(coordinates)
        self._coordinates = coordinates
        self.radius = max(spot_distance(coordinates), reach)

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
    DataError
        When there is no polygon with an area.
    """

    def __init__(self, outlines: Sequence[np.ndarray]) -> None:
        polygons = [_enclosed(vertices) for vertices in _vertices(outlines)]
        self.area = shapely.union_all(polygons)
        if self.area.area == 0:
            raise DataError("The outline encloses no area: draw at least one polygon.")
        shapely.prepare(self.area)
        rings = shapely.get_rings(shapely.get_parts(self.area))
        ends, ring = shapely.get_coordinates(rings, return_index=True)
        of_one = ring[:-1] == ring[1:]
        self._edges = shapely.STRtree(
            shapely.linestrings(np.stack([ends[:-1][of_one], ends[1:][of_one]], axis=1))
        )

    def keep_inside(self, points: np.ndarray) -> np.ndarray:
        """See :class:`Domain`."""
        outside = ~shapely.covers(self.area, shapely.points(points))
        if not outside.any():
            return points
        lost = shapely.points(points[outside])
        nearest = self._edges.query_nearest(lost, all_matches=False)[1]
        ways = shapely.shortest_line(self._edges.geometries[nearest], lost)
        inside = points.copy()
        inside[outside] = shapely.get_coordinates(shapely.get_point(ways, 0))
        return inside


def _enclosed(vertices: np.ndarray) -> shapely.Geometry:
    """What a line encloses that may cross itself."""
    if _crossings(vertices) > MOST_CROSSINGS:
        raise DataError(
            f"An outline of {len(vertices):,} vertices crosses itself more than "
            f"{MOST_CROSSINGS:,} times: draw the tissue's border, one vertex after the other."
        )
    # Not by lines, which is the default: that takes minutes where a line often crosses itself.
    return shapely.make_valid(shapely.Polygon(vertices), method="structure", keep_collapsed=False)


def _crossings(vertices: np.ndarray) -> float:
    """How often a closed line crosses itself, from pairs of its edges drawn at random."""
    pairs = len(vertices) ** 2 / 2
    if pairs <= MOST_CROSSINGS:
        return 0.0
    edges = shapely.linestrings(np.stack([vertices, np.roll(vertices, -1, axis=0)], axis=1))
    one, other = np.random.default_rng(0).integers(len(edges), size=(2, DRAWN))
    return float(shapely.crosses(edges[one], edges[other]).mean() * pairs)


def _vertices(outlines: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The vertices of polygons; those with fewer than three enclose nothing and are left out."""
    try:
        polygons = [np.asarray(outline, float) for outline in outlines]
    except (TypeError, ValueError):
        polygons = []
    if not polygons or any(p.ndim != 2 or p.shape[1] != 2 for p in polygons):
        raise DataError("An outline is a list of polygons with (x, y) vertices, at least one.")
    if not all((np.abs(polygon) < FARTHEST).all() for polygon in polygons):
        raise DataError("An outline has a vertex that is not finite, or farther than any tissue.")
    return [polygon for polygon in polygons if len(polygon) >= 3]


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
    DataError
        When outlines are asked for in a volume, or lie far from all spots.
    """
    drawn = outlines is not None
    if coordinates.shape[1] != 2 and (drawn or choice in ("convex", "concave")):
        raise DataError("An outline limits a slice, not a volume: choose the domain spots.")
    if outlines is not None:
        inside = InsideOutlines(outlines)
        apart = float(shapely.distance(inside.area, shapely.points(coordinates)).min())
        if apart > FAR * diagonal(coordinates):
            raise DataError(
                f"The outline lies {apart:.4g} units from the nearest spot of the reference: draw "
                "it over the tissue, in the reference's coordinates."
            )
        return inside
    if choice == "anywhere":
        return Anywhere()
    if choice == "near":
        return NearSpots(coordinates, FAR * diagonal(coordinates))
    if choice == "spots":
        return NearSpots(coordinates)
    spots = shapely.MultiPoint(coordinates)
    hull = spots.convex_hull if choice == "convex" else shapely.concave_hull(spots, CONCAVITY)
    border = hull.buffer(spot_distance(coordinates)).exterior
    return InsideOutlines([shapely.get_coordinates(border)])


def tissue_of(domain: Domain, coordinates: np.ndarray) -> Domain:
    """What of a domain is tissue that the reference (n, 2 or 3) shows.

    Cells near it may be of tissue that is missing; nothing tells how that goes on.
    """
    return NearSpots(coordinates) if isinstance(domain, NearSpots) else domain
