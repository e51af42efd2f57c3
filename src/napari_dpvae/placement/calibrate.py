"""Calibrate regions across a platform gap: on spots as the query's platform would see them."""

from __future__ import annotations

from dataclasses import replace

import anndata as ad
import numpy as np

from napari_dpvae.data.values import dense
from napari_dpvae.expression.normalise import log_normalise, standardised, statistics
from napari_dpvae.expression.panel import Aligned, GenePanel
from napari_dpvae.geometry.domain import NearSpots
from napari_dpvae.model.trained import Solved, Trained
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.uncertainty.conformal import conformity_scores

MOST_SPOTS = 2000
"""Of the reference that are imitated: more take time, and hardly change a quantile."""
LARGEST_LOGARITHM = np.log1p(1e6)
"""Values beyond counts per million are no logarithms."""


def scores_across_gap(trained: Trained, query: ad.AnnData, aligned: Aligned) -> np.ndarray:
    """Conformity scores of held-out spots, imitated as cells of the query.

    Each is placed by the one network that did not see it. Unlike those of spots, the scores are not
    brought to an ensemble's: most of the error is due to a cell's noise, which networks share.

    Parameters
    ----------
    trained
        Calibrated.
    query
        Cells by genes; counts.
    aligned
        The same, aligned to the panel.

    Returns
    -------
    numpy.ndarray
        (h,).
    """
    rng = np.random.default_rng(trained.settings.seed)
    spots = np.sort(rng.permutation(len(trained.coordinates))[:MOST_SPOTS])
    cells = imitate(trained.panel, trained.expression[spots], query, aligned, rng)
    anchors = PlacementSettings().anchors
    scores = []
    for member in trained.members:
        held_out = ~member.seen[spots]
        if not held_out.any():
            continue
        alone = trained.alone(member)
        near = NearSpots(alone.coordinates)
        solved = Solved.joined(alone.place_chunks(cells.take(held_out), anchors, near))
        errors = np.linalg.norm(solved.points - trained.coordinates[spots[held_out]], axis=1)
        scores.append(conformity_scores(errors, solved.spread, trained.usual_spread))
    return np.concatenate(scores)


def imitate(
    panel: GenePanel,
    spots: np.ndarray,
    query: ad.AnnData,
    aligned: Aligned,
    rng: np.random.Generator,
) -> Aligned:
    """Cells with the expression of spots, measured as a query was.

    Their molecules are drawn from a Poisson distribution: each has the depth of a random cell of
    the query, and each gene the efficiency that gives it the query's mean.

    Parameters
    ----------
    panel
        That the query is aligned to.
    spots
        (n, n_genes) of the reference, standardised.
    query, aligned
        Cells by genes, counts; and the same, aligned.
    rng
        Draws.

    Returns
    -------
    Aligned
        (n, n_genes), standardised by its own statistics as the query is.
    """
    present = aligned.present
    profiles = np.clip(spots[:, present] * panel.deviation[present] + panel.mean[present], 0, None)
    if profiles.max() <= LARGEST_LOGARITHM:
        profiles = np.expm1(profiles)
    assert aligned.depth is not None, "a query of counts has depths"
    caught = dense(query[:, panel.genes[present]].X).sum(axis=0) / max(aligned.depth.sum(), 1.0)
    efficiency = caught / np.maximum(profiles.mean(axis=0), np.finfo(float).tiny)
    drawn = rng.choice(aligned.depth, len(spots))
    counts = rng.poisson(profiles * efficiency * drawn[:, None])
    values = log_normalise(counts.astype(float), drawn)
    x = np.zeros_like(spots)
    x[:, present] = standardised(values, *statistics(values))
    return replace(aligned, x=x, expressed=(counts > 0).any(axis=1), depth=drawn)
