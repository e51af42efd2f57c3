"""Spots as a query's platform would see them."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from napari_dpvae.expression.aligned import Cells, Totals
from napari_dpvae.expression.normalise import (
    LARGEST_LOGARITHM,
    log_normalise,
    standardised,
    statistics,
)
from napari_dpvae.expression.panel import GenePanel


def imitate(
    panel: GenePanel,
    spots: np.ndarray,
    present: np.ndarray,
    totals: Totals,
    rng: np.random.Generator,
) -> Cells:
    """Cells with the expression of spots, measured as a query was.

    Their molecules are drawn from a Poisson distribution, as :func:`expected_shares` and the depths
    of random cells of the query say.

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
    shares = expected_shares(linear_profiles(panel, spots, present), totals)
    expected, depth = expected_counts(shares, totals, rng)
    counts = rng.poisson(expected)
    values = log_normalise(counts.astype(float), depth)
    x = np.zeros_like(spots)
    x[:, present] = standardised(values, *statistics(values))
    return Cells(x, np.asarray((counts > 0).any(axis=1)), sparse.csr_matrix(values))


def unchanged(panel: GenePanel, spots: np.ndarray, present: np.ndarray) -> Cells:
    """Spots (n, n_genes) as cells of a query of their own platform that has some of the genes."""
    values = sparse.csr_matrix(np.clip(_logged(panel, spots, present), 0, None))
    return Cells(np.where(present, spots, np.float32(0)), np.diff(values.indptr) > 0, values)


def _logged(panel: GenePanel, spots: np.ndarray, present: np.ndarray) -> np.ndarray:
    logged: np.ndarray = spots[:, present] * panel.deviation[present] + panel.mean[present]
    return logged


def linear_profiles(panel: GenePanel, spots: np.ndarray, present: np.ndarray) -> np.ndarray:
    """(n, p) expression of spots, in proportion to molecules; parameters are :func:`imitate`'s."""
    profiles: np.ndarray = np.clip(_logged(panel, spots, present), 0, None)
    return np.expm1(profiles) if profiles.max() <= LARGEST_LOGARITHM else profiles


def expected_shares(profiles: np.ndarray, totals: Totals) -> np.ndarray:
    """(n, p) shares of a cell's molecules that a query's platform is expected to count.

    Each gene has the efficiency that gives it its mean share in the query.

    Parameters
    ----------
    profiles
        (n, p) from :func:`linear_profiles`.
    totals
        Of the query, which holds counts.
    """
    efficiency = totals.share / np.maximum(profiles.mean(axis=0), np.finfo(float).tiny)
    shares: np.ndarray = profiles * efficiency
    return shares


def expected_counts(
    shares: np.ndarray, totals: Totals, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Molecules that are expected of cells as deep as a query's.

    Parameters
    ----------
    shares
        (n, p) from :func:`expected_shares`.
    totals
        Of the query, which holds counts.
    rng
        Draws the depths.

    Returns
    -------
    expected, depth
        (n, p), and (n,) each that of a random cell of the query.
    """
    assert totals.depth is not None, "a query of counts has depths"
    # Sorted, so that the order of the query's cells does not matter.
    depth = rng.choice(np.sort(totals.depth), len(shares))
    return shares * depth[:, None], depth
