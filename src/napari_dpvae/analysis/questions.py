"""The questions that can be asked, in words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import anndata as ad

from napari_dpvae.analysis.cells import Answer
from napari_dpvae.analysis.genes import spatial_genes
from napari_dpvae.analysis.over_draws import at_likeliest_spots, with_interval
from napari_dpvae.analysis.types import co_occurrence, neighbourhoods, signals


class Question(NamedTuple):
    """Something to ask of placed cells."""

    name: str
    help: str
    ask: Callable[[ad.AnnData, str | None], Answer]
    of_types: bool
    """Whether it asks about cell types, and needs to know their column."""
    value: str = ""
    """Column of its answer that has an interval over draws of the places; none if empty."""
    rows: tuple[str, ...] = ()
    """Columns that tell what a row is of."""

    def answer(self, placed: ad.AnnData, column: str | None) -> Answer:
        """What it asks, and where there are draws of the places how far their doubt changes it.

        Which types are together is asked of the likeliest spots, where there are any: estimates
        bunch, and bring types together that are not.
        """
        ask = partial(at_likeliest_spots, self.ask) if self.of_types else self.ask
        if not self.value:
            return ask(placed, column)
        return with_interval(ask, self.value, list(self.rows), placed, column)


QUESTIONS = (
    Question(
        "Which genes are spatial?",
        "Moran's I of every gene over the placed cells: 1 where neighbours are alike. Genes in the "
        "panel placed the cells: that these are spatial says nothing.",
        spatial_genes,
        False,
        "I",
        ("gene",),
    ),
    Question(
        "Which types are neighbours?",
        "Neighbourhood enrichment: how often types lie beside each other, against shuffled types. "
        "Cells whose place is in doubt count less.",
        neighbourhoods,
        True,
        "z",
        ("type", "beside"),
    ),
    Question(
        "Which types occur together?",
        "Co-occurrence: how much likelier a type is near another, by distance.",
        co_occurrence,
        True,
    ),
    Question(
        "Which types signal to each other?",
        "Well-known ligand-receptor pairs between neighbouring cells, against shuffled places. "
        "Cells that are near, and whose place is sure, count more.",
        signals,
        True,
        "mean",
        ("ligand", "receptor", "from", "to"),
    ),
)
