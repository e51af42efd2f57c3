"""Which placed cells are selected, and the groups that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import anndata as ad
import numpy as np
import pandas as pd
from psygnal import Signal

from napari_dpvae.errors import DataError
from napari_dpvae.viewer.state.observed import brief, observed

GROUP = "group"
"""Column of ``obs`` of the placed cells that names their group."""


class Selection:
    """The placed cells that are selected; ``changed`` follows when it is set.

    Groups are kept in the column ``group`` of the placed cells' ``obs``, so that they are saved
    with them; ``grouped`` follows when they change. ``drawing`` asks for a drawing around cells,
    and ``visited`` for a look at one.

    Parameters
    ----------
    placed
        Gives the placed cells.
    """

    changed = Signal(object)
    grouped = Signal()
    drawing = Signal()
    visited = Signal(int)

    def __init__(self, placed: Callable[[], ad.AnnData | None]) -> None:
        self._placed = placed
        self._past: list[pd.Series] = []

    @observed(np.empty(0, int), repeats=False)
    def cells(self, cells: Iterable[int]) -> np.ndarray:
        """(k,) numbers of the selected cells.

        Raises
        ------
        DataError
            When a number is no placed cell's.
        """
        try:
            chosen = np.unique(np.fromiter(cells, int))
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"{brief(cells)} are no cells: give their numbers, from 0.") from error
        placed = self._placed()
        n = 0 if placed is None else placed.n_obs
        if len(chosen) and not 0 <= chosen[0] <= chosen[-1] < n:
            raise DataError(
                f"There are {n:,} placed cells: cells {chosen[0]} to {chosen[-1]} cannot be "
                f"selected, their numbers go from 0 to {n - 1}."
                if n
                else "There are no placed cells to select: place some first."
            )
        return chosen

    def draw(self) -> None:
        """Let a person draw around cells: those within are selected then."""
        self.drawing.emit()

    def visit(self, cell: int) -> None:
        """Select a cell, given by its number, and bring it to the middle of the view."""
        self.cells = [cell]
        self.visited.emit(cell)

    def name(self, group: str) -> None:
        """Put the selected cells into a group; a cell is in one group at most.

        Raises
        ------
        DataError
            When no cell is selected, or the name is empty.
        """
        placed, group = self._placed(), group.strip()
        if placed is None or not len(self.cells):
            raise DataError("No placed cell is selected: draw around some first.")
        if not group:
            raise DataError("A group needs a name.")
        groups = self._groups(placed)
        self._past.append(groups.copy())
        groups.iloc[self.cells] = group
        self._put(placed, groups)

    @property
    def can_undo(self) -> bool:
        """Whether groups were made of these cells that can be taken back."""
        return bool(self._past)

    def undo(self) -> None:
        """Bring the groups back as they were before the last change, if there was one."""
        placed = self._placed()
        if placed is not None and self._past:
            self._put(placed, self._past.pop())

    def forget(self) -> None:
        """Other cells are placed: what was selected and changed among those before is past."""
        self._past.clear()
        self.cells = ()

    def dissolve(self, group: str) -> None:
        """Take a group away; its cells stay."""
        placed = self._placed()
        if placed is not None and GROUP in placed.obs:
            groups = self._groups(placed)
            self._past.append(groups)
            self._put(placed, groups.where(groups != group))

    def _put(self, placed: ad.AnnData, groups: pd.Series) -> None:
        if groups.notna().any():
            placed.obs[GROUP] = groups.astype("category")
        else:
            del placed.obs[GROUP]
        self.grouped.emit()

    @staticmethod
    def _groups(placed: ad.AnnData) -> pd.Series:
        if GROUP in placed.obs:
            return placed.obs[GROUP].astype(object)
        return pd.Series(None, index=placed.obs_names, dtype=object)
