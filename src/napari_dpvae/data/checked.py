"""What is handed over in memory: its genes alone, checked once, before any work."""

from __future__ import annotations

from typing import NamedTuple

import anndata as ad

from napari_dpvae.data.checks import check_query, check_reference
from napari_dpvae.data.counts import tell_of_counts
from napari_dpvae.data.formats.modalities import genes_alone
from napari_dpvae.data.nesting import check_nesting


class Checked(NamedTuple):
    """Cells that one of these functions gave: a window takes them without a second look.

    Every value is looked at, which takes seconds for a million cells: a thread does that.
    """

    cells: ad.AnnData


def checked_reference(reference: ad.AnnData, section_key: str | None = None) -> ad.AnnData:
    """A reference's genes: itself where it has no other features.

    Parameters and errors are those of :func:`napari_dpvae.data.checks.check_reference`. Counts that
    are elsewhere than in ``X`` are told of.
    """
    check_nesting(reference, "The reference")
    reference = genes_alone(reference, "The reference")
    check_reference(reference, section_key)
    tell_of_counts(reference, "The reference")
    return reference


def checked_query(query: ad.AnnData, *, values: bool = True) -> ad.AnnData:
    """A query's genes: itself where it has no other features.

    Parameters and errors are those of :func:`napari_dpvae.data.checks.check_query`. Counts that are
    elsewhere than in ``X`` are told of.
    """
    check_nesting(query, "The query")
    query = genes_alone(query, "The query")
    check_query(query, values=values)
    if values:
        tell_of_counts(query, "The query")
    return query
