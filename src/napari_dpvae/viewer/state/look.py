"""How the cells are shown: arrangement, uncertainty, status."""

from __future__ import annotations

from typing import Literal

from psygnal import EventedModel
from pydantic import ConfigDict, Field

from napari_dpvae.uncertainty.status import STATUSES

Arrangement = Literal["overlaid", "side by side"]
Uncertainty = Literal["not shown", "as size", "as opacity"]
Regions = Literal["not shown", "of the cell under the pointer", "of selected cells"]


class Look(EventedModel):
    """How the cells are shown; ``events`` has a signal for each field, and one for all."""

    model_config = ConfigDict(validate_assignment=True)

    arrangement: Arrangement = Field(
        default="overlaid",
        description="Reference and placed cells on the same tissue, or beside each other.",
    )
    uncertainty: Uncertainty = Field(
        default="not shown",
        description="The less sure a cell's place, the smaller or fainter it is drawn.",
    )
    regions: Regions = Field(
        default="not shown",
        description="Outline the region that holds a cell with the stated probability.",
    )
    statuses: frozenset[str] = Field(
        default=frozenset(STATUSES), description="Draw placed cells of these kinds alone."
    )
