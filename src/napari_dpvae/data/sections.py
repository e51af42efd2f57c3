"""Which columns of a reference can name the section of each spot."""

from __future__ import annotations

import anndata as ad
import pandas as pd

from napari_dpvae.data.checks import FEWEST_SPOTS
from napari_dpvae.data.images import libraries

WORDS = ("section", "library", "slice", "slide", "sample", "replicate", "bregma", "batch", "animal")
"""What such a column is called, the likeliest first."""
MOST_SECTIONS = 100


def section_columns(reference: ad.AnnData) -> list[str]:
    """Columns of ``obs`` that may name sections, the likeliest first; empty for a single section.

    A column that names the libraries of ``uns["spatial"]`` comes before all others.

    Parameters
    ----------
    reference
        Spots by genes.
    """
    names = set(libraries(reference))
    ranked = []
    for name in reference.obs:
        rank = _rank(str(name), reference.obs[name], names)
        if rank is not None:
            ranked.append((rank, str(name)))
    return [name for _, name in sorted(ranked)]


def _rank(name: str, column: pd.Series, images: set[str]) -> int | None:
    """0 for the likeliest; None for a column that cannot be one."""
    sizes = column.value_counts()
    sizes = sizes[sizes > 0]
    if column.isna().any() or not 2 <= len(sizes) <= MOST_SECTIONS or sizes.min() < FEWEST_SPOTS:
        return None
    if set(sizes.index.astype(str)) <= images:
        return 0
    return next((1 + i for i, word in enumerate(WORDS) if word in name.lower()), None)
