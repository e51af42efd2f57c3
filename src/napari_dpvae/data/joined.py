"""Several references as one of several sections."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import anndata as ad
import numpy as np

from napari_dpvae.data.gene_names import FEWEST, match_genes, report_match
from napari_dpvae.data.images import libraries
from napari_dpvae.data.keys import SECTION, SPATIAL
from napari_dpvae.data.paths import as_path
from napari_dpvae.data.values import COUNTS, WORDS, expression_kind
from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)

NO_NAMES = ("outs", "spatial", "binned_outputs")
"""Names of folders that say nothing of what is in them."""


def joined(sections: Sequence[ad.AnnData], names: Sequence[str]) -> ad.AnnData:
    """One reference, whose ``obs["section"]`` names the part that each spot is of.

    Genes are those that all have, named as the first names them.

    Parameters
    ----------
    sections
        References, each of one section.
    names
        Of the sections, each another.

    Raises
    ------
    DataError
        When they are in different units or dimensions, or share hardly any genes.
    """
    first = sections[0]
    _check_alike(sections, names)
    alike = [first]
    for other in sections[1:]:
        other, match = match_genes(first.var_names, other, reference_var=first.var)
        report_match(match)
        alike.append(other)
    found = ad.concat(
        dict(zip(names, alike, strict=True)),
        label=SECTION,
        index_unique=None if _are_unique(alike) else "-",
    )
    most = max(part.n_vars for part in sections)
    if found.n_vars < FEWEST:
        raise DataError(
            f"Only {found.n_vars} genes are shared by the sections {', '.join(names)}: check that "
            "all name genes alike and are of one species."
        )
    if found.n_vars < most:
        logger.warning(
            "%d sections share %s genes; others, up to %s in one of them, are left out.",
            len(sections),
            f"{found.n_vars:,}",
            f"{most - found.n_vars:,}",
        )
    found.var = first.var.loc[found.var_names].copy()
    images = {
        name if i == 0 else f"{name} {library}": entry
        for name, part in zip(names, alike, strict=True)
        for i, (library, entry) in enumerate(libraries(part).items())
    }
    if images:
        found.uns[SPATIAL] = images
    return found


def section_names(paths: Sequence[str | Path]) -> list[str]:
    """What each file or folder is called, with a number where two are called alike."""
    names: list[str] = []
    for path in paths:
        whole = as_path(path).absolute()
        while whole.name in NO_NAMES:
            whole = whole.parent
        name = whole.name.split(".")[0] or whole.name
        numbered = (f"{name} {i}" for i in count(2))
        names.append(name if name not in names else next(n for n in numbered if n not in names))
    return names


def _check_alike(sections: Sequence[ad.AnnData], names: Sequence[str]) -> None:
    """Refuse sections that cannot be compared."""
    dimensions = [np.shape(part.obsm[SPATIAL])[1] for part in sections]
    kinds = [expression_kind(part.X) for part in sections]
    for name, n, kind in zip(names[1:], dimensions[1:], kinds[1:], strict=True):
        if n != dimensions[0]:
            raise DataError(
                f"The section {name} has {n} coordinates a spot and {names[0]} {dimensions[0]}: "
                "give all as slices, or all as volumes."
            )
        if kind != kinds[0] and not {kind, kinds[0]} <= set(COUNTS):
            raise DataError(
                f"The section {name} holds {WORDS[kind]} and {names[0]} {WORDS[kinds[0]]}: give "
                "raw counts of all."
            )


def _are_unique(parts: Sequence[ad.AnnData]) -> bool:
    names = [name for part in parts for name in part.obs_names]
    return len(set(names)) == len(names)
