"""Content under a title that shows and hides it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QToolButton, QWidget

from napari_dpvae.viewer.dock.style import column, row


class Fold(QWidget):
    """Content under a title that shows and hides it.

    Parameters
    ----------
    title
        What is under it.
    content
        Shown while unfolded.
    unfolded
        How it begins.
    """

    def __init__(self, title: str, content: QWidget, *, unfolded: bool) -> None:
        super().__init__()
        self.title = QToolButton()
        self.title.setText(title)
        self.title.setToolTip("Show or hide what is under this title.")
        self.title.setCheckable(True)
        self.title.setChecked(unfolded)
        self.title.setAutoRaise(True)
        self.title.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.title.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.title.toggled.connect(self._set_unfolded)
        self.header = row(self.title, spacing=6)
        self.header.setAlignment(self.title, Qt.AlignmentFlag.AlignLeft)
        self.content = content
        self.setLayout(column(self.header, content, spacing=2))
        self._set_unfolded(unfolded)

    @property
    def unfolded(self) -> bool:
        """Whether the content is shown."""
        return self.title.isChecked()

    @unfolded.setter
    def unfolded(self, unfolded: bool) -> None:
        self.title.setChecked(unfolded)

    def _set_unfolded(self, unfolded: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if unfolded else Qt.ArrowType.RightArrow
        self.title.setArrowType(arrow)
        self.content.setVisible(unfolded)
