"""A table of any length: sorted by a click on a column, filtered by typing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QTableView,
    QWidget,
)

from napari_dpvae.viewer.dock.style import column

HEIGHT = 220
Display = Qt.ItemDataRole.DisplayRole
NOWHERE = QModelIndex()


class FrameModel(QAbstractTableModel):
    """A data frame as it is sorted and filtered: pandas does both, for any number of rows."""

    def __init__(self) -> None:
        super().__init__()
        self.frame = pd.DataFrame()
        self.order = np.empty(0, int)
        """Which rows of the frame are shown, from the top."""
        self._part = ""
        self._lowered: dict[str, list[str]] = {}
        self._sorted: tuple[int, bool] | None = None

    def set_frame(self, frame: pd.DataFrame) -> None:
        """Show another table, in its own order."""
        self.frame, self._sorted, self._lowered = frame, None, {}
        self._arrange()

    def filter(self, part: str) -> None:
        """Show the rows that hold a text."""
        self._part = part.strip().lower()
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        there = 0 <= column < self.frame.shape[1]
        self._sorted = (column, order == Qt.SortOrder.AscendingOrder) if there else None
        self._arrange()

    def _arrange(self) -> None:
        self.beginResetModel()
        rows = np.arange(len(self.frame))
        if self._part:
            rows = rows[self._holding(self._part)]
        if self._sorted is not None:
            column, ascending = self._sorted
            by = self.frame.iloc[rows, column].reset_index(drop=True)
            rows = rows[by.sort_values(ascending=ascending, kind="stable").index.to_numpy()]
        self.order = rows
        self.endResetModel()

    def _holding(self, part: str) -> np.ndarray:
        """(n,) bool: rows of which a text holds a part."""
        found = np.zeros(len(self.frame), bool)
        for name in self.frame.select_dtypes(exclude="number"):
            texts = self._texts(str(name))
            hits = np.fromiter((part in text for text in texts), bool, len(texts))
            values = self.frame[name]
            # The last one is for rows without a category.
            categorical = values.dtype == "category"
            found |= np.append(hits, False)[values.cat.codes] if categorical else hits
        return found

    def _texts(self, column: str) -> list[str]:
        """What to search of a column: its categories, or each value; a million are kept ready."""
        if column not in self._lowered:
            values = self.frame[column]
            kinds = values.cat.categories if values.dtype == "category" else values
            self._lowered[column] = [str(kind).lower() for kind in kinds]
        return self._lowered[column]

    def rowCount(self, parent: QModelIndex = NOWHERE) -> int:
        """How many rows are shown."""
        return 0 if parent.isValid() else len(self.order)

    def columnCount(self, parent: QModelIndex = NOWHERE) -> int:
        """How many columns there are."""
        return 0 if parent.isValid() else self.frame.shape[1]

    def data(self, index: QModelIndex, role: int = Display) -> Any:
        """The text of a cell; numbers stand to the right."""
        if not index.isValid():
            return None
        value = self.frame.iat[self.order[index.row()], index.column()]
        number = isinstance(value, float | int | np.number)
        if role == Display:
            return f"{value:.4g}" if number else str(value)
        if role == Qt.ItemDataRole.TextAlignmentRole and number:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Display) -> Any:
        """The columns' names."""
        if role == Display and orientation == Qt.Orientation.Horizontal:
            # The columns are narrow: names of several words stand in as many lines.
            return str(self.frame.columns[section]).replace(" ", "\n")
        return None


class FrameTable(QWidget):
    """A table with a line that filters it; ``chosen`` tells the row that is clicked or entered.

    Parameters
    ----------
    placeholder
        What to type into the line.
    """

    chosen = Signal(object)

    def __init__(self, placeholder: str) -> None:
        super().__init__()
        self.model = FrameModel()
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(placeholder)
        self.filter.setToolTip("Rows that hold this text are shown, whatever its case.")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self.model.filter)
        self.view = QTableView()
        self.view.setModel(self.model)
        self.view.setSortingEnabled(True)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.verticalHeader().hide()
        self.view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.view.setFixedHeight(HEIGHT)
        self.view.selectionModel().currentRowChanged.connect(self._choose)
        self.copy = QPushButton("Copy table")
        self.copy.setToolTip("Copy the rows that are shown, for a spreadsheet.")
        self.copy.clicked.connect(self._copy)
        self.setLayout(column(self.filter, self.view, self.copy))

    def show_frame(self, frame: pd.DataFrame) -> None:
        """Show another table."""
        self.model.set_frame(frame)
        self.view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)

    def _choose(self, current: QModelIndex) -> None:
        if current.isValid():
            self.chosen.emit(self.model.frame.iloc[self.model.order[current.row()]])

    def _copy(self) -> None:
        rows = self.model.frame.iloc[self.model.order]
        QApplication.clipboard().setText(rows.to_csv(sep="\t", index=False))
