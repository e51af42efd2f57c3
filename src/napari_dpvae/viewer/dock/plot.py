"""A plot in the dock: of a fixed height, not moved by the mouse, with plain numbers."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg

BELOW = 6
"""Pixels; without them the letters that reach down are cut off of the label at the bottom."""


class Plot(pg.PlotWidget):
    """A plot in the dock.

    Parameters
    ----------
    height
        In pixels.
    **parts
        As of :class:`pyqtgraph.PlotItem`.
    """

    def __init__(self, height: int, **parts: Any) -> None:
        super().__init__(background=None, **parts)
        self.setFixedHeight(height)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        self.setMenuEnabled(False)
        self.getPlotItem().setContentsMargins(0, 0, 0, BELOW)
        for axis in ("left", "bottom"):
            # 0.6 is not said as 600 (x0.001).
            self.getAxis(axis).enableAutoSIPrefix(False)
