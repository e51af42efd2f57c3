"""How sure places can be expected to be, before anything is trained."""

from __future__ import annotations

from collections.abc import Iterator

import anndata as ad
import numpy as np
from scipy import sparse
from scipy.spatial import cKDTree

from napari_dpvae.data.gene_names import match_genes
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.values import depths, holds_counts
from napari_dpvae.errors import DataError
from napari_dpvae.expression.genes import choose_genes
from napari_dpvae.expression.normalise import log_expression, standardised, statistics
from napari_dpvae.geometry.spacing import diagonal, spot_distance
from napari_dpvae.uncertainty.status import WIDEST

MOST_SPOTS = 2000
"""That are looked at."""
GENES, COMPONENTS, NEAREST = 300, 20, 15
"""By which a spot is found again, and among how many others."""
HELD_OUT = 0.2


def prospect(
    reference: ad.AnnData, query: ad.AnnData | None = None, *, section_key: str | None = None
) -> Iterator[str]:
    """Sentences: how finely the reference can tell places apart, and where certainty comes from.

    Parameters
    ----------
    reference, query
        Checked. Without a query all genes are used, at the reference's depth.
    section_key
        Column of ``obs`` with the section of each spot: the largest is looked at.
    """
    places = np.asarray(reference.obsm[SPATIAL], float)
    apart, extent = spot_distance(places), diagonal(places)
    yield (
        f"Spots lie {apart:.4g} units apart, {apart / extent:.1%} of the diagonal: no place is "
        "finer than that."
    )
    yield found_again(reference, query, section_key=section_key)
    yield (
        f"Cells whose region has a radius of up to {WIDEST:.0%} of the diagonal are called placed, "
        "the fewer the more the query differs from the reference in tissue or platform."
    )
    yield (
        "How sure each cell is follows from spots that training holds out; the error of these is "
        "told by train, and the cells of each status by place."
    )


def found_again(
    reference: ad.AnnData, query: ad.AnnData | None = None, *, section_key: str | None = None
) -> str:
    """A sentence: how far off spots are found again without any training.

    Parameters are those of :func:`prospect`.
    """
    spots = _some(reference, section_key)
    seen = ""
    if query is not None:
        spots, share = _as_query(spots, query)
        seen = f", by the {spots.n_vars:,} genes that are shared"
        seen += " and at the depth of the query" if share < 1 else ""
    try:
        middle, most = np.quantile(shares_of_diagonal(spots), [0.5, 0.9])
    except DataError as error:
        return f"How well spots are found again by their expression cannot be told: {error}"
    return (
        "Before any training half of the spots are found again by their expression to "
        f"{middle:.0%} of the diagonal, and nine in ten to {most:.0%}{seen}."
    )


def shares_of_diagonal(spots: ad.AnnData) -> np.ndarray:
    """(m,) errors of a fifth of the spots, which are held out, as shares of the diagonal.

    Each is found by the mean place of those that are nearest in expression.

    Parameters
    ----------
    spots
        Of one section, with ``obsm["spatial"]``.

    Raises
    ------
    DataError
        When hardly any gene is expressed.
    """
    places = np.asarray(spots.obsm[SPATIAL], float)
    rows = np.random.default_rng(0).permutation(spots.n_obs)
    held, kept = np.split(rows, [max(int(HELD_OUT * len(rows)), 1)])
    genes = choose_genes(spots[kept].copy(), GENES, "moran", np.zeros(len(kept), int))
    x = log_expression(spots, genes).toarray().astype(np.float64)
    x = standardised(x, *statistics(x[kept]))
    _, vectors = np.linalg.eigh(np.cov(x[kept].T).reshape(len(genes), len(genes)))
    latent = x @ vectors[:, ::-1][:, :COMPONENTS]
    _, nearest = cKDTree(latent[kept]).query(latent[held], k=range(1, min(NEAREST, len(kept)) + 1))
    found = places[kept][nearest].mean(axis=1)
    errors: np.ndarray = np.linalg.norm(found - places[held], axis=1) / diagonal(places)
    return errors


def _some(reference: ad.AnnData, section_key: str | None) -> ad.AnnData:
    """Spots of the largest section, spread evenly over its rows."""
    rows = np.arange(reference.n_obs)
    if section_key is not None:
        sections = reference.obs[section_key]
        rows = rows[(sections == sections.value_counts().idxmax()).to_numpy()]
    rows = rows[:: len(rows) // MOST_SPOTS + 1]
    places = np.asarray(reference.obsm[SPATIAL], float)[rows]
    return ad.AnnData(reference.X[rows], var=reference.var, obsm={SPATIAL: places})


def _as_query(spots: ad.AnnData, query: ad.AnnData) -> tuple[ad.AnnData, float]:
    """Spots with the query's genes, and no deeper than its median cell, if both hold counts.

    And the share of their counts that they have left.
    """
    names, _ = match_genes(spots.var_names, ad.AnnData(var=query.var), reference_var=spots.var)
    shared = spots.var_names.intersection(names.var_names)
    seen = spots[:, shared].copy()
    some = query.X[:: query.n_obs // MOST_SPOTS + 1][:, names.var_names.get_indexer(shared)]
    if not (holds_counts(spots.X) and holds_counts(query.X)):
        return seen, 1.0
    share = float(np.median(depths(some)) / max(np.median(depths(seen.X)), 1.0))
    if share < 1:
        counts = sparse.csr_matrix(seen.X)
        rng = np.random.default_rng(0)
        counts.data = rng.binomial(np.round(counts.data).astype(np.int64), share).astype(float)
        seen.X = counts
    return seen, min(share, 1.0)
