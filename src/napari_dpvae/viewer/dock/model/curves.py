"""The live curves of a training."""

from __future__ import annotations

import pyqtgraph as pg
from qtpy.QtCore import QTimer

from napari_dpvae.training.report import EpochReport
from napari_dpvae.viewer.dock.plot import Plot

CURVES = {"reconstruction": "#4f9fe0", "distance": "#e8944a", "kl": "#6fae4f"}
"""Readable on napari's dark and light themes."""
NAMES = {"reconstruction": "reconstruction", "distance": "distance term", "kl": "KL"}
HEIGHT = 156
REDRAW_MS = 100
FADED = 70
"""Opacity, of 255, of the network before."""


class LossCurves(Plot):
    """Reconstruction, distance term and KL by epoch of a network; the one before stands faded."""

    def __init__(self) -> None:
        super().__init__(HEIGHT)
        self.setLogMode(y=True)
        self.setLabel("bottom", "epoch of this network")
        legend = " · ".join(
            f'<span style="color:{CURVES[name]}">{NAMES[name]}</span>' for name in CURVES
        )
        self.setTitle(legend, size="9pt")
        self.getAxis("left").setStyle(autoExpandTextSpace=False, tickTextWidth=34)
        self.getAxis("left").setWidth(40)
        self._before = {name: self.plot(pen=_pen(name, FADED, 1)) for name in CURVES}
        self._lines = {name: self.plot(pen=_pen(name, 255, 2)) for name in CURVES}
        self._stage = ""
        self._losses: dict[str, list[float]] = {name: [] for name in CURVES}
        # Epochs of small data come a hundred a second: draw at a rate that the eye can follow.
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)

    @property
    def n_epochs(self) -> int:
        """How many epochs of the network are on show."""
        return len(self._losses["reconstruction"])

    def restart(self) -> None:
        """Begin with a new training."""
        self._stage = ""
        for name in CURVES:
            self._losses[name] = []
            self._before[name].setData([], [])
        self._redraw()

    def add(self, report: EpochReport) -> None:
        """Take a report; a new stage begins new curves."""
        if report.losses is None:
            return
        if report.stage != self._stage:
            self._begin(report.stage)
        for name, values in self._losses.items():
            values.append(getattr(report.losses, name))
        if not self._timer.isActive():
            self._timer.start()

    def _begin(self, stage: str) -> None:
        for name, values in self._losses.items():
            self._before[name].setData(range(1, len(values) + 1), values)
            self._losses[name] = []
        self._stage = stage

    def _redraw(self) -> None:
        for name, line in self._lines.items():
            values = self._losses[name]
            line.setData(range(1, len(values) + 1), values)


def _pen(name: str, opacity: int, width: int) -> object:
    colour = pg.mkColor(CURVES[name])
    colour.setAlpha(opacity)
    return pg.mkPen(colour, width=width)
