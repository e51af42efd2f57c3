"""What to hold out of an evaluation's reference."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from qtpy.QtWidgets import QComboBox

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.evaluation.hold_out import Split
from napari_dpvae.viewer.dock.step import follow
from napari_dpvae.viewer.dock.style import elastic
from napari_dpvae.viewer.state.session import Session


class Choice(NamedTuple):
    """What to hold out."""

    split: Split = "random"
    section: str | None = None
    query: bool = False
    """Whether the query is placed, and compared with its own coordinates."""


class HoldOutBox(QComboBox):
    """Offers what can be held out of a session's data."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.setToolTip(
            "What is kept back from training and then placed. Random spots flatter every method: "
            "look at a block or a whole section as well."
        )
        elastic(self)
        for signal in (
            session.reference_changed,
            session.query_changed,
            session.section_key_changed,
        ):
            follow(self, signal, self._list)
        self._list()

    @property
    def choice(self) -> Choice:
        """What is chosen."""
        chosen: Choice = self.currentData()
        return chosen

    def _list(self) -> None:
        session, before = self._session, self.currentText()
        self.clear()
        self.addItem("random spots", Choice())
        self.addItem("a contiguous block", Choice("block"))
        if session.reference is not None and session.section_key is not None:
            names = session.reference.obs[session.section_key].astype(str).unique()
            for name in sorted(names):
                self.addItem(f"section {name}", Choice("section", name))
        self.addItem("nothing: place the spots it was trained on", Choice("none"))
        if _has_truth(session):
            self.addItem("the query, which has coordinates", Choice(query=True))
        self.setCurrentIndex(max(self.findText(before), 0))


def _has_truth(session: Session) -> bool:
    """Whether the query has coordinates to compare with."""
    reference, query = session.reference, session.query
    if reference is None or query is None or SPATIAL not in query.obsm:
        return False
    return np.shape(reference.obsm[SPATIAL])[1:] == np.shape(query.obsm[SPATIAL])[1:]
