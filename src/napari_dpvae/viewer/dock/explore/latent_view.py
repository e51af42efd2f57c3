"""The latent space beside the tissue: what is selected in one is selected in the other."""

from __future__ import annotations

from typing import Any, NamedTuple

import anndata as ad
import numpy as np
import pyqtgraph as pg
from matplotlib import colormaps
from matplotlib.colors import to_rgba
from matplotlib.path import Path
from qtpy.QtCore import Qt, Signal

from napari_dpvae.analysis.latent import latent_plane
from napari_dpvae.colours.categories import category_codes, category_colours, is_numeric
from napari_dpvae.colours.scale import Expression, colour_limits
from napari_dpvae.viewer.dock.job import Job, Steps
from napari_dpvae.viewer.dock.plot import Plot
from napari_dpvae.viewer.dock.step import follow
from napari_dpvae.viewer.state.session import Session

HEIGHT = 230
SHADES = 32
"""As many as the eye tells apart here; brushes are made once for each."""
PLAIN = (0.62, 0.71, 0.78, 1.0)
DOT, CHOSEN = 5, 8
"""Sizes in pixels."""


class _Plane(NamedTuple):
    """The cells that are drawn."""

    cells: np.ndarray
    """(k,) their numbers."""
    places: np.ndarray
    """(k, 2)."""
    adata: ad.AnnData
    expression: Expression


class LatentView(Plot):
    """First two principal components of the latent means, coloured as the tissue is.

    Parameters
    ----------
    session
        Whose placed cells they are; drawing around dots selects cells there.
    """

    def __init__(self, session: Session) -> None:
        self._box = _LassoBox()
        super().__init__(HEIGHT, viewBox=self._box)
        self._session, self._looked_at = session, False
        self._plane: _Plane | None = None
        self._job: Job | None = None
        self.setToolTip("Draw around dots with the mouse: these cells are selected on the tissue.")
        self.setMouseEnabled(x=True, y=True)
        for axis, name in (("bottom", "latent component 1"), ("left", "2")):
            self.setLabel(axis, name)
            self.getAxis(axis).setTicks([])
        self.dots = pg.ScatterPlotItem(size=DOT, pen=None)
        self.chosen = pg.ScatterPlotItem(size=CHOSEN, pen=pg.mkPen("w", width=2), brush=None)
        for item in (self.dots, self.chosen):
            self.addItem(item)
        self._box.drawn.connect(self.select_within)
        follow(self, session.placed_changed, self._read)
        follow(self, session.colouring.changed, self._paint)
        follow(self, session.selection.changed, self._mark)

    @property
    def looked_at(self) -> bool:
        """Whether it is unfolded: it is drawn only then."""
        return self._looked_at

    @looked_at.setter
    def looked_at(self, looked_at: bool) -> None:
        self._looked_at = looked_at
        self._read()

    def select_within(self, outline: np.ndarray) -> None:
        """Select the cells whose dots lie within an outline (k, 2) of the plane."""
        if self._plane is not None:
            within = Path(outline).contains_points(self._plane.places)
            self._session.selection.cells = self._plane.cells[within]

    def _read(self) -> None:
        """Find the plane in the background; what is under way for other cells is not heard."""
        placed = self._session.placed if self._looked_at else None
        if self._plane is not None and self._plane.adata is placed:
            return
        self._plane = None
        self._paint()
        if placed is None:
            return

        def steps() -> Steps:
            yield "reading"
            cells, places = latent_plane(placed)
            return _Plane(cells, places, placed, Expression(placed[cells]))

        job = Job(steps, self, "reading the latent space")
        job.done.connect(self._show)
        job.start()

    def _show(self, plane: _Plane) -> None:
        if self._looked_at and plane.adata is self._session.placed:
            self._plane = plane
            self._paint()
            self.autoRange()

    def _paint(self) -> None:
        plane = self._plane
        if plane is None:
            self.dots.clear()
        else:
            index, table = self._colours(plane)
            brushes = [pg.mkBrush(*(round(255 * part) for part in colour)) for colour in table]
            self.dots.setData(pos=plane.places, brush=[brushes[i] for i in index])
        self._mark()

    def _mark(self) -> None:
        plane = self._plane
        if plane is None:
            self.chosen.clear()
            return
        self.chosen.setData(pos=plane.places[np.isin(plane.cells, self._session.selection.cells)])

    def _colours(self, plane: _Plane) -> tuple[np.ndarray, np.ndarray]:
        """(k,) index of each dot's colour in a table (m, 4), whose last one is for no value."""
        colouring, obs = self._session.colouring, plane.adata.obs
        column = colouring.column
        if column in obs and not is_numeric(obs[column]):
            known = category_colours(self._session.with_column(column), str(column))
            codes = category_codes(obs[column].iloc[plane.cells], list(known))
            return codes, np.array([*known.values(), PLAIN])
        values = self._numbers(plane)
        if values is None:
            return np.zeros(len(plane.cells), int), np.array([PLAIN])
        shown = colouring.limits
        low, high = colour_limits(values, limits=shown) if shown.percentiles else shown[:2]
        share = np.clip((values - low) / (high - low), 0, 1)
        index = np.where(np.isfinite(share), np.nan_to_num(share) * (SHADES - 1), SHADES)
        table = colormaps[colouring.colormap](np.linspace(0, 1, SHADES))
        return index.astype(int), np.vstack([table, to_rgba("grey")])

    def _numbers(self, plane: _Plane) -> np.ndarray | None:
        """(k,) values of the gene or the column that colours; None where there are none."""
        colouring = self._session.colouring
        if colouring.gene is not None:
            found = plane.expression.values(colouring.gene)
            return None if found is None else found[0]
        if colouring.column in plane.adata.obs:
            return plane.adata.obs[colouring.column].to_numpy(float)[plane.cells]
        return None


class _LassoBox(pg.ViewBox):
    """A drag draws an outline in place of moving the view; the wheel zooms."""

    drawn = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._line = pg.PlotCurveItem(pen=pg.mkPen("#ff2d95", width=2))
        self.addItem(self._line, ignoreBounds=True)
        self._points: list[tuple[float, float]] = []

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Follow the pointer; an outline ends with the drag."""
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        event.accept()
        if event.isStart():
            self._points = []
        point = self.mapToView(event.pos())
        self._points.append((point.x(), point.y()))
        outline = np.array(self._points)
        self._line.setData(*outline.T)
        if event.isFinish():
            self._line.setData([], [])
            if len(outline) > 2:
                self.drawn.emit(outline)
