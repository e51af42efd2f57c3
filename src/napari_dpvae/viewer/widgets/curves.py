"""The live curves of a training."""

from __future__ import annotations

import pyqtgraph as pg
from qtpy.QtCore import QTimer

from napari_dpvae.fitting import EpochReport

CURVES = {"reconstruction": "#5aa9e6", "distance": "#f4a259", "kl": "#8cb369"}
REDRAW_MS = 100


class LossCurves(pg.PlotWidget):
    """Reconstruction, distance term and KL by epoch, of the stage that is under way."""

    def __init__(self) -> None:
        super().__init__(background=None)
        self.setFixedHeight(150)
        self.setLogMode(y=True)
        self.setMouseEnabled(x=False, y=False)
        self.hideButtons()
        self.setMenuEnabled(False)
        self.setLabel("bottom", "epoch")
        self.setTitle(
            " · ".join(f'<span style="color:{c}">{name}</span>' for name, c in CURVES.items()),
            size="9pt",
        )
        self._lines = {
            name: self.plot(pen=pg.mkPen(colour, width=2)) for name, colour in CURVES.items()
        }
        self._stage = ""
        self._epochs: list[int] = []
        self._losses: dict[str, list[float]] = {name: [] for name in CURVES}
        # Epochs of small data come a hundred a second: draw at a rate that the eye can follow.
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw)

    @property
    def epochs(self) -> list[int]:
        """The epochs on show."""
        return list(self._epochs)

    def add(self, report: EpochReport) -> None:
        """Take a report; a new stage begins new curves."""
        if report.losses is None:
            return
        if report.stage != self._stage:
            self._stage = report.stage
            self._epochs.clear()
            for values in self._losses.values():
                values.clear()
        self._epochs.append(report.epoch)
        for name, values in self._losses.items():
            values.append(getattr(report.losses, name))
        if not self._timer.isActive():
            self._timer.start()

    def _redraw(self) -> None:
        for name, line in self._lines.items():
            line.setData(self._epochs, self._losses[name])
