"""Places that do not hang on the frame and the unit that they are given in."""

from __future__ import annotations

import numpy as np

DIGITS = 9
"""Of a place in its bounding box: coordinates of 64 bits far from 0 have no more."""


def on_grid(points: np.ndarray) -> np.ndarray:
    """Points (n, d) within their bounding box, in diagonals of it, without their last digits.

    They are the same in whatever frame and unit: where spots are regular, and so many distances
    alike, what is nearer does not hang on how they are rounded.
    """
    within = points - points.min(axis=0)
    return np.round(within / (np.linalg.norm(within.max(axis=0)) or 1.0), DIGITS)
