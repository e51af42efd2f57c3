"""Groups of placed cells: made by drawing, compared with each other."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
from qtpy.QtWidgets import (
    QComboBox,
    QLineEdit,
    QPushButton,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_dpvae.analysis.groups import (
    group_distance,
    group_expression,
    group_genes,
    group_values,
)
from napari_dpvae.colours.categories import category_names, is_numeric
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.errors import DataError
from napari_dpvae.viewer.dock.explore.group_plot import GroupPlot
from napari_dpvae.viewer.dock.frame_table import FrameTable
from napari_dpvae.viewer.dock.job import Steps
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.step import follow
from napari_dpvae.viewer.dock.style import column, elastic, form, note, row, say
from napari_dpvae.viewer.state.selection import GROUP
from napari_dpvae.viewer.state.session import Session

REST = "all others"
MOST_GENES = 8
"""That dots are drawn of."""
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
        self._compared = ""
        """The column of the groups that were compared."""
        self._make_controls()
        self._lay_out()
        follow(self, session.placed_changed, self._on_placed)
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
        self.violins = QPushButton("Violins")
        self.violins.setToolTip("How the gene that is shown is spread in each group.")
        self.violins.clicked.connect(self._ask_violins)
        self.dots = QPushButton("Dots")
        self.dots.setToolTip("The list of markers, or the genes of the table, in each group.")
        self.dots.clicked.connect(self._ask_dots)
        self.undo = QPushButton("Undo")
        self.undo.setToolTip("Take back the last change of the groups.")
        self.undo.clicked.connect(self._session.selection.undo)
        self.plot = GroupPlot()
        self.progress = JobRow()
        self.status, self.found = note(), note("muted")
        self.group.setToolTip("The group that is asked about.")
        self.other.setToolTip("What the group is compared with.")
        self.name.setToolTip("Name the selected cells; Enter makes the group.")
        self.table = FrameTable("type a part of a gene's name")
        self.table.chosen.connect(lambda row: setattr(self._session, "gene", row["gene"]))
        self.table.hide()

    def _lay_out(self) -> None:
        naming = row(self.name, self.add, self.undo, wide=self.name)
        chosen = form(groups_in=self.column, group=self.group, against=self.other)
        asking = row(self.genes, self.distance, self.violins, self.dots)
        parts = (self.progress, self.status, self.plot, self.found, self.table)
        self.setLayout(column(self.draw, naming, chosen, asking, *parts))

    def _add(self) -> None:
        try:
            self._session.selection.name(self.name.text())
        except DataError as error:
            self._tell(str(error), "error")
            return
        self.name.clear()

    def _on_placed(self) -> None:
        self._forget()
        self._list()

    def _on_grouped(self) -> None:
        if self._compared == GROUP:
            self._forget()
        self._list()
        self.column.setCurrentText(GROUP)

    def _forget(self) -> None:
        """What was found of the groups before is not of these."""
        self.progress.stop.click()
        self.plot.hide()
        self.table.show_frame(pd.DataFrame())
        self.table.hide()
        say(self.found, "", "muted")

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
        self.undo.setEnabled(self._session.selection.can_undo)
        for button in (self.genes, self.distance, self.violins, self.dots):
            button.setEnabled(self.group.count() > 0)
        self._tell(f"{chosen:,} cells selected" if chosen else "")

    def _tell(self, text: str, tone: str = "plain") -> None:
        say(self.status, text, tone)

    def _ask_genes(self) -> None:
        placed, other = self._session.placed, self.other.currentText()
        column, group = self.column.currentText(), self.group.currentText()

        def steps() -> Steps:
            yield "comparing"
            return group_genes(placed, column, group, None if other == REST else other)

        self._run(steps, partial(self._show_genes, f"{group} against {other}"))

    def _ask_distance(self) -> None:
        placed, other = self._session.placed, self.other.currentText()
        column, group = self.column.currentText(), self.group.currentText()
        if other == REST:
            self._tell("Choose another group to measure the distance to.", "error")
            return

        def steps() -> Steps:
            yield "measuring"
            return group_distance(placed, column, group, other)

        self._run(steps, partial(self._show_distance, f"{group} to {other}"))

    def _ask_violins(self) -> None:
        placed, column, gene = self._session.placed, self.column.currentText(), self._session.gene
        if gene is None:
            self._tell("Choose a gene first.", "error")
            return

        def steps() -> Steps:
            yield "comparing"
            return group_values(placed, column, gene)

        self._run(steps, lambda found: self.plot.show_violins(found, gene))

    def _ask_dots(self) -> None:
        placed, column, genes = self._session.placed, self.column.currentText(), self._told_genes()
        if not genes:
            self._tell("Give a list of markers, or press Genes first.", "error")
            return

        def steps() -> Steps:
            yield "comparing"
            return group_expression(placed, column, genes)

        self._run(steps, self.plot.show_dots)

    def _told_genes(self) -> list[str]:
        """The markers that the cells have, or else the first genes of the table, or the gene."""
        session, frame = self._session, self.table.model.frame
        found = list(session.colouring.markers)
        if not found:
            found = list(frame["gene"]) if "gene" in frame else [session.gene or ""]
        held = [] if session.placed is None else session.placed.var_names
        return [gene for gene in found if gene in held][:MOST_GENES]

    def _run(self, steps: Any, show: Any) -> None:
        if self.progress.running:
            return
        self._tell("")
        self._compared = self.column.currentText()
        job = self.progress.run(steps, "comparing groups")
        job.done.connect(show)
        job.failed.connect(lambda text: self._tell(text, "error"))

    def _show_genes(self, of: str, found: pd.DataFrame) -> None:
        self.table.show_frame(found)
        self.table.show()
        differ = (found["p adjusted"] < 0.05).sum()
        say(self.found, f"{of}: {differ:,} genes differ (adjusted p < 0.05)", "muted")

    def _show_distance(self, of: str, found: dict[str, float]) -> None:
        unit = self._session.unit
        self._tell(
            f"{of}: centres {found['centres']:.4g} {unit} apart; from a cell of the one to the "
            f"nearest of the other {found['nearest']:.4g} {unit}, by chance "
            f"{found['by_chance']:.4g}"
        )
