"""Find a gene by typing a part of its name."""

from __future__ import annotations

from collections.abc import Sequence

from napari.qt import get_current_stylesheet
from qtpy.QtCore import QStringListModel, Qt, Signal
from qtpy.QtGui import QFocusEvent, QKeyEvent
from qtpy.QtWidgets import QCompleter, QLineEdit, QListView

LIST_WIDTH = 150
AWAY_FOR_A_MOMENT = (
    Qt.FocusReason.PopupFocusReason,
    Qt.FocusReason.ActiveWindowFocusReason,
    Qt.FocusReason.MenuBarFocusReason,
)


def matching(names: Sequence[str], part: str) -> list[str]:
    """Names that hold a part, whatever its case: the same first, then those that begin with it."""
    wanted = part.strip().lower()
    hits = [name for name in names if wanted in name.lower()]
    return sorted(
        hits, key=lambda name: (name.lower() != wanted, not name.lower().startswith(wanted))
    )


class GeneBox(QLineEdit):
    """A line that lists matching genes while one types; Enter takes the first."""

    chosen = Signal(str)
    refused = Signal(str)
    """Why what was typed is no gene."""

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []
        self._gene = ""
        self._hits = QStringListModel(self)
        self.list = QListView()
        # All rows are alike: without this Qt measures each of 30,000.
        self.list.setUniformItemSizes(True)
        self.list.setMinimumWidth(LIST_WIDTH)
        self._completer = QCompleter(self._hits, self)
        self._completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self._completer.setPopup(self.list)
        self._completer.setWidget(self)
        self._completer.activated.connect(self._take)
        self.setPlaceholderText("type a part of a gene's name")
        self.setClearButtonEnabled(True)
        self.textEdited.connect(self.suggest)
        self.returnPressed.connect(self._take_first)

    def set_names(self, names: Sequence[str]) -> None:
        """The genes to choose from."""
        self._names = list(names)

    def show_gene(self, gene: str | None) -> None:
        """The gene that is on show."""
        self._gene = gene or ""
        self.setText(self._gene)

    @property
    def hits(self) -> list[str]:
        """What is listed."""
        return self._hits.stringList()

    def suggest(self, part: str) -> None:
        """List the genes that hold a part."""
        self._hits.setStringList(matching(self._names, part))
        self._completer.complete()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Down opens the list; Escape brings back the gene on show."""
        if event.key() == Qt.Key.Key_Down:
            self.suggest("" if self.text() == self._gene else self.text())
        elif event.key() == Qt.Key.Key_Escape:
            self.setText(self._gene)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Typing replaces the gene."""
        super().focusInEvent(event)
        # Qt makes the list a window of its own, which has no part in the theme of this one.
        self.list.setStyleSheet(get_current_stylesheet())
        self.selectAll()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """What was typed and not taken is not on show."""
        super().focusOutEvent(event)
        if event.reason() not in AWAY_FOR_A_MOMENT:
            self.setText(self._gene)

    def _take_first(self) -> None:
        found = matching(self._names, self.text())
        if not self.text().strip():
            self._take("")
        elif found:
            self._take(found[0])
        else:
            self.refused.emit(f"No gene here has '{self.text().strip()}' in its name: try another.")

    def _take(self, gene: str) -> None:
        self.show_gene(gene)
        self.chosen.emit(gene)
