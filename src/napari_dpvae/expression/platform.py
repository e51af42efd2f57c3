"""How far the platform of a query is from the reference's: measured, not asked of the user."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from napari_dpvae.settings import QueryCovers

LEAST_CORRELATION = 0.9
"""Mean expression of the genes in other sections, and in parts of them, correlated above this."""
MOST_DEPTH_RATIO = 10 / 3
"""Parts of one section differed in depth by a factor of up to three."""
FEWEST_CELLS = 30
"""A query of fewer has no statistics worth measuring."""
OWN_STATISTICS: dict[QueryCovers, str] = {
    "part": "its own mean and deviation, less what looks like a part of the tissue in them",
    "whole": "its own mean and deviation, which takes it to cover the tissue evenly",
}
"""What standardises the genes of a query across a platform gap, in words."""


class PlatformGap(NamedTuple):
    """How a query differs from the reference in ways that position does not explain."""

    mean_correlation: float
    """Pearson correlation over genes of the query's mean expression with the reference's, after
    the reference has been given the composition that brings it nearest to the query."""
    depth_ratio: float
    """Median depth of the query's cells over that of the reference's spots."""

    @property
    def wide(self) -> bool:
        """Whether the query needs its own statistics."""
        alike = self.mean_correlation >= LEAST_CORRELATION
        return not (alike and similar(self.depth_ratio))


def similar(ratio: float) -> bool:
    """Whether a query is about as deep as the reference, or as large in value."""
    return 1 / MOST_DEPTH_RATIO <= ratio <= MOST_DEPTH_RATIO


def measure_gap(
    shift: np.ndarray,
    mean: np.ndarray,
    deviation: np.ndarray,
    axes: np.ndarray,
    depth_ratio: float,
) -> PlatformGap:
    """Tell a gap between platforms from a query that covers only a part of the tissue.

    A part of the tissue shifts the means along the axes on which the reference itself varies;
    a platform shifts each gene by its own efficiency.

    Parameters
    ----------
    shift
        (g,) mean of the query's expression, standardised by the reference.
    mean, deviation
        (g,) of the reference.
    axes
        (k, g) principal axes of the reference's standardised expression.
    depth_ratio
        Median depth of the query over the reference's.
    """
    composition = axes.T @ (axes @ shift)
    expected, measured = mean + composition * deviation, mean + shift * deviation
    if np.ptp(expected) == 0 or np.ptp(measured) == 0:
        return PlatformGap(0.0, depth_ratio)
    return PlatformGap(float(np.corrcoef(expected, measured)[0, 1]), depth_ratio)
