"""Spots as a query's platform would see them."""

from __future__ import annotations

import numpy as np

from napari_dpvae.expression.aligned import Cells, Totals
from napari_dpvae.expression.normalise import log_normalise, standardised, statistics
from napari_dpvae.expression.panel import GenePanel

LARGEST_LOGARITHM = np.log1p(1e6)
"""Values beyond counts per million are no logarithms."""


def imitate(
    panel: GenePanel,
    spots: np.ndarray,
    present: np.ndarray,
    totals: Totals,
    rng: np.random.Generator,
) -> Cells:
    """Cells with the expression of spots, measured as a query was.

    Their molecules are drawn from a Poisson distribution: each has the depth of a random cell of
    the query, and each gene the efficiency that gives it its mean share in the query.

    Parameters
    ----------
    panel
        With the reference's statistics.
    spots
        (n, n_genes) of the reference, standardised.
    present
        (n_genes,) bool: genes that the query has.
    totals
        Of the query, which holds counts.
    rng
        Draws.

    Returns
    -------
    Cells
        (n, n_genes), standardised by their own statistics as the query is.
    """
    profiles = np.clip(spots[:, present] * panel.deviation[present] + panel.mean[present], 0, None)
    if profiles.max() <= LARGEST_LOGARITHM:
        profiles = np.expm1(profiles)
    assert totals.depth is not None, "a query of counts has depths"
    efficiency = totals.share / np.maximum(profiles.mean(axis=0), np.finfo(float).tiny)
    # Sorted, so that the order of the query's cells does not matter.
    depth = rng.choice(np.sort(totals.depth), len(spots))
    counts = rng.poisson(profiles * efficiency * depth[:, None])
    values = log_normalise(counts.astype(float), depth)
    x = np.zeros_like(spots)
    x[:, present] = standardised(values, *statistics(values))
    return Cells(x, (counts > 0).any(axis=1))
