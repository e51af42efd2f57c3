"""Place a query: align it, solve its cells, and write the answer after the data contract."""

from __future__ import annotations

import copy
import logging
from collections.abc import Generator, Sequence
from dataclasses import asdict
from importlib.metadata import version

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.checks import check_query, known_coordinates
from napari_dpvae.data.gene_names import match_genes, report_match
from napari_dpvae.data.keys import DPVAE, LATENT, LIKENESS, RADIUS, RADIUS_WIDE, SPATIAL, STATUS
from napari_dpvae.errors import DataError
from napari_dpvae.expression.panel import Aligned
from napari_dpvae.geometry.domain import make_domain
from napari_dpvae.geometry.spacing import diagonal
from napari_dpvae.model.trained import Solved, Trained
from napari_dpvae.placement.calibrate import scores_across_gap
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.uncertainty.conformal import conformal_factor, region_radius
from napari_dpvae.uncertainty.status import STATUSES, has_home, region_status

logger = logging.getLogger(__name__)

MOST_FREE = 5000
"""Cells that ``free`` takes: it keeps all their distances, and compares them many times."""


def place_steps(
    trained: Trained,
    query: ad.AnnData,
    settings: PlacementSettings,
    known_key: str | None = None,
    outlines: Sequence[np.ndarray] | None = None,
) -> Generator[float, None, ad.AnnData]:
    """Yield the share of cells done, and return the placed cells.

    Parameters and errors are those of :meth:`napari_dpvae.DPVAE.place`.
    """
    check_query(query)
    panel = trained.panel
    query, match = match_genes(np.union1d(panel.genes, panel.depth_genes), query)
    report_match(match)
    _check_mode(query, settings, known_key)
    yield 0.0
    if settings.query_covers == "whole":
        trained = trained.covered_by(query)
    domain = make_domain(settings.domain, trained.coordinates, outlines)
    aligned = trained.align(query)
    trained = trained.weighed_for(aligned)
    _report_alignment(aligned, trained.panel.genes)
    solver = trained
    known = known_coordinates(query, known_key, trained.coordinates.shape[1])
    fixed = np.asarray(np.isfinite(known).all(axis=1))
    if fixed.any():
        solver = trained.with_anchors(aligned.take(fixed), known[fixed])
    if settings.mode == "free":
        solved = solver.place_free(aligned, domain)
    else:
        parts: list[Solved] = []
        for part in solver.place_chunks(aligned, settings.anchors, domain):
            parts.append(part)
            yield sum(len(p.points) for p in parts) / query.n_obs
        solved = Solved.joined(parts)
    solved.points[fixed] = known[fixed]
    return _placed(query, trained, settings, aligned, solved, fixed)


def _calibrated_as(trained: Trained, aligned: Aligned) -> str:
    """Whose platform held-out spots are seen by, ``query`` or ``reference``, to calibrate regions.

    Nobody knows how noisy cells are whose counts are gone.
    """
    across_gap = aligned.statistics == "query" and aligned.depth is not None
    return "query" if across_gap and len(trained.scores) else "reference"


def _check_mode(query: ad.AnnData, settings: PlacementSettings, known_key: str | None) -> None:
    if settings.mode == "free" and query.n_obs > MOST_FREE:
        raise DataError(
            f"The mode free compares all pairs of cells and takes at most {MOST_FREE}; "
            f"the query has {query.n_obs}: use the mode anchored."
        )
    if settings.mode == "impute" and known_key is None:
        raise DataError(
            "The mode impute needs the places that are known: name the obsm entry of the query "
            "that holds them, with NaN for the others."
        )
    if settings.mode != "impute" and known_key is not None:
        raise DataError("Known places are of use to the mode impute alone: choose it.")


def _report_alignment(aligned: Aligned, genes: np.ndarray) -> None:
    missing = genes[~aligned.present]
    if len(missing):
        logger.warning(
            "The query lacks %d of the panel's %d genes (%s): they count as the reference's mean.",
            len(missing),
            len(genes),
            ", ".join(missing[:5]) + (", …" if len(missing) > 5 else ""),
        )
    if aligned.statistics == "reference":
        return
    reason = "One of reference and query holds counts and the other normalised values"
    if aligned.gap is not None:
        reason = (
            f"The query is of another kind than the reference (correlation of gene means "
            f"{aligned.gap.mean_correlation:.2f}, depth ratio {aligned.gap.depth_ratio:.2f})"
        )
    logger.warning(
        "%s: its genes were standardised by its own mean and deviation, which takes it to cover "
        "the tissue evenly.",
        reason,
    )


def _placed(
    query: ad.AnnData,
    trained: Trained,
    settings: PlacementSettings,
    aligned: Aligned,
    solved: Solved,
    fixed: np.ndarray,
) -> ad.AnnData:
    """The query with its placement, after the data contract."""
    placed = query.copy()
    calibrated_as = _calibrated_as(trained, aligned)
    scores = trained.scores
    if calibrated_as == "query":
        scores = scores_across_gap(trained, query, aligned)
    factor = conformal_factor(scores, settings.probability)
    # No narrower than for cells like the reference's; NaN where no block was held out.
    wide_factor = np.maximum(factor, conformal_factor(trained.block_scores, settings.probability))
    expected = np.where(fixed, 0.0, solved.spread + trained.usual_spread)
    radius, wide = (
        region_radius(expected, each, solved.points, trained.coordinates)
        for each in (factor, wide_factor)
    )
    extent = diagonal(trained.coordinates)
    gap = aligned.statistics == "query"
    at_home = aligned.expressed & has_home(
        solved.likeness, trained.usual_for(aligned.present), gap=gap
    )
    status = region_status(radius, at_home, extent)
    placed.obsm[SPATIAL] = solved.points
    placed.obsm[LATENT] = solved.latents
    placed.obs[RADIUS], placed.obs[RADIUS_WIDE] = radius, wide
    placed.obs[LIKENESS] = solved.likeness
    placed.obs[STATUS] = pd.Categorical(status, categories=STATUSES)
    placed.uns.pop(SPATIAL, None)
    if trained.spatial:
        placed.uns[SPATIAL] = copy.deepcopy(trained.spatial)
    placed.uns[DPVAE] = {
        "training": asdict(trained.settings),
        "placement": asdict(settings),
        "genes": len(trained.panel.genes),
        "genes_missing": int((~aligned.present).sum()),
        "standardised_by": aligned.statistics,
        "calibrated_as": calibrated_as,
        "decoder_weight": trained.correction(aligned),
        "platform_gap": aligned.gap._asdict() if aligned.gap else {},
        "model": trained.model_hash(),
        "versions": {name: version(name) for name in ("napari-dpvae", "torch", "anndata")},
    }
    return placed
