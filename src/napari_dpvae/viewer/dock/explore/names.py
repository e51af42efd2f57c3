"""Names along the axes of a plot, none of which runs into another or is cut off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QFontMetricsF
from qtpy.QtWidgets import QApplication

from napari_dpvae.viewer.dock.plot import Plot
from napari_dpvae.viewer.dock.style import when_laid_out

MOST_LETTERS = 14
"""Of a name; what is left out is the middle, as clusters often differ by the end."""
ABREAST = 30
"""Letters, with those between, that stand beside each other in the narrowest dock."""
MOST_UPRIGHT = 20
"""More names than these have no room below a plot."""
ROW = 15
"""Pixels of a name in a column."""
TITLE = 35
"""Pixels of what is above a column of names."""


def shortened(name: object) -> str:
    """A name that fits beside a plot."""
    text = str(name)
    if len(text) <= MOST_LETTERS:
        return text
    half = MOST_LETTERS // 2
    return f"{text[: half - 1]}…{text[-half:]}"


class NamesPlot(Plot):
    """A plot with names down its left side and along its bottom, or numbers.

    It is hidden until there is something to show, and as high as its names want.

    Parameters
    ----------
    height
        At least, in pixels.
    """

    def __init__(self, height: int) -> None:
        self._below = _NamesBelow()
        super().__init__(height, axisItems={"bottom": self._below})
        self._height = height
        self._appeared = when_laid_out(self)
        self.hide()

    def appear(self) -> None:
        """Show it, where it is seen."""
        self.show()
        self._appeared.start()

    def name(
        self, left: Sequence[object] = (), bottom: Sequence[object] = (), first: float = 0.0
    ) -> None:
        """Name places that are one apart, from the top and from the left; none for numbers."""
        names = [shortened(name) for name in left]
        ticks = [[(first + i, name) for i, name in enumerate(names)]]
        self.getAxis("left").setTicks(ticks if names else None)
        self.getPlotItem().invertY(bool(names))
        below = self._below.name([shortened(name) for name in bottom], first)
        self.setFixedHeight(max(self._height, ROW * len(names) + TITLE + round(below)))


class _NamesBelow(pg.AxisItem):
    """Stand upright where they have no room beside each other."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self._upright: list[str] = []

    def name(self, names: list[str], first: float) -> float:
        """Show these; gives how high the axis is with them, in pixels."""
        crowded = sum(len(name) + 2 for name in names) > ABREAST
        self._upright = names if crowded and len(names) <= MOST_UPRIGHT else []
        shown = [""] * len(names) if crowded else names
        self.setTicks([[(first + i, name) for i, name in enumerate(shown)]] if names else None)
        measure = QFontMetricsF(QApplication.font()).horizontalAdvance
        height = max((measure(name) + 12 for name in self._upright), default=None)
        self.setHeight(height)
        return height or TITLE

    def drawPicture(self, p: Any, axisSpec: Any, tickSpecs: Any, textSpecs: Any) -> None:
        """Draw the axis; upright names read from below, and end at it."""
        super().drawPicture(p, axisSpec, tickSpecs, [] if self._upright else textSpecs)
        p.setPen(self.textPen())
        for (_, start, end), name in zip(tickSpecs, self._upright, strict=False):
            p.save()
            p.translate(start.x(), max(start.y(), end.y()) + 4)
            p.rotate(-90)
            box = QRectF(-200, -ROW / 2, 200, ROW)
            p.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, name)
            p.restore()
