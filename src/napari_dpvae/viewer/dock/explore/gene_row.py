"""Choose the gene that is shown: by typing, from a list, or the next one."""

from __future__ import annotations

import re

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QFileDialog,
    QInputDialog,
    QMenu,
    QPushButton,
    QToolButton,
    QWidget,
)

from napari_dpvae.data.formats.bounds import existing, opened
from napari_dpvae.data.read import reading
from napari_dpvae.errors import DataError
from napari_dpvae.viewer.dock.explore.gene_box import GeneBox
from napari_dpvae.viewer.dock.style import row
from napari_dpvae.viewer.state.session import Session

MOST_LIST = 1 << 24
"""Bytes of a file with a list."""
MOST_NAMED = 5
"""Genes of a list that are named when they are not there."""


def named_genes(text: str) -> list[str]:
    """The genes of a list that is parted by spaces, commas, semicolons or lines."""
    return [name for name in re.split(r"[\s,;]+", text) if name]


class GeneRow(QWidget):
    """The gene's box between the steps through the most spatial genes or a marker list.

    Parameters
    ----------
    session
        Whose gene is chosen.
    """

    told = Signal(str)
    scored = Signal()
    """The score of the list of markers is asked for."""
    refused = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.box = GeneBox()
        self.box.setToolTip(
            "Type a part of a gene's name: those that match are listed; Enter takes the first."
        )
        self.box.chosen.connect(self._choose)
        self.box.refused.connect(self.refused)
        self.previous = self._step_button("◀", -1)
        self.next = self._step_button("▶", 1)
        self.menu = QMenu(self)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.more = QPushButton("List")
        self.more.setToolTip("Recent genes, and lists of marker genes to go through.")
        self.more.setMenu(self.menu)
        parts = (self.previous, self.box, self.next, self.more)
        self.setLayout(row(*parts, wide=self.box, spacing=3))

    def refresh(self) -> None:
        """Show the session's gene."""
        self.box.show_gene(self._session.gene)
        walk = self._walk()
        name = "list" if self._session.colouring.markers else "most spatial genes"
        for button, which in ((self.previous, "Previous"), (self.next, "Next")):
            button.setEnabled(bool(walk))
            button.setToolTip(
                f"{which} of the {name} ({len(walk)})."
                if walk
                else "Train or load a model, or give a list of markers, to go from gene to gene."
            )

    def take_list(self, text: str) -> None:
        """Go through a list of markers from now on."""
        wanted = named_genes(text)
        self._session.colouring.markers = tuple(wanted)
        found = self._session.colouring.markers
        said = f"{len(found)} of {len(set(wanted))} genes of the list are here"
        lacking = [name for name in dict.fromkeys(wanted) if name not in found]
        if lacking:
            more = ", …" if len(lacking) > MOST_NAMED else ""
            said += f"; not: {', '.join(lacking[:MOST_NAMED])}{more}"
        if found:
            self._choose(found[0])
        self.told.emit(said if wanted else "")

    def _step_button(self, text: str, step: int) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setAccessibleName("next gene" if step > 0 else "previous gene")
        button.clicked.connect(lambda: self._go(step))
        return button

    def _choose(self, gene: str) -> None:
        self._session.gene = gene or None

    def _walk(self) -> list[str]:
        """The markers; else the genes of the model, of which the first is the most spatial."""
        if self._session.colouring.markers:
            return list(self._session.colouring.markers)
        return self._session.model.genes if self._session.model is not None else []

    def _go(self, step: int) -> None:
        walk, gene = self._walk(), self._session.gene
        start = 0 if step > 0 else -1
        self._choose(walk[(walk.index(gene) + step) % len(walk)] if gene in walk else walk[start])

    def _fill_menu(self) -> None:
        self.menu.clear()
        for gene in self._session.colouring.recent:
            self.menu.addAction(gene, lambda gene=gene: self._choose(gene))
        self.menu.addSeparator()
        self.menu.addAction("Paste a marker list…", self._paste)
        self.menu.addAction("Open a marker list…", self._open)
        if self._session.colouring.markers:
            self.menu.addSection("markers")
            for gene in self._session.colouring.markers:
                self.menu.addAction(gene, lambda gene=gene: self._choose(gene))
            self.menu.addAction("Colour by the list's score", self.scored.emit)
            self.menu.addAction("Forget the list", lambda: self.take_list(""))

    def _paste(self) -> None:
        text, accepted = QInputDialog.getMultiLineText(
            self, "Marker genes", "Gene names, parted by spaces, commas or lines:"
        )
        if accepted:
            self.take_list(text)

    def _open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Open a marker list", "", "Gene names (*.txt *.csv *.tsv *.list)"
        )
        if not path:
            return
        try:
            with reading(path), opened(existing(path), MOST_LIST) as file:
                text = file.read().decode()
        except DataError as error:
            self.refused.emit(str(error))
            return
        self.take_list(text)
