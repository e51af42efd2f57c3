"""Step 4: look at a gene on the spots and on the placed cells."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QFormLayout
from superqt import QSearchableComboBox
from superqt.utils import signals_blocked

from napari_dpvae.errors import DataError
from napari_dpvae.viewer.session import COLORMAPS, Session
from napari_dpvae.viewer.widgets.step import Step

NONE = "–"


class ExploreStep(Step):
    """Choose a gene by typing, and a colormap."""

    def __init__(self, session: Session) -> None:
        super().__init__(4, "Explore", session)
        self.gene = QSearchableComboBox()
        self.gene.setToolTip(
            "Type a part of a gene's name. Spots and cells share one colour scale."
        )
        self.colormap = QComboBox()
        self.colormap.addItems(COLORMAPS)
        self.colormap.setToolTip("Colours from low to high expression.")
        form = QFormLayout()
        form.addRow("gene", self.gene)
        form.addRow("colormap", self.colormap)
        self.body.insertLayout(0, form)
        self.gene.currentTextChanged.connect(self._choose_gene)
        self.colormap.currentTextChanged.connect(self._choose_colormap)
        self.follow(session.reference_changed, self._list_genes)
        self.follow(session.placed_changed, self._list_genes)
        self.follow(session.colouring_changed, self._refresh)
        self._list_genes()

    def _choose_gene(self, text: str) -> None:
        try:
            self.session.gene = None if text == NONE else text
        except DataError:
            # Half a name while typing: wait for the rest.
            return

    def _choose_colormap(self, text: str) -> None:
        self.session.colormap = text

    def _list_genes(self) -> None:
        with signals_blocked(self.gene):
            self.gene.clear()
            self.gene.addItems([NONE, *self.session.genes])
        self._refresh()

    def _refresh(self) -> None:
        session = self.session
        self.setEnabled(bool(session.genes))
        with signals_blocked(self.gene), signals_blocked(self.colormap):
            self.gene.setCurrentText(session.gene or NONE)
            self.colormap.setCurrentText(session.colormap)
        self.set_done(session.gene is not None)
        lacking = [
            name
            for name, data in (("reference", session.reference), ("placed cells", session.placed))
            if data is not None and session.gene is not None and session.gene not in data.var_names
        ]
        self.tell(f"not measured in the {' and '.join(lacking)}" if lacking else "")
