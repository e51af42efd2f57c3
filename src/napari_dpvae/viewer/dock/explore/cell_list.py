"""The placed cells as a list, to go from one to the other."""

from __future__ import annotations

import pandas as pd
from qtpy.QtWidgets import QWidget

from napari_dpvae.data.keys import RADIUS, STATUS
from napari_dpvae.viewer.dock.frame_table import FrameTable
from napari_dpvae.viewer.dock.step import follow
from napari_dpvae.viewer.dock.style import column
from napari_dpvae.viewer.state.session import Session


class CellList(QWidget):
    """Barcode, type, status and radius of each placed cell; a click goes to the cell.

    Parameters
    ----------
    session
        Whose placed cells they are.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.table = FrameTable("type a part of a barcode, type or status")
        self.table.view.setToolTip("A click brings the cell to the middle of the view.")
        self.table.chosen.connect(lambda row: session.selection.visit(int(row.name)))
        self.setLayout(column(self.table))
        self._looked_at = False
        follow(self, session.placed_changed, self._list)
        follow(self, session.selection.grouped, self._list)

    @property
    def looked_at(self) -> bool:
        """Whether the list is unfolded: a million cells are listed only when it is."""
        return self._looked_at

    @looked_at.setter
    def looked_at(self, looked_at: bool) -> None:
        self._looked_at = looked_at
        self._list()

    def _list(self) -> None:
        placed = self._session.placed if self._looked_at else None
        if placed is None:
            self.table.show_frame(pd.DataFrame({"cell": []}))
            return
        frame = pd.DataFrame({"cell": placed.obs_names})
        # A column that says the same of all cells tells none from another.
        kinds = [
            name
            for name in placed.obs
            if placed.obs[name].dtype == "category" and placed.obs[name].nunique() > 1
        ]
        for name in [*(kind for kind in kinds if kind != STATUS), STATUS, RADIUS]:
            if name in placed.obs:
                frame[str(name).removeprefix("dpvae_")] = placed.obs[name].to_numpy()
        self.table.show_frame(frame)
