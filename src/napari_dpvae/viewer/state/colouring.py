"""What colours the cells: a gene or a column of ``obs``, its limits and its colormap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import anndata as ad
from psygnal import Signal

from napari_dpvae.colours.blend import blendable
from napari_dpvae.colours.scale import USUAL, Limits
from napari_dpvae.data.features import has_feature
from napari_dpvae.errors import DataError
from napari_dpvae.viewer.state.observed import brief, observed

COLORMAPS = ("viridis", "magma", "inferno", "plasma", "cividis", "turbo", "gray")
MOST_RECENT = 12
"""Genes that are remembered as recent."""


class Colouring:
    """What colours the cells; each attribute can be set, and ``changed`` follows.

    Parameters
    ----------
    data
        Gives the data that are on show, the reference first.
    """

    changed = Signal()

    def __init__(self, data: Callable[[], Sequence[ad.AnnData]]) -> None:
        self._data = data
        self._limits: dict[str | None, Limits] = {}
        self._hidden: dict[str, frozenset[str]] = {}
        self._gene: str | None = None
        self._column: str | None = None
        self._genes: tuple[str, ...] = ()
        self.recent: list[str] = []
        self.drawn = (0.0, 1.0)
        """Ends of the colour scale in the values' unit, as told by what draws."""

    @observed(None)
    def gene(self, gene: str | None) -> str | None:
        """The gene that colours spots and cells; setting it lets go of the column and of others.

        Raises
        ------
        DataError
            When set to a gene that was measured nowhere.
        """
        if gene is not None:
            self._check_measured(gene)
            self.recent = [gene, *(other for other in self.recent if other != gene)][:MOST_RECENT]
        self._column, self._genes = None, ()
        return gene

    @observed(())
    def genes(self, genes: Iterable[str]) -> tuple[str, ...]:
        """Two or three genes that are blended, each scaled by its own limits; none: the gene alone.

        Setting them makes the first the gene, and lets go of the column.

        Raises
        ------
        DataError
            When set to one gene, to more than three, or to one that was measured nowhere.
        """
        wanted = blendable(genes)
        if not wanted:
            return ()
        for gene in wanted:
            self._check_measured(gene)
        self._gene, self._column = wanted[0], None
        return wanted

    @observed(None)
    def column(self, column: str | None) -> str | None:
        """The column of ``obs`` that colours spots and cells; setting it lets go of the gene.

        Raises
        ------
        DataError
            When set to a column that is nowhere.
        """
        if column is not None and not self._described(column):
            raise DataError(
                f"Neither the reference nor the placed cells have the obs column {brief(column)}."
            )
        self._gene, self._genes = None, ()
        return column

    @property
    def shown(self) -> str | None:
        """The gene or the column, whichever colours."""
        return self.gene or self.column

    @observed(COLORMAPS[0])
    def colormap(self, colormap: str) -> str:
        """The colormap of numbers, by napari's name.

        Raises
        ------
        DataError
            When napari has none of that name.
        """
        from napari.utils.colormaps import AVAILABLE_COLORMAPS

        if not (isinstance(colormap, str) and colormap in AVAILABLE_COLORMAPS):
            raise DataError(
                f"There is no colormap {brief(colormap)}: take {', '.join(COLORMAPS)} or another "
                "of napari's."
            )
        return colormap

    @observed(())
    def markers(self, genes: Iterable[str]) -> tuple[str, ...]:
        """A list of genes to go through; those that were measured nowhere are left out."""
        return tuple(gene for gene in dict.fromkeys(genes) if self._measured(gene))

    def let_go(self) -> None:
        """Colour by nothing where the data on show have no such gene or column any more."""
        if not all(map(self._measured, self.genes)):
            self.genes = ()
        if self.gene is not None and not self._measured(self.gene):
            self.gene = None
        elif self.column is not None and not self._described(self.column):
            self.column = None

    def _check_measured(self, gene: str) -> None:
        if not self._measured(gene):
            raise DataError(
                f"Neither the reference nor the placed cells have the gene {brief(gene)}."
            )

    def _measured(self, gene: str) -> bool:
        return isinstance(gene, str) and any(has_feature(cells, gene) for cells in self._data())

    def _described(self, column: str) -> bool:
        return isinstance(column, str) and any(column in cells.obs for cells in self._data())

    @property
    def limits(self) -> Limits:
        """The ends of the colour scale; kept for each gene and column."""
        return self.limits_of(self.shown)

    @limits.setter
    def limits(self, limits: Limits | tuple[float, float]) -> None:
        try:
            low, high = map(float, limits[:2])
        except (TypeError, ValueError) as error:
            raise DataError(f"{brief(limits)} are no limits: give two numbers.") from error
        if not low < high:
            raise DataError(f"The limits {low:g} to {high:g} must rise.")
        self._limits[self.shown] = Limits(low, high, getattr(limits, "percentiles", False))
        self.changed.emit()

    def limits_of(self, shown: str | None) -> Limits:
        """Those that are kept for a gene or a column."""
        return self._limits.get(shown, USUAL)

    @property
    def hidden(self) -> frozenset[str]:
        """Categories of the column that are not drawn; kept for each column."""
        return self._hidden.get(self.column or "", frozenset())

    @hidden.setter
    def hidden(self, hidden: Iterable[str]) -> None:
        if self.column is not None:
            self._hidden[self.column] = frozenset(hidden)
            self.changed.emit()
