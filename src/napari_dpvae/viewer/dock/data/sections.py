"""Which column names the section of each spot."""

from __future__ import annotations

import anndata as ad
from qtpy.QtWidgets import QComboBox, QLabel, QWidget
from superqt.utils import signals_blocked

from napari_dpvae.data.sections import section_columns
from napari_dpvae.viewer.dock.step import follow
from napari_dpvae.viewer.dock.style import LABEL_WIDTH, row
from napari_dpvae.viewer.state.session import Session

ONE_SECTION = "all spots are of one section"


class SectionChoice(QWidget):
    """Which column names the section of each spot; hidden when no column can."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.column = QComboBox()
        self.column.setToolTip(
            "Distances are compared within a section only; the largest section is the frame that "
            "cells are placed in."
        )
        self.column.currentTextChanged.connect(self._choose)
        label = QLabel("Sections")
        label.setFixedWidth(LABEL_WIDTH)
        label.setBuddy(self.column)
        self.setLayout(row(label, self.column, wide=self.column, margins=(0, 0, 0, 4)))
        follow(self, session.reference_changed, self._list)
        follow(self, session.section_key_changed, self._show)
        self._list(session.reference)

    def _list(self, reference: ad.AnnData | None) -> None:
        columns = [] if reference is None else section_columns(reference)
        with signals_blocked(self.column):
            self.column.clear()
            self.column.addItems([ONE_SECTION, *columns])
        self.setVisible(bool(columns))
        self._show(self._session.section_key)

    def _show(self, key: str | None) -> None:
        with signals_blocked(self.column):
            self.column.setCurrentText(key or ONE_SECTION)

    def _choose(self, text: str) -> None:
        self._session.section_key = None if text == ONE_SECTION else text
