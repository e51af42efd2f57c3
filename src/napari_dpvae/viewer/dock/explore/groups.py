"""Groups of placed cells: made by drawing, compared with each other."""

from __future__ import annotations

from typing import Any

import pandas as pd
from qtpy.QtWidgets import (
    QComboBox,
    QLineEdit,
    QPushButton,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_dpvae.analysis.groups import group_distance, group_genes
from napari_dpvae.colours.categories import category_names, is_numeric
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.errors import DataError
from napari_dpvae.viewer.dock.frame_table import FrameTable
from napari_dpvae.viewer.dock.job import Steps
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.step import follow
from napari_dpvae.viewer.dock.style import column, elastic, form, note, row, set_tone
from napari_dpvae.viewer.state.selection import GROUP
from napari_dpvae.viewer.state.session import Session

REST = "all others"
DRAW = "Then draw on the tissue with the mouse; cells within are selected."
NO_DRAWING = "Drawing is for slices: in a volume, select points with the tools of napari's layer."


class Groups(QWidget):
    """Draw around cells, name them, and ask what sets them apart.

    Parameters
    ----------
    session
        Whose placed cells they are.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._make_controls()
        self._lay_out()
        follow(self, session.placed_changed, self._list)
        follow(self, session.selection.changed, self._refresh)
        follow(self, session.selection.grouped, self._on_grouped)
        self._list()

    def _make_controls(self) -> None:
        self.draw = QPushButton("Draw around cells")
        self.draw.clicked.connect(self._session.selection.draw)
        self.name = QLineEdit()
        self.name.setPlaceholderText("name of the group")
        self.name.returnPressed.connect(self._add)
        self.add = QPushButton("Make group")
        self.add.setToolTip("The selected cells become a group; it is saved with the placed cells.")
        self.add.clicked.connect(self._add)
        self.column, self.group, self.other = (elastic(QComboBox()) for _ in range(3))
        self.column.setToolTip(
            "Groups that were made here, or categories that the cells came with."
        )
        self.column.currentTextChanged.connect(self._list_groups)
        self.genes = QPushButton("Genes")
        self.genes.setToolTip("Genes that are higher in the group than in the other.")
        self.genes.clicked.connect(self._ask_genes)
        self.distance = QPushButton("Distance")
        self.distance.setToolTip("How far the group lies from the other, and how far by chance.")
        self.distance.clicked.connect(self._ask_distance)
        self.progress = JobRow()
        self.status = note()
        self.group.setToolTip("The group that is asked about.")
        self.other.setToolTip("What the group is compared with.")
        self.name.setToolTip("Name the selected cells; Enter makes the group.")
        self.table = FrameTable("type a part of a gene's name")
        self.table.chosen.connect(lambda row: setattr(self._session, "gene", row["gene"]))
        self.table.hide()

    def _lay_out(self) -> None:
        naming = row(self.name, self.add, wide=self.name)
        chosen = form(groups_in=self.column, group=self.group, against=self.other)
        asking = row(self.genes, self.distance)
        parts = (self.progress, self.status, self.table)
        self.setLayout(column(self.draw, naming, chosen, asking, *parts))

    def _add(self) -> None:
        try:
            self._session.selection.name(self.name.text())
        except DataError as error:
            self._tell(str(error), "error")
            return
        self.name.clear()

    def _on_grouped(self) -> None:
        self._list()
        self.column.setCurrentText(GROUP)

    def _list(self) -> None:
        placed = self._session.placed
        names = [] if placed is None else [n for n in placed.obs if not is_numeric(placed.obs[n])]
        kept = self.column.currentText()
        with signals_blocked(self.column):
            self.column.clear()
            self.column.addItems([str(name) for name in names])
            self.column.setCurrentText(kept)
        self._list_groups()

    def _list_groups(self) -> None:
        placed, column = self._session.placed, self.column.currentText()
        names = category_names(placed.obs[column]) if placed is not None and column else []
        for box, items in ((self.group, names), (self.other, [REST, *names])):
            box.clear()
            box.addItems(items)
        self._refresh()

    def _refresh(self) -> None:
        chosen = len(self._session.selection.cells)
        placed = self._session.placed
        self.setEnabled(placed is not None)
        flat = placed is None or placed.obsm[SPATIAL].shape[1] == 2
        self.draw.setEnabled(flat)
        self.draw.setToolTip(DRAW if flat else NO_DRAWING)
        self.add.setEnabled(chosen > 0)
        for button in (self.genes, self.distance):
            button.setEnabled(self.group.count() > 0)
        self._tell(f"{chosen:,} cells selected" if chosen else "")

    def _tell(self, text: str, tone: str = "plain") -> None:
        set_tone(self.status, tone)
        self.status.setText(text)
        self.status.setVisible(bool(text))

    def _ask_genes(self) -> None:
        placed, other = self._session.placed, self.other.currentText()
        column, group = self.column.currentText(), self.group.currentText()

        def steps() -> Steps:
            yield "comparing"
            return group_genes(placed, column, group, None if other == REST else other)

        self._run(steps, self._show_genes)

    def _ask_distance(self) -> None:
        placed, other = self._session.placed, self.other.currentText()
        column, group = self.column.currentText(), self.group.currentText()
        if other == REST:
            self._tell("Choose another group to measure the distance to.", "error")
            return

        def steps() -> Steps:
            yield "measuring"
            return group_distance(placed, column, group, other)

        self._run(steps, self._show_distance)

    def _run(self, steps: Any, show: Any) -> None:
        if self.progress.running:
            return
        self._tell("")
        job = self.progress.run(steps, "comparing groups")
        job.done.connect(show)
        job.failed.connect(lambda text: self._tell(text, "error"))

    def _show_genes(self, found: pd.DataFrame) -> None:
        self.table.show_frame(found)
        self.table.show()
        self._tell(f"{(found['p adjusted'] < 0.05).sum():,} genes differ (adjusted p < 0.05)")

    def _show_distance(self, found: dict[str, float]) -> None:
        unit = self._session.unit
        self._tell(
            f"centres {found['centres']:.4g} {unit} apart; from a cell of the group to the nearest "
            f"of the other {found['nearest']:.4g} {unit}, by chance {found['by_chance']:.4g}"
        )
