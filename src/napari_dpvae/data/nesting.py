"""How deep ``uns`` is nested: what holds itself has no end, for whoever goes through it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad

from napari_dpvae.errors import DataError

DEEPEST = 50
"""Mappings within each other; files are read to somewhat more."""


def check_nesting(cells: Any, what: str) -> None:
    """Refuse ``uns`` that holds itself, or is nested deeper than files are read.

    Parameters
    ----------
    cells
        Anything; only an AnnData is looked at.
    what
        Whose, for the sentence.

    Raises
    ------
    DataError
        With the entry to remove.
    """
    if isinstance(cells, ad.AnnData):
        _check(cells.uns, "uns", what, (), set())


def _check(
    entry: Mapping[Any, Any], where: str, what: str, above: tuple[int, ...], whole: set[int]
) -> None:
    """Go down once: what was seen to its end (whole) is fine wherever else it stands."""
    if id(entry) in above:
        raise DataError(f"{what} has an entry {where} that holds itself: remove it.")
    if len(above) > DEEPEST:
        raise DataError(
            f"{what} has an entry of uns that is nested {DEEPEST} times and more ({where[:60]}…): "
            "remove it."
        )
    if id(entry) in whole:
        return
    for key, inner in entry.items():
        if isinstance(inner, Mapping):
            _check(inner, f"{where}['{key}']", what, (*above, id(entry)), whole)
    whole.add(id(entry))
