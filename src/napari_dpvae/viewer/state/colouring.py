"""What colours the cells: a gene or a column of ``obs``, its limits and its colormap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import anndata as ad
from psygnal import Signal

from napari_dpvae.colours.scale import USUAL, Limits
from napari_dpvae.errors import DataError

COLORMAPS = ("viridis", "magma", "inferno", "plasma", "cividis", "turbo", "gray")
MOST_RECENT = 12
"""Genes that are remembered as recent."""


class Colouring:
    """What colours the cells; each property can be set, and ``changed`` follows.

    Parameters
    ----------
    data
        Gives the data that are on show, the reference first.
    """

    changed = Signal()

    def __init__(self, data: Callable[[], Sequence[ad.AnnData]]) -> None:
        self._data = data
        self._gene: str | None = None
        self._column: str | None = None
        self._colormap = COLORMAPS[0]
        self._limits: dict[str | None, Limits] = {}
        self._hidden: dict[str, frozenset[str]] = {}
        self._markers: tuple[str, ...] = ()
        self.recent: list[str] = []
        self.drawn = (0.0, 1.0)
        """Ends of the colour scale in the values' unit, as told by what draws."""

    @property
    def gene(self) -> str | None:
        """The gene that colours spots and cells; setting it lets go of the column.

        Raises
        ------
        DataError
            When set to a gene that was measured nowhere.
        """
        return self._gene

    @gene.setter
    def gene(self, gene: str | None) -> None:
        if gene is not None:
            if not any(gene in cells.var_names for cells in self._data()):
                raise DataError(
                    f"Neither the reference nor the placed cells have the gene '{gene}'."
                )
            self.recent = [gene, *(other for other in self.recent if other != gene)][:MOST_RECENT]
        self._gene, self._column = gene, None
        self.changed.emit()

    @property
    def column(self) -> str | None:
        """The column of ``obs`` that colours spots and cells; setting it lets go of the gene.

        Raises
        ------
        DataError
            When set to a column that is nowhere.
        """
        return self._column

    @column.setter
    def column(self, column: str | None) -> None:
        if column is not None and not any(column in cells.obs for cells in self._data()):
            raise DataError(
                f"Neither the reference nor the placed cells have the obs column '{column}'."
            )
        self._gene, self._column = None, column
        self.changed.emit()

    @property
    def shown(self) -> str | None:
        """The gene or the column, whichever colours."""
        return self._gene or self._column

    @property
    def colormap(self) -> str:
        """The colormap of numbers, by napari's name."""
        return self._colormap

    @colormap.setter
    def colormap(self, colormap: str) -> None:
        self._colormap = colormap
        self.changed.emit()

    @property
    def limits(self) -> Limits:
        """The ends of the colour scale; kept for each gene and column."""
        return self._limits.get(self.shown, USUAL)

    @limits.setter
    def limits(self, limits: Limits | tuple[float, float]) -> None:
        limits = limits if isinstance(limits, Limits) else Limits(*limits, percentiles=False)
        if not limits.low < limits.high:
            raise DataError(f"The limits {limits.low} to {limits.high} must rise.")
        self._limits[self.shown] = limits
        self.changed.emit()

    @property
    def hidden(self) -> frozenset[str]:
        """Categories of the column that are not drawn; kept for each column."""
        return self._hidden.get(self._column or "", frozenset())

    @hidden.setter
    def hidden(self, hidden: Iterable[str]) -> None:
        if self._column is not None:
            self._hidden[self._column] = frozenset(hidden)
            self.changed.emit()

    @property
    def markers(self) -> tuple[str, ...]:
        """A list of genes to go through; those that were measured nowhere are left out."""
        return self._markers

    @markers.setter
    def markers(self, genes: Iterable[str]) -> None:
        data = self._data()
        known = dict.fromkeys(g for g in genes if any(g in cells.var_names for cells in data))
        self._markers = tuple(known)
        self.changed.emit()
