"""How the cells are shown: arrangement, uncertainty, status."""

from __future__ import annotations

from typing import Any, get_args

from magicgui.widgets import ComboBox, Container, create_widget
from qtpy.QtWidgets import QPushButton, QWidget
from superqt.utils import signals_blocked

from napari_dpvae.data.keys import STATUS
from napari_dpvae.uncertainty.status import STATUSES
from napari_dpvae.viewer.dock.style import elastic, row
from napari_dpvae.viewer.state.look import CHOICES, Look
from napari_dpvae.viewer.state.session import Session

SAYS = {
    "placed": "Their region is smaller than half of the tissue.",
    "uncertain": "Their region is so wide that it tells little.",
    "outside": "Their expression has no home in the reference: grey crosses.",
}


def look_form(look: Look) -> Container[Any]:
    """A choice for each field that has one, in step with the look both ways."""
    rows = []
    for name, kind in CHOICES.items():
        options = {"tooltip": getattr(Look, name).__doc__, "choices": get_args(kind)}
        box = create_widget(getattr(look, name), name=name, widget_type=ComboBox, options=options)
        box.changed.connect_setattr(look, name, maxargs=1)
        elastic(box.native)
        rows.append(box)
    return Container(widgets=rows, labels=False)


class StatusRow(QWidget):
    """Which kinds of placed cells are drawn, with how many there are of each.

    Parameters
    ----------
    session
        Whose placed cells they are.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.boxes = {status: QPushButton() for status in STATUSES}
        for status, box in self.boxes.items():
            box.setToolTip(f"Draw these cells. {SAYS[status]}")
            box.setCheckable(True)
            box.toggled.connect(self._take)
        self.setLayout(row(*self.boxes.values(), spacing=2))
        self.refresh()

    def refresh(self) -> None:
        """Show how many there are and which are drawn."""
        placed = self._session.placed
        known = placed is not None and STATUS in placed.obs
        counts = placed.obs[STATUS].value_counts() if placed is not None and known else {}
        for status, box in self.boxes.items():
            with signals_blocked(box):
                box.setText(f"{status} {counts.get(status, 0):,}" if known else status)
                box.setEnabled(bool(counts.get(status, 0)))
                box.setChecked(status in self._session.look.statuses)

    def _take(self) -> None:
        self._session.look.statuses = frozenset(
            status for status, box in self.boxes.items() if box.isChecked()
        )
