"""The picture of an answer: a curve, or a matrix of types by types."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyqtgraph as pg

from napari_dpvae.viewer.dock.explore.names import NamesPlot

HEIGHT = 190
LINE = "#5aa9e6"


class AnswerPlot(NamesPlot):
    """A plot of the answers that have one."""

    def __init__(self) -> None:
        super().__init__(HEIGHT)
        self.unit = "units"
        """Of coordinates."""

    def show_answer(self, answer: pd.DataFrame, row: pd.Series | None = None) -> None:
        """Draw what belongs to an answer, and to the row of it that is chosen."""
        self.clear()
        self.setTitle(None)
        columns = set(answer.columns)
        there = bool(columns & {"I", "z", "ratio"}) and len(answer) > 0
        self.setVisible(there)
        if there and row is None:
            # A row is clicked in the table below, which should not move away.
            self.appear()
        if "I" in columns:
            self._curve(np.arange(1, len(answer) + 1), answer["I"], "genes by rank", "Moran's I")
        elif "z" in columns:
            self._matrix(answer)
        elif "ratio" in columns and len(answer):
            pair = answer.iloc[0] if row is None else row
            mine = (answer["type"] == pair["type"]) & (answer["near"] == pair["near"])
            chosen = answer[mine].sort_values("within")
            self._curve(
                chosen["within"], chosen["ratio"], f"distance, {self.unit}", "times likelier"
            )
            self.addLine(y=1, pen=pg.mkPen("#888888", style=pg.QtCore.Qt.PenStyle.DashLine))
            self.setTitle(f"{pair['near']} near {pair['type']}", size="9pt")

    def _curve(self, x: np.ndarray | pd.Series, y: pd.Series, below: str, beside: str) -> None:
        self.plot(np.asarray(x), np.asarray(y), pen=pg.mkPen(LINE, width=2))
        self.setLabel("bottom", below)
        self.setLabel("left", beside)
        self.name()
        self.enableAutoRange()

    def _matrix(self, answer: pd.DataFrame) -> None:
        names = list(dict.fromkeys([*answer["type"], *answer["beside"]]))
        names.sort()
        place = {name: i for i, name in enumerate(names)}
        z = np.zeros((len(names), len(names)))
        for kind, beside, value in answer[["type", "beside", "z"]].itertuples(index=False):
            z[place[kind], place[beside]] = z[place[beside], place[kind]] = value
        most = float(np.abs(z).max()) or 1.0
        image = pg.ImageItem(z, levels=(-most, most))
        image.setColorMap(pg.colormap.get("CET-D1A"))
        self.addItem(image)
        self.name(left=names, bottom=names, first=0.5)
        self.setLabel("bottom", "")
        self.setLabel("left", "")
        self.setTitle(f"blue apart · red together · ±{most:.3g}", size="9pt")
        self.setRange(xRange=(0, len(names)), yRange=(0, len(names)), padding=0)
