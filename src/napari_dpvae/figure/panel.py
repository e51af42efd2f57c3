"""One panel of a figure: the histology, the cells on it, a scale bar."""

from __future__ import annotations

from typing import NamedTuple

import anndata as ad
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection

from napari_dpvae.data.images import best_image, libraries
from napari_dpvae.data.keys import SPATIAL, STATUS
from napari_dpvae.uncertainty.status import OUTSIDE

MOST_VECTORS = 5000
"""More cells than this are drawn as pixels in an .svg or .pdf, which they would make too large; and
without a ring, which would darken what is so small."""

MARGIN = 0.06
"""Around the tissue, as a share of its longer side."""


class Part(NamedTuple):
    """A set of cells as it is drawn."""

    cells: ad.AnnData
    places: np.ndarray
    """(n, 2)."""
    size: float | np.ndarray
    """Of a cell, in coordinate units; or (n,) of each."""
    colours: np.ndarray
    """(n, 4)."""
    drawn: np.ndarray
    """(n,) bool."""


def draw_image(axes: Axes, cells: ad.AnnData) -> None:
    """Draw the first image that comes with the cells, if any."""
    for entry in libraries(cells).values():
        found = best_image(entry)
        if found is not None:
            image, scale = found
            height, width = image.shape[:2]
            extent = (0.0, width * scale, height * scale, 0.0)
            axes.imshow(image, extent=extent, cmap="gray", interpolation="antialiased")
            return


def draw_cells(axes: Axes, part: Part) -> None:
    """Draw cells as discs of their size; those outside the reference as crosses."""
    places = np.asarray(part.places, float)
    outside = np.zeros(part.cells.n_obs, bool)
    if STATUS in part.cells.obs:
        outside = (part.cells.obs[STATUS] == OUTSIDE).to_numpy()
    inside, many = part.drawn & ~outside, len(places) > MOST_VECTORS
    size = np.broadcast_to(part.size, len(inside))[inside]
    discs = EllipseCollection(
        size,
        size,
        np.zeros_like(size),
        units="xy",
        offsets=places[inside],
        offset_transform=axes.transData,
        facecolors=part.colours[inside],
        edgecolors=part.colours[inside] * [0, 0, 0, 1],
        linewidths=0.0 if many else 0.2,
        rasterized=many,
    )
    axes.add_collection(discs)
    strange = places[part.drawn & outside]
    axes.plot(*strange.T, "x", color="black", markersize=4, markeredgewidth=1.2, ls="none")


def view_box(cells: ad.AnnData) -> np.ndarray:
    """(2, 2) corners of what a panel shows, with room for the scale bar below the tissue."""
    places = np.asarray(cells.obsm[SPATIAL], float)
    low, high = places.min(axis=0), places.max(axis=0)
    margin = MARGIN * (high - low).max()
    return np.array([low - margin, high + [margin, 2 * margin]])


def finish(axes: Axes, cells: ad.AnnData, microns_per_unit: float | None) -> None:
    """Frame the tissue, y down, with a scale bar instead of axes."""
    low, high = view_box(cells)
    axes.set_xlim(low[0], high[0])
    axes.set_ylim(high[1], low[1])
    axes.set_aspect("equal")
    axes.axis("off")
    width, height = high - low
    per_unit = microns_per_unit or 1.0
    length = _round_length(0.22 * width * per_unit)
    start, y = low[0] + 0.05 * width, high[1] - 0.05 * height
    axes.plot([start, start + length / per_unit], [y, y], color="black", lw=2)
    unit = "units" if microns_per_unit is None else "µm"
    axes.annotate(f"{length:g} {unit}", (start, y), (0, -3), textcoords="offset points", va="top")


def _round_length(most: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is not above."""
    power = 10.0 ** np.floor(np.log10(max(most, 1e-12)))
    return float(max(step * power for step in (1, 2, 5) if step * power <= most * 1.0001))
