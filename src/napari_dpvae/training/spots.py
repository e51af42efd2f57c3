"""What networks are trained on: expression, places and sections of spots and of cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import anndata as ad
import numpy as np

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.layout import Layout
from napari_dpvae.expression.panel import GenePanel
from napari_dpvae.geometry.grid import DIGITS
from napari_dpvae.network.inputs import principal_axes
from napari_dpvae.settings import TrainingSettings

COMPONENTS = 200
"""Principal components that places are regressed on; a penalty shrinks those that say nothing."""
SPOTS_FOR_AXES = 2000
"""More spots than this are thinned evenly to find the axes."""


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
        return self if chosen.all() else Spots(*(part[chosen] for part in self))


@dataclass(frozen=True)
class Material:
    """A reference as networks read it: a panel, and all spots by it.

    Attributes
    ----------
    panel
        With the reference's statistics.
    spots
        All spots, and cells of a query behind them.
    frame
        (n,) bool: the anchors.
    """

    panel: GenePanel
    spots: Spots
    frame: np.ndarray

    @classmethod
    def read(
        cls,
        reference: ad.AnnData,
        layout: Layout,
        settings: TrainingSettings,
        held_out: np.ndarray | None = None,
    ) -> Material:
        """Choose the panel, without spots of a boolean mask if given, and read all spots by it."""
        kept = slice(None) if held_out is None else ~held_out
        panel = GenePanel.choose(
            reference if held_out is None else reference[kept],
            settings.genes,
            settings.gene_choice,
            layout.sections[kept],
            n_wide=settings.wide_genes,
        )
        coordinates = np.asarray(reference.obsm[SPATIAL], float)
        spots = Spots(panel.standardised(reference), coordinates, layout.sections)
        return cls(panel, spots, layout.sections == layout.frame)

    @cached_property
    def axes(self) -> np.ndarray:
        """(k, n_genes) float32 that a regression reads standardised expression by."""
        every = -(-len(self.frame) // SPOTS_FOR_AXES)
        return principal_axes(self.spots.x[::every], self.panel.deviation, COMPONENTS).numpy()

    @cached_property
    def components(self) -> np.ndarray:
        """(n, k) float32 of all spots by the axes."""
        return np.asarray(self.spots.x @ self.axes.T)


def scaled(coordinates: np.ndarray, sections: np.ndarray) -> tuple[np.ndarray, float]:
    """Coordinates centred in each section and of unit variance; and the unit: one for all axes.

    float32; NaN stays, and counts for nothing.
    """
    centred = coordinates.copy()
    for section in np.unique(sections[np.isfinite(coordinates).all(axis=1)]):
        centred[sections == section] -= np.nanmean(coordinates[sections == section], axis=0)
    unit = float(np.sqrt(np.nanmean(centred**2)))
    return np.round(centred / unit, DIGITS).astype(np.float32), unit
