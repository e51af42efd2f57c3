"""The measures of an evaluation as a table to read and to copy."""

from __future__ import annotations

import pandas as pd
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
)

from napari_dpvae.evaluation.signal import BY_CHANCE

ROWS = {
    "procrustes": ("Procrustes ↓", "Disparity after the best similarity: 0 is the same shape."),
    "stress1": ("stress-1 ↓", "How far pairwise distances are off, after the best scale."),
    "distance_spearman": ("distance ρ ↑", "Rank correlation of all pairwise distances."),
    "knn_overlap": ("neighbours kept ↑", "Share of each cell's true neighbours that stay so."),
    "trustworthiness": ("trustworthiness ↑", "Whether neighbours there are neighbours in truth."),
    "continuity": ("continuity ↑", "Whether true neighbours stay together."),
    "median_error": ("median error ↓", "Distance from the true place, in coordinate units."),
    "p90_error": ("90 % error ↓", "Nine of ten cells are nearer to their true place than that."),
    "coverage": ("coverage = 0.9", "Share of cells inside their region; it should be 0.9."),
    "wide_coverage": (
        "wide\ncoverage = 0.9",
        "Share of cells inside their wide region, which also holds where tissue was held out.",
    ),
    "aligned_median_error": (
        "aligned error ↓",
        "Median distance after the best similarity, in coordinate units.",
    ),
    "distortion": (
        "distortion ↓",
        "Nine of ten latent distances are those of the tissue within this factor; 1 keeps all.",
    ),
}
"""What is shown of the measures, with its name and help; the arrow tells which way is better."""
IN_ONE_FRAME = ("median_error", "p90_error", "coverage", "wide_coverage")
"""Mean nothing where true and placed coordinates have different frames."""


class MeasuresTable(QTableWidget):
    """A row a measure and a column a method: the mean over the runs, and their spread."""

    def __init__(self) -> None:
        super().__init__()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSizeAdjustPolicy(self.SizeAdjustPolicy.AdjustToContents)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self._table = pd.DataFrame()

    def show_measures(self, table: pd.DataFrame, *, one_frame: bool) -> None:
        """Show a table of :func:`napari_dpvae.evaluate`, without measures that were not taken."""
        self._table = table
        names = [
            name
            for name in ROWS
            if table[name].notna().any() and (one_frame or name not in IN_ONE_FRAME)
        ]
        columns = dict(iter(table.groupby("method", sort=False)))
        columns["by chance"] = pd.DataFrame([table.attrs[BY_CHANCE]], columns=table.columns)
        self.setRowCount(len(names))
        self.setColumnCount(len(columns))
        self.setHorizontalHeaderLabels([_in_lines(method) for method in columns])
        for row, name in enumerate(names):
            label, help = ROWS[name]
            header = QTableWidgetItem(label)
            header.setToolTip(help)
            self.setVerticalHeaderItem(row, header)
            for column, runs in enumerate(columns.values()):
                item = QTableWidgetItem(_figure(runs[name]))
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(help)
                self.setItem(row, column, item)
        self.resizeRowsToContents()
        self.updateGeometry()

    def copy(self) -> None:
        """Copy all measures of all runs, to be pasted into a spreadsheet."""
        QApplication.clipboard().setText(self._table.to_csv(sep="\t", index=False))


def _in_lines(method: str) -> str:
    """The name of a method above a narrow column."""
    return method.replace(" ", "\n").replace("fine-", "fine-\n")


def _figure(values: pd.Series) -> str:
    """Three digits of the mean, with the spread of several runs; nothing where none is known."""
    if values.isna().all():
        return ""
    text = _digits(values.mean(), 3)
    return f"{text}\n±{_spread(values.std())}" if len(values) > 1 else text


def _spread(value: float) -> str:
    """With one digit, of three decimals at most: columns of four methods are narrow."""
    text = f"{value:.3f}" if 0 < value < 0.001 else _digits(value, 1)
    return text.removeprefix("0") or "0"


def _digits(value: float, n: int) -> str:
    """With so many digits, but never as a power of ten."""
    return f"{value:,.0f}" if abs(value) >= 10 ** (n - 1) else f"{value:.{n}g}"
