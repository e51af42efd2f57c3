"""The colour scale of numbers: its colormap and its ends."""

from __future__ import annotations

import numpy as np
from napari.utils.colormaps import ensure_colormap
from qtpy.QtCore import QSize
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QComboBox, QDoubleSpinBox, QWidget
from superqt.utils import signals_blocked

from napari_dpvae.colours.scale import USUAL, Limits
from napari_dpvae.viewer.dock.style import row
from napari_dpvae.viewer.state.colouring import COLORMAPS, Colouring

PERCENTILES, VALUES = "limits, %", "limits"
ICON = QSize(40, 12)


class ColormapBox(QComboBox):
    """Colormaps by name, each with its picture."""

    def __init__(self) -> None:
        super().__init__()
        self.setIconSize(ICON)
        for name in COLORMAPS:
            self.addItem(_picture(name), name)
        self.setToolTip("Colours from low to high.")

    def show_colormap(self, name: str) -> None:
        """Show which it is; the console may have chosen another of napari's."""
        if self.findText(name) < 0:
            self.addItem(_picture(name), name)
        self.setCurrentText(name)


def _picture(colormap: str) -> QIcon:
    colours = ensure_colormap(colormap).map(np.linspace(0, 1, ICON.width()))
    row = np.ascontiguousarray((255 * colours).astype(np.uint8))
    image = QImage(row.tobytes(), ICON.width(), 1, QImage.Format.Format_RGBA8888)
    return QIcon(QPixmap.fromImage(image).scaled(ICON))


class LimitsRow(QWidget):
    """The ends of the colour scale, as percentiles or as values; kept for each gene.

    ``kind``, which says what they are, stands where a form has its label.

    Parameters
    ----------
    colouring
        Whose limits they are.
    """

    def __init__(self, colouring: Colouring) -> None:
        super().__init__()
        self._colouring = colouring
        self.low, self.high = QDoubleSpinBox(), QDoubleSpinBox()
        self.kind = QComboBox()
        self.kind.addItems([PERCENTILES, VALUES])
        self.kind.setToolTip("Percentiles of all that is shown, or values in their own unit.")
        for box, end in ((self.low, "lower"), (self.high, "upper")):
            box.setToolTip(f"The {end} end of the colour scale. Kept for this gene.")
            box.setKeyboardTracking(False)
            box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
            box.valueChanged.connect(self._take)
        self.setLayout(row(self.low, self.high))
        self.kind.currentTextChanged.connect(self._change_kind)
        self.refresh((0.0, 1.0))

    def refresh(self, drawn: tuple[float, float]) -> None:
        """Show the limits; ``drawn`` are the present ends in the values' unit."""
        self._drawn = drawn
        limits = self._colouring.limits
        with signals_blocked(self.low), signals_blocked(self.high), signals_blocked(self.kind):
            self.kind.setCurrentText(PERCENTILES if limits.percentiles else VALUES)
            span = max(drawn[1] - drawn[0], 1e-9)
            # Four digits that count, whatever the unit.
            digits = max(2, 3 - int(np.floor(np.log10(span))))
            for box, value in ((self.low, limits.low), (self.high, limits.high)):
                box.setRange(*((0, 100) if limits.percentiles else (-1e9, 1e9)))
                box.setDecimals(1 if limits.percentiles else digits)
                box.setSingleStep(1 if limits.percentiles else span / 20)
                box.setValue(value)

    def _change_kind(self, kind: str) -> None:
        """The usual percentiles, or what is drawn now as values."""
        self._colouring.limits = USUAL if kind == PERCENTILES else Limits(*self._drawn, False)

    def _take(self) -> None:
        low, high = self.low.value(), self.high.value()
        if low < high:
            self._colouring.limits = Limits(low, high, self.kind.currentText() == PERCENTILES)
        else:
            # What is drawn stays, and is what is shown.
            self.refresh(self._drawn)
