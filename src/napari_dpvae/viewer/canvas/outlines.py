"""Outlines of tissue, as a person draws them in napari."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels, Layer, Shapes

from napari_dpvae.errors import DataError

CLOSED = ("polygon", "rectangle", "ellipse")
"""Kinds of shapes that enclose an area."""
ELLIPSE_VERTICES = 64
TOLERANCE = 0.5
"""In pixels of labels: how far an outline may stray from their border."""


def can_outline(layer: Layer) -> bool:
    """Whether a layer is of a kind that can hold outlines of a slice."""
    return isinstance(layer, Shapes | Labels) and layer.ndim == 2


def layer_outlines(layer: Shapes | Labels) -> list[np.ndarray]:
    """The areas of a layer as polygons, each (k, 2) vertices (x, y) in the reference's frame.

    Holes are not left out.

    Raises
    ------
    DataError
        When nothing is drawn there.
    """
    polygons = _contours(layer) if isinstance(layer, Labels) else _shapes(layer)
    if not polygons:
        raise DataError(f"The layer '{layer.name}' has no area: draw a polygon or paint there.")
    return [
        np.array([layer.data_to_world(vertex) for vertex in polygon])[:, ::-1]
        for polygon in polygons
    ]


def _shapes(layer: Shapes) -> list[np.ndarray]:
    """Vertices (k, 2) of each closed shape, in the layer's own frame."""
    return [
        _ellipse(corners) if kind == "ellipse" else corners
        for kind, corners in zip(layer.shape_type, layer.data, strict=True)
        if kind in CLOSED
    ]


def _ellipse(corners: np.ndarray) -> np.ndarray:
    """Vertices of the ellipse in a rectangle (4, 2)."""
    angles = np.linspace(0, 2 * np.pi, ELLIPSE_VERTICES, endpoint=False)[:, None]
    across, down = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    ring: np.ndarray = corners.mean(axis=0) + np.cos(angles) * across + np.sin(angles) * down
    return ring


def _contours(layer: Labels) -> list[np.ndarray]:
    """Borders (k, 2) of all that is labelled, in the layer's own frame."""
    from skimage.measure import approximate_polygon, find_contours

    painted = np.pad(np.asarray(layer.data) > 0, 1).astype(float)
    return [approximate_polygon(ring - 1, TOLERANCE) for ring in find_contours(painted, 0.5)]
