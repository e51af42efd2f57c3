"""The reference's spots or the placed cells, as they stand in the viewer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import NamedTuple

import anndata as ad
import numpy as np
from napari.layers import Layer, Points, Surface
from qtpy.QtCore import QTimer

from napari_dpvae.colours.categories import category_codes, is_numeric
from napari_dpvae.colours.scale import Expression
from napari_dpvae.data.keys import RADIUS, STATUS
from napari_dpvae.data.values import n_stored
from napari_dpvae.figure.marks import Uncertainty, sureness
from napari_dpvae.uncertainty.status import OUTSIDE
from napari_dpvae.viewer.canvas.background import in_background
from napari_dpvae.viewer.canvas.discs import Discs
from napari_dpvae.viewer.canvas.facets import Facets
from napari_dpvae.viewer.canvas.layers import LayerData
from napari_dpvae.viewer.canvas.marks import Marks
from napari_dpvae.viewer.state.colouring import Colouring
from napari_dpvae.viewer.state.look import Look

PLAIN = np.array([0.62, 0.71, 0.78, 1.0])
"""The colour of cells that show nothing."""
AT_ONCE = 2_000_000
"""Values of expression that are sorted in less time than a person notices."""
DRAWN_MS = 500
"""In which the cells are drawn first: drawing by software takes all cores."""


class Numbers(NamedTuple):
    """What colours a set of cells on a scale."""

    values: np.ndarray
    unit: str


class Cells:
    """A set of cells with the layers that show it; the last of these has a mark for each cell.

    Parameters
    ----------
    adata
        Spots or placed cells.
    data
        Its layers.
    """

    def __init__(self, adata: ad.AnnData, data: Sequence[LayerData]) -> None:
        self.adata = adata
        self.layers = [Layer.create(*entry) for entry in data]
        self._expression: Expression | None = None
        strangers = np.zeros(adata.n_obs, bool)
        if STATUS in adata.obs:
            strangers = (adata.obs[STATUS] == OUTSIDE).to_numpy()
        self.marks = _marks(self.layers[-1], strangers)
        self._uncertainty: Uncertainty = "not shown"

    def read_expression(self, then: Callable[[], None]) -> None:
        """Sort the expression by gene: at once, or in the background when it is much.

        Parameters
        ----------
        then
            Called when genes can be shown.
        """

        def keep(expression: Expression) -> None:
            self._expression = expression
            then()

        if n_stored(self.adata.X) <= AT_ONCE:
            keep(Expression(self.adata))
            return
        read = partial(in_background, Expression, self.adata, then=keep)
        QTimer.singleShot(DRAWN_MS, read)

    @property
    def reading(self) -> bool:
        """Whether no gene can be shown yet."""
        return self._expression is None

    def numbers(self, gene: str | None, column: str | None) -> Numbers | None:
        """The values of a gene, or of a column with numbers; None where there are none."""
        if gene is not None:
            if self._expression is None:
                return None
            found = self._expression.values(gene)
            return None if found is None else Numbers(*found)
        if column is None or column not in self.adata.obs:
            return None
        held = self.adata.obs[column]
        return Numbers(held.to_numpy(float), column) if is_numeric(held) else None

    def codes(self, column: str, names: Sequence[str]) -> np.ndarray:
        """(n,) the place of each cell's category among the names; -1 where it has none."""
        if column not in self.adata.obs:
            return np.full(self.adata.n_obs, -1)
        return category_codes(self.adata.obs[column], names)

    def describe(self, cell: int, colouring: Colouring, unit: str) -> str:
        """What is known of a cell, in lines: barcode, type, value, status, radius."""
        obs = self.adata.obs
        lines = [f"<b>{escape(str(self.adata.obs_names[cell]))}</b>"]
        kind = next(
            (name for name in obs if name != STATUS and obs[name].dtype == "category"), None
        )
        for column in dict.fromkeys((kind, colouring.column)):
            if column in obs and column not in (STATUS, RADIUS):
                lines.append(f"{escape(str(column))}: {escape(str(obs[column].iloc[cell]))}")
        for gene in colouring.genes or (colouring.gene,):
            own = self.numbers(gene, None)
            if own is not None:
                lines.append(f"{escape(str(gene))}: {own.values[cell]:.3g}")
        if STATUS in obs:
            lines.append(str(obs[STATUS].iloc[cell]))
        if RADIUS in obs:
            lines.append(f"radius {obs[RADIUS].iloc[cell]:.4g} {unit}")
        return "<br>".join(lines)

    def paint_plain(self) -> None:
        """One colour for all."""
        self.marks.paint_classes(np.zeros(self.adata.n_obs, int), PLAIN[None])

    def with_status(self, look: Look) -> np.ndarray:
        """(n,) bool: cells whose status is to be drawn."""
        if STATUS not in self.adata.obs:
            return np.ones(self.adata.n_obs, bool)
        return self.adata.obs[STATUS].isin(look.statuses).to_numpy(copy=True)

    def weigh(self, uncertainty: Uncertainty) -> bool:
        """Size and opacity after the radius; tells whether the colours must be painted again."""
        if uncertainty == self._uncertainty or RADIUS not in self.adata.obs:
            return False
        before, self._uncertainty = self._uncertainty, uncertainty
        sure = sureness(self.adata)
        if "as size" in (before, uncertainty):
            self.marks.resize(sure if uncertainty == "as size" else np.ones_like(sure))
        self.marks.opacity = sure if uncertainty == "as opacity" else None
        return "as opacity" in (before, uncertainty)


def _marks(layer: Layer, strangers: np.ndarray) -> Marks[Points] | Marks[Surface]:
    return (Discs if isinstance(layer, Points) else Facets)(layer, strangers)
