"""The categories on show: their colours, and which of them are drawn."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QColorDialog,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_dpvae.colours.categories import category_colours, keep_colours
from napari_dpvae.viewer.dock.style import column, row
from napari_dpvae.viewer.state.session import Session

MOST_ROWS = 8
"""More categories than this scroll."""


class Legend(QWidget):
    """A list of categories: tick to draw, double-click to recolour.

    Parameters
    ----------
    session
        Whose column is on show.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.list = QListWidget()
        self.list.setToolTip("Tick the categories to draw; double-click one for another colour.")
        self.list.itemChanged.connect(self._hide)
        self.list.itemDoubleClicked.connect(self._ask_colour)
        self.all, self.none = QPushButton("All"), QPushButton("None")
        self.all.clicked.connect(lambda: self._set_hidden(()))
        self.none.clicked.connect(lambda: self._set_hidden(self._names()))
        self.all.setToolTip("Draw the cells of every category.")
        self.none.setToolTip("Draw no cells, to tick a few categories then.")
        self.setLayout(column(self.list, row(self.all, self.none)))

    def refresh(self, column: str | None) -> None:
        """Show the categories of a column; nothing without one."""
        self.setVisible(column is not None)
        with signals_blocked(self.list):
            self.list.clear()
            if column is None:
                return
            colours = category_colours(self._session.with_column(column), column)
            for name, colour in colours.items():
                item = QListWidgetItem(_swatch(colour), name)
                hidden = name in self._session.colouring.hidden
                item.setCheckState(Qt.CheckState.Unchecked if hidden else Qt.CheckState.Checked)
                self.list.addItem(item)
        rows = min(self.list.count(), MOST_ROWS)
        self.list.setFixedHeight(rows * self.list.sizeHintForRow(0) + 2 * self.list.frameWidth())

    def recolour(self, name: str, colour: QColor) -> None:
        """Give a category another colour, where scanpy finds it as well."""
        column = self._session.colouring.column
        if column is None:
            return
        holders = self._session.with_column(column)
        colours = category_colours(holders, column)
        keep_colours(holders, column, colours | {name: np.array(colour.getRgbF())})
        self._session.colouring.changed.emit()

    def _names(self) -> list[str]:
        return [self.list.item(i).text() for i in range(self.list.count())]

    def _hide(self) -> None:
        items = [self.list.item(i) for i in range(self.list.count())]
        self._set_hidden(i.text() for i in items if i.checkState() == Qt.CheckState.Unchecked)

    def _set_hidden(self, names: object) -> None:
        self._session.colouring.hidden = names  # type: ignore[assignment]

    def _ask_colour(self, item: QListWidgetItem) -> None:
        colour = QColorDialog.getColor(parent=self, title=f"Colour of {item.text()}")
        if colour.isValid():
            self.recolour(item.text(), colour)


def _swatch(colour: np.ndarray) -> QIcon:
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor.fromRgbF(*(float(part) for part in colour)))
    return QIcon(pixmap)
