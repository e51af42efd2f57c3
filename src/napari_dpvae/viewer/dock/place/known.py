"""Which cells of the query have places that are known."""

from __future__ import annotations

import anndata as ad
import numpy as np
from qtpy.QtWidgets import QComboBox

from napari_dpvae.viewer.dock.step import follow
from napari_dpvae.viewer.dock.style import elastic
from napari_dpvae.viewer.state.session import Session


class KnownBox(QComboBox):
    """Offers the query's entries of ``obsm`` that can be places, for the mode ``impute``."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        elastic(self).setToolTip(
            "The entry of the query's obsm with the places that are known, in the reference's "
            "frame, and NaN for cells to be placed."
        )
        follow(self, session.query_changed, self._list)
        self._list(session.query)

    @property
    def key(self) -> str | None:
        """The entry chosen; None where there is none."""
        return self.currentText() or None

    def _list(self, query: ad.AnnData | None) -> None:
        before = self.currentText()
        self.clear()
        if query is not None:
            shapes = {str(key): np.shape(held) for key, held in query.obsm.items()}
            self.addItems([key for key, shape in shapes.items() if shape[1:] in ((2,), (3,))])
        self.setCurrentText(before)
