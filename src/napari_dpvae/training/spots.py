"""What networks are trained on: expression, places and sections of spots and of cells."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial

import anndata as ad
import numpy as np
import torch
from torch import Tensor

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
AT_ONCE = 1024
"""Spots whose expression is stabilised at once: bounds memory."""


@dataclass(frozen=True)
class Spots:
    """Row i of each is spot i, or a query's cell; the reference's spots come first.

    Attributes
    ----------
    x
        (n, n_genes) float32, standardised.
    coordinates
        (n, 2 or 3); NaN where the place is not known.
    sections
        (n,) integer codes.
    frame
        (n,) bool: the anchors.
    panel
        That they are read by.
    """

    x: np.ndarray
    coordinates: np.ndarray
    sections: np.ndarray
    frame: np.ndarray
    panel: GenePanel

    @cached_property
    def anchors(self) -> np.ndarray:
        """(r, n_genes) x of the anchors: not a copy where all spots are."""
        return self.x if self.frame.all() else self.x[self.frame]

    @cached_property
    def axes(self) -> Tensor:
        """(k, n_genes) float32 that a regression reads stabilised expression by."""
        every = -(-len(self.frame) // SPOTS_FOR_AXES)
        rows = np.arange(0, len(self.frame), every)
        return self.axes_of(rows, len(self.panel.genes), COMPONENTS)

    def axes_of(self, rows: np.ndarray, n_genes: int, most: int) -> Tensor:
        """(k, n_genes) float32: principal axes of some spots, by the panel's first genes."""
        stabilised = np.empty((len(rows), n_genes), np.float32)
        for part, found in self._stabilised(rows, n_genes):
            stabilised[part] = found
        return principal_axes(stabilised, self.panel.component_weights[:n_genes], most)

    def components(self, axes: Sequence[Tensor], rows: np.ndarray | None = None) -> Tensor:
        """Of some spots, or all, by one or more axes (k, p): (axes spots, k), one behind the other.

        Each part is put where it stays: bounds memory.
        """
        widest = max(each.shape[1] for each in axes)
        rows = np.arange(len(self.x)) if rows is None else rows
        found = torch.empty(len(axes), len(rows), len(axes[0]))
        for part, stabilised in self._stabilised(rows, widest):
            read = torch.from_numpy(stabilised)
            for own, each in zip(found, axes, strict=True):
                own[part] = read[:, : each.shape[1]] @ each.T
        return found.flatten(end_dim=1)

    def _stabilised(self, rows: np.ndarray, n_genes: int) -> Iterator[tuple[slice, np.ndarray]]:
        """Of some spots, by the panel's first genes: a part of the rows, and its expression."""
        for start in range(0, len(rows), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            yield part, self.panel.stabilised(self.x[rows[part], :n_genes])


@dataclass(frozen=True)
class Material:
    """A reference, and the panel that networks read it by.

    What they read is the largest of all: it is made when it is asked for, and not kept.

    Attributes
    ----------
    panel
        With the reference's statistics.
    expression
        Makes the (n, n_genes) float32 of all spots, standardised, and of cells of a query behind.
    coordinates, sections, frame
        As of :class:`Spots`.
    """

    panel: GenePanel
    expression: Callable[[], np.ndarray]
    coordinates: np.ndarray
    sections: np.ndarray
    frame: np.ndarray

    @classmethod
    def of(
        cls,
        reference: ad.AnnData,
        layout: Layout,
        settings: TrainingSettings,
        held_out: np.ndarray | None = None,
    ) -> Material:
        """Choose the panel, without spots of a boolean mask if given."""
        _give_back()
        kept = slice(None) if held_out is None else ~held_out
        panel = GenePanel.choose(
            reference if held_out is None else reference[kept],
            settings.genes,
            settings.gene_choice,
            layout.sections[kept],
            n_wide=settings.wide_genes,
        )
        return cls(
            panel,
            partial(panel.standardised, reference),
            np.asarray(reference.obsm[SPATIAL], float),
            layout.sections,
            layout.sections == layout.frame,
        )

    def spots(self) -> Spots:
        """All spots by the panel."""
        _give_back()
        x = self.expression()
        _give_back()
        return Spots(x, self.coordinates, self.sections, self.frame, self.panel)


def _give_back() -> None:
    """Let go of memory that is free, and that the C library keeps for later (glibc).

    Of many arrays of some megabytes it keeps half a gigabyte, beside those that are large.
    """
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def scaled(coordinates: np.ndarray, sections: np.ndarray) -> tuple[np.ndarray, float]:
    """Coordinates centred in each section and of unit variance; and the unit: one for all axes.

    float32; NaN stays, and counts for nothing.
    """
    centred = coordinates.copy()
    for section in np.unique(sections[np.isfinite(coordinates).all(axis=1)]):
        centred[sections == section] -= np.nanmean(coordinates[sections == section], axis=0)
    unit = float(np.sqrt(np.nanmean(centred**2)))
    return np.round(centred / unit, DIGITS).astype(np.float32), unit
