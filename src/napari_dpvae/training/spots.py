"""What networks are trained on: expression, places and sections of spots and of cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Spots(NamedTuple):
    """Row i of each is spot i, or a query's cell; the reference's spots come first."""

    x: np.ndarray
    """(n, n_genes) float32, standardised."""
    coordinates: np.ndarray
    """(n, 2 or 3); NaN where the place is not known."""
    sections: np.ndarray
    """(n,) integer codes."""

    def take(self, chosen: np.ndarray) -> Spots:
        """Those of a boolean mask."""
        return Spots(*(part[chosen] for part in self))


def scaled(coordinates: np.ndarray, sections: np.ndarray) -> tuple[np.ndarray, float]:
    """Coordinates centred in each section and of unit variance; and the unit: one for all axes.

    float32; NaN stays, and counts for nothing.
    """
    centred = coordinates.copy()
    for section in np.unique(sections[np.isfinite(coordinates).all(axis=1)]):
        centred[sections == section] -= np.nanmean(coordinates[sections == section], axis=0)
    unit = float(np.sqrt(np.nanmean(centred**2)))
    return (centred / unit).astype(np.float32), unit
