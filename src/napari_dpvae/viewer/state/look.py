"""How the cells are shown: arrangement, uncertainty, status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

from psygnal import Signal

from napari_dpvae.errors import DataError
from napari_dpvae.figure.marks import Places, Uncertainty
from napari_dpvae.uncertainty.status import STATUSES
from napari_dpvae.viewer.state.observed import brief, choice, observed

Arrangement = Literal["overlaid", "side by side"]
Regions = Literal["not shown", "of the cell under the pointer", "of selected cells"]
CHOICES = {
    "arrangement": Arrangement,
    "uncertainty": Uncertainty,
    "regions": Regions,
    "places": Places,
}


class Look:
    """How the cells are shown; setting what is not a choice raises a DataError."""

    unhurried = False
    """Whether images may come after their cells, one by one."""

    arrangement_changed = Signal(str)
    uncertainty_changed = Signal(str)
    regions_changed = Signal(str)
    places_changed = Signal(str)
    statuses_changed = Signal(object)

    @observed("overlaid", repeats=False)
    def arrangement(self, arrangement: str) -> Arrangement:
        """Reference and placed cells on the same tissue, or beside each other."""
        return choice(Arrangement, arrangement)

    @observed("not shown", repeats=False)
    def uncertainty(self, uncertainty: str) -> Uncertainty:
        """The less sure a cell's place, the smaller or fainter it is drawn."""
        return choice(Uncertainty, uncertainty)

    @observed("not shown", repeats=False)
    def regions(self, regions: str) -> Regions:
        """Outline the region that holds a cell with the stated probability."""
        return choice(Regions, regions)

    @observed("estimates", repeats=False)
    def places(self, places: str) -> Places:
        """Each cell at the mean of where it may be, or all spread as a tissue is."""
        return choice(Places, places)

    @observed(frozenset(STATUSES), repeats=False)
    def statuses(self, statuses: Iterable[str]) -> frozenset[str]:
        """Draw placed cells of these kinds alone."""
        wanted = list(statuses) if isinstance(statuses, Iterable) else [statuses]
        if not all(isinstance(kind, str) and kind in STATUSES for kind in wanted):
            raise DataError(
                f"{brief(statuses)} are no kinds of cells: choose of {', '.join(STATUSES)}."
            )
        return frozenset(wanted)

    @contextmanager
    def unhurriedly(self) -> Iterator[None]:
        """Where a person waits for a window, which stands still for each image that is put up."""
        self.unhurried = True
        try:
            yield
        finally:
            self.unhurried = False
