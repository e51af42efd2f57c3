"""Ask the placement: spatial genes, neighbours, signals."""

from __future__ import annotations

import pandas as pd
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QPushButton, QWidget
from superqt.utils import signals_blocked

from napari_dpvae.analysis.questions import QUESTIONS
from napari_dpvae.colours.categories import category_names, is_numeric
from napari_dpvae.data.keys import STATUS
from napari_dpvae.viewer.dock.explore.answer_plot import AnswerPlot
from napari_dpvae.viewer.dock.frame_table import FrameTable
from napari_dpvae.viewer.dock.job import Steps
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.step import follow
from napari_dpvae.viewer.dock.style import column, elastic, form, note, say
from napari_dpvae.viewer.state.selection import GROUP
from napari_dpvae.viewer.state.session import Session


class Ask(QWidget):
    """A question to the placed cells, its answer as a table and a plot; a row shows itself.

    Parameters
    ----------
    session
        Whose placed cells are asked.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._answer = pd.DataFrame()
        self._asked = self._told = ""
        """The column of types of the answer; and what was asked, in words."""
        self._make_controls()
        types = form(types_in=self.types)
        self._types_label = types.labelForField(self.types)
        parts = (self.ask, self.progress, self.status, self.plot, self.table)
        self.setLayout(column(self.question, types, *parts))
        follow(self, session.placed_changed, self._on_placed)
        follow(self, session.selection.grouped, self._on_grouped)
        self._on_placed()

    def _make_controls(self) -> None:
        self.question, self.types = elastic(QComboBox()), elastic(QComboBox())
        for i, question in enumerate(QUESTIONS):
            self.question.addItem(question.name)
            self.question.setItemData(i, question.help, Qt.ItemDataRole.ToolTipRole)
        self.question.currentIndexChanged.connect(self._refresh)
        self.types.setToolTip("The column of the placed cells that holds their types.")
        self.ask = QPushButton("Ask")
        self.ask.clicked.connect(self.start)
        self.progress = JobRow()
        self.status = note()
        self.plot = AnswerPlot()
        self.table = FrameTable("type to filter the answer")
        self.table.view.setToolTip("A click shows the row on the tissue.")
        self.table.chosen.connect(self._show_row)
        self.table.hide()

    def start(self) -> None:
        """Ask in the background."""
        placed, question = self._session.placed, QUESTIONS[self.question.currentIndex()]
        if placed is None or self.progress.running:
            return
        column = self.types.currentText() or None if question.of_types else None

        def steps() -> Steps:
            return (yield from question.answer(placed, column))

        self._asked = column or ""
        self._told = question.name + (f" · types in {column}" if column else "")
        self._forget()
        job = self.progress.run(steps, question.name)
        job.progressed.connect(lambda share: self.progress.show_share(share, question.name))
        job.done.connect(self._show)
        job.failed.connect(lambda text: self._tell(text, "error"))

    def _show(self, answer: pd.DataFrame) -> None:
        self._answer = answer
        self.table.show_frame(answer)
        self.table.show()
        self.plot.unit = self._session.unit
        self.plot.show_answer(answer)
        # Another question may be chosen by now.
        self._tell("\n".join([self._told, *filter(None, [answer.attrs.get("note")])]))

    def _show_row(self, row: pd.Series) -> None:
        """On the tissue: the gene, or the two types alone."""
        if "gene" in row:
            self._session.gene = row["gene"]
        elif "ligand" in row:
            self._show_ligand(str(row["ligand"]))
        elif self._asked:
            self._show_types({row["type"], row.get("beside", row.get("near"))})
            self.plot.show_answer(self._answer, row)

    def _show_types(self, wanted: set[str]) -> None:
        colouring = self._session.colouring
        holders = self._session.with_column(self._asked)
        names = {name for cells in holders for name in category_names(cells.obs[self._asked])}
        colouring.column = self._asked
        colouring.hidden = names - wanted

    def _show_ligand(self, ligand: str) -> None:
        # squidpy writes the genes of a pair in capitals.
        named = {name.upper(): name for name in self._session.genes}
        if ligand.upper() in named:
            self._session.gene = named[ligand.upper()]

    def _on_placed(self) -> None:
        """An answer about the cells before is none about these."""
        self.progress.stop.click()
        self._forget()
        self._list()

    def _on_grouped(self) -> None:
        """An answer about the groups before is none about these."""
        if self._asked == GROUP:
            self.progress.stop.click()
            self._forget()
        self._list()

    def _forget(self) -> None:
        self._answer = pd.DataFrame()
        self.table.hide()
        self.plot.hide()
        self._tell("")

    def _list(self) -> None:
        placed, kept = self._session.placed, self.types.currentText()
        names = [] if placed is None else [n for n in placed.obs if not is_numeric(placed.obs[n])]
        with signals_blocked(self.types):
            self.types.clear()
            self.types.addItems([str(name) for name in names if name != STATUS])
            self.types.setCurrentText(kept)
        self._refresh()

    def _refresh(self) -> None:
        question = QUESTIONS[self.question.currentIndex()]
        for widget in (self.types, self._types_label):
            widget.setVisible(question.of_types)
        self.ask.setEnabled(
            self._session.placed is not None and (not question.of_types or self.types.count() > 0)
        )
        for widget in (self.question, self.ask):
            widget.setToolTip(question.help)

    def _tell(self, text: str, tone: str = "muted") -> None:
        say(self.status, text, tone)
