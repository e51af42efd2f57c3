"""Violins and dots: how groups of cells express genes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyqtgraph as pg
from matplotlib import colormaps

from napari_dpvae.viewer.dock.explore.names import NamesPlot

HEIGHT = 220
VIOLIN = "#5aa9e6"
HALF_WIDTH = 0.42
"""Of a violin; the next one is 1 away."""
LARGEST_DOT = 16
"""Pixels, where all cells of a group express a gene."""


class GroupPlot(NamesPlot):
    """Groups from top to bottom: there is room for any number, with their names."""

    def __init__(self) -> None:
        super().__init__(HEIGHT)

    def show_violins(self, values: Mapping[str, np.ndarray], gene: str) -> None:
        """Draw the distribution of a gene in each group, with its median as a line."""
        self._begin(f"{gene} · line: median")
        for i, own in enumerate(values.values()):
            grid, density = violin(own)
            outline = pg.PlotCurveItem(
                np.concatenate([grid, grid[::-1]]),
                np.concatenate([i - density, (i + density)[::-1]]),
                pen=pg.mkPen(VIOLIN),
                brush=pg.mkBrush(VIOLIN + "90"),
                fillLevel="enclosed",
            )
            self.addItem(outline)
            middle = float(np.median(own))
            self.plot([middle, middle], [i - 0.2, i + 0.2], pen=pg.mkPen("w", width=2))
        self.name(left=list(values))
        self.setLabel("bottom", "log1p")
        self.enableAutoRange()

    def show_dots(self, table: pd.DataFrame) -> None:
        """Draw a dot a group and gene: its size is the share of cells, its colour the mean."""
        self._begin("size: share of cells · colour: mean")
        groups, genes = (list(dict.fromkeys(table[name])) for name in ("group", "gene"))
        means = table.pivot(index="group", columns="gene", values="mean").loc[groups, genes]
        low = means.min(axis=0).to_numpy()
        width = (means.max(axis=0).to_numpy() - low) + 1e-12
        shades = colormaps["viridis"]((means.to_numpy() - low) / width)
        shares = table.pivot(index="group", columns="gene", values="share").loc[groups, genes]
        y, x = np.indices(means.shape)
        self.addItem(
            pg.ScatterPlotItem(
                pos=np.column_stack([x.ravel(), y.ravel()]),
                size=2 + (LARGEST_DOT - 2) * np.sqrt(shares.to_numpy().ravel()),
                brush=[pg.mkBrush(*row) for row in (255 * shades.reshape(-1, 4)).astype(int)],
                pen=None,
            )
        )
        self.name(left=groups, bottom=genes)
        self.setLabel("bottom", "")
        self.setRange(xRange=(-0.6, len(genes) - 0.4), yRange=(-0.6, len(groups) - 0.4))

    def _begin(self, title: str) -> None:
        self.clear()
        self.setTitle(title, size="9pt")
        self.appear()


def violin(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A grid over values (n,), and the half-width of their violin there; a line if all are one."""
    low, high = float(values.min()), float(values.max())
    grid = np.linspace(low, high, 64)
    if high == low:
        return grid, np.full_like(grid, HALF_WIDTH)
    from scipy.stats import gaussian_kde

    density = gaussian_kde(values)(grid)
    return grid, HALF_WIDTH * density / density.max()
