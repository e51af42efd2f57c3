"""Names along a plot can all be read."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtGui import QFontMetricsF, QImage
from qtpy.QtWidgets import QApplication

from napari_dpvae.viewer.dock.explore.names import MOST_LETTERS, NamesPlot, shortened


@pytest.fixture
def plot(qtbot: QtBot) -> NamesPlot:
    made = NamesPlot(200)
    qtbot.addWidget(made)
    made.setFixedWidth(330)
    made.show()
    return made


def ink(plot: NamesPlot) -> np.ndarray:
    """(height, width) bool: where something is drawn below the plot's frame."""
    image = plot.grab().toImage().convertToFormat(QImage.Format.Format_RGBA8888)
    bits = image.bits()
    bits.setsize(image.sizeInBytes())
    pixels = np.frombuffer(bits, np.uint8).reshape(image.height(), image.width(), 4).astype(int)
    drawn = np.abs(pixels - pixels[-1, -1]).max(axis=2) > 60
    top = plot.getAxis("bottom").geometry().top()
    return drawn[round(top) + 8 :]


def test_names_that_differ_by_the_end_still_do() -> None:
    names = ["CD4 T cells, naive", "CD4 T cells, memory", "B cells"]
    short = [shortened(name) for name in names]
    assert len(set(short)) == 3 and short[-1] == "B cells"
    assert all(len(name) <= MOST_LETTERS for name in short)


def test_a_plot_grows_with_the_names_beside_it(plot: NamesPlot) -> None:
    plot.name(left=range(5))
    assert plot.height() == 200
    plot.name(left=range(50))
    assert plot.height() > 50 * QFontMetricsF(QApplication.font()).ascent()
    plot.name()
    assert plot.height() == 200


@pytest.mark.parametrize("n", [2, 8])
def test_names_below_stand_upright_where_they_have_no_room(plot: NamesPlot, n: int) -> None:
    plot.name(bottom=["a long name"] * n)
    plot.setRange(xRange=(-0.6, n - 0.4), padding=0)
    QApplication.processEvents()
    columns = ink(plot).any(axis=0)
    # Where the names are, and that they are apart: each is a run of ink between two gaps.
    begins = np.flatnonzero(np.diff(np.r_[False, columns].astype(int)) == 1)
    view = plot.getPlotItem().vb.sceneBoundingRect()
    places = view.left() + view.width() * (np.arange(n) + 0.6) / n
    reach = view.width() / n / 2
    width = QFontMetricsF(QApplication.font()).horizontalAdvance("a long name")
    assert plot.getAxis("bottom").height() > (width if n == 8 else 0)
    for place in places:
        assert (np.abs(begins - place) < reach).any()
        assert not columns[round(place - reach)]
