"""The genes that are blended with the one that is chosen, and which colour each has."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from matplotlib.colors import to_hex
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_dpvae.colours.blend import MOST, gene_colours
from napari_dpvae.errors import DataError
from napari_dpvae.viewer.dock.explore.gene_box import GeneBox
from napari_dpvae.viewer.dock.style import column, note, row
from napari_dpvae.viewer.state.colouring import Colouring

NARROWEST = 60
"""Two boxes must not make the dock wider."""


class BlendRow(QWidget):
    """A box for each further gene; emptied, the first is shown alone again.

    Parameters
    ----------
    colouring
        Whose genes they are.
    """

    refused = Signal(str)

    def __init__(self, colouring: Colouring) -> None:
        super().__init__()
        self._colouring = colouring
        self.boxes = [GeneBox() for _ in range(MOST - 1)]
        for box in self.boxes:
            box.setMinimumWidth(NARROWEST)
            box.setPlaceholderText("another gene")
            box.setToolTip(
                "Shown together with the gene above: each has a colour, and these add up. Limits "
                "are those that each gene has when it is shown alone."
            )
            box.chosen.connect(self._take)
            box.refused.connect(self.refused)
        self.legend = note()
        self.setLayout(column(row(*self.boxes), self.legend))

    def set_names(self, names: Sequence[str]) -> None:
        """The genes to choose from."""
        for box in self.boxes:
            box.set_names(names)

    def refresh(self) -> None:
        """Show the genes that are blended, and their colours."""
        genes = self._colouring.genes
        others = [*genes[1:], *[None] * len(self.boxes)]
        for box, gene in zip(self.boxes, others, strict=False):
            box.show_gene(gene)
        self.legend.setVisible(bool(genes))
        parts = gene_colours(genes).items() if genes else ()
        self.legend.setText(
            " · ".join(
                f'<span style="color:{to_hex(tuple(rgba))}">●</span>&nbsp;{escape(gene)} ({name})'
                for gene, (name, rgba) in parts
            )
        )

    def _take(self) -> None:
        named = [self._colouring.gene, *(box.text() for box in self.boxes)]
        genes = list(dict.fromkeys(gene for gene in named if gene))
        try:
            if len(genes) == 1 and self._colouring.gene is None:
                self._colouring.gene = genes[0]
            else:
                self._colouring.genes = genes if len(genes) > 1 else ()
        except DataError as error:
            self.refused.emit(str(error))
