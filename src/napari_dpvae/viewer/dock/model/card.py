"""The model's card: what it was trained on, when, on which genes, and how good it is."""

from __future__ import annotations

from qtpy.QtWidgets import QApplication, QTextBrowser, QToolButton

from napari_dpvae.dpvae import DPVAE
from napari_dpvae.model.card import model_card
from napari_dpvae.viewer.dock.fold import Fold


class ModelCard(Fold):
    """The card to read and, by one button, to copy as Markdown."""

    def __init__(self) -> None:
        self.text = QTextBrowser()
        self.text.setFixedHeight(220)
        super().__init__("model card", self.text, unfolded=False)
        self.copy = QToolButton()
        self.copy.setText("Copy")
        self.copy.setToolTip("Copy the card as Markdown.")
        self.copy.clicked.connect(self._copy)
        self.header.addStretch(1)
        self.header.addWidget(self.copy)
        self._markdown = ""
        self.hide()

    def show_model(self, model: DPVAE | None) -> None:
        """Show a model's card, or nothing."""
        self.setVisible(model is not None)
        self._markdown = model_card(model) if model is not None else ""
        self.text.setMarkdown(self._markdown)

    def _copy(self) -> None:
        QApplication.clipboard().setText(self._markdown)
