"""What is found of a query's cells: places, how sure they are, and how it was found."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.keys import (
    DPVAE,
    DRAWS,
    LATENT,
    LIKELIEST,
    LIKENESS,
    PANEL,
    RADIUS,
    RADIUS_WIDE,
    SPATIAL,
    STATUS,
)
from napari_dpvae.geometry.domain import Domain, tissue_of
from napari_dpvae.geometry.spacing import diagonal, spot_distance
from napari_dpvae.model.trained import Trained
from napari_dpvae.placement.calibrate import Calibrated
from napari_dpvae.placement.draws import draw_places
from napari_dpvae.placement.query import ReadQuery
from napari_dpvae.placement.solve import Solved
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.uncertainty.conformal import (
    conformal_factor,
    expected_error,
    farther_off,
    region_radius,
)
from napari_dpvae.uncertainty.status import STATUSES, is_usual, region_status

ASIDE = 0.25
"""Of the spot distance, that cells at one spot lie aside of it."""


@dataclass(frozen=True)
class Placement:
    """What is found of a query's cells, without the cells.

    Attributes
    ----------
    obs
        (n, 4) radii, likeness and status, indexed by the cells' names.
    points, latents
        (n, 2 or 3) in coordinate units, and (n, latent_dim).
    var
        Of the query's genes, which may have been given the reference's names.
    spatial
        The reference's images, by library.
    about
        How the cells were placed: enough to do it again.
    draws
        (n, draws, 2 or 3) of the places; None if none were asked for.
    likeliest
        (n, 2 or 3) at the likeliest spot of each; None if it was not asked for.
    """

    obs: pd.DataFrame
    points: np.ndarray
    latents: np.ndarray
    var: pd.DataFrame
    spatial: dict[str, Any]
    about: dict[str, Any]
    draws: np.ndarray | None = None
    likeliest: np.ndarray | None = None

    def into(self, cells: ad.AnnData) -> ad.AnnData:
        """Write it into the query's cells, after the data contract, and return them."""
        cells.var = self.var
        for name in self.obs:
            cells.obs[name] = self.obs[name]
        cells.obsm[SPATIAL], cells.obsm[LATENT] = self.points, self.latents
        for key, places in ((DRAWS, self.draws), (LIKELIEST, self.likeliest)):
            cells.obsm.pop(key, None)
            if places is not None:
                cells.obsm[key] = places
        cells.uns.pop(SPATIAL, None)
        if self.spatial:
            cells.uns[SPATIAL] = copy.deepcopy(self.spatial)
        cells.uns[DPVAE] = self.about
        return cells


def placement_of(
    query: ad.AnnData,
    calibrated: Calibrated,
    settings: PlacementSettings,
    solved: Solved,
    fixed: np.ndarray,
    domain: Domain,
) -> Placement:
    """What is found of all cells, once each of them is solved.

    Parameters
    ----------
    query
        By the names of the model's genes.
    calibrated, settings, domain
        How it was placed.
    solved
        What was found of it.
    fixed
        (n,) bool: cells whose place was known.
    """
    trained, read = calibrated.solver.trained, calibrated.solver.query
    scores = calibrated.errors.scores
    factor, wide_factor = _factors(trained, scores, settings.probability)
    farther = farther_off(factor, wide_factor, read.centred.shift)
    expected = farther * _expected(trained, read, solved, fixed)
    radius, wide = (
        region_radius(expected, each, solved.points, trained.coordinates)
        for each in (factor, wide_factor / farther)
    )
    draws = None
    if settings.draws:
        draws = draw_places(
            solved.points,
            expected,
            calibrated.errors,
            tissue_of(domain, trained.coordinates),
            query.obs_names,
            settings.draws,
            trained.settings.seed,
        )
    likeliest = None
    if settings.likeliest:
        likeliest = _at_likeliest_spots(calibrated, solved, fixed, domain)
    usual = solved.expressed & is_usual(
        solved.likeness, read.usual_likeness, gap=read.aligned.across_gap
    )
    status = region_status(radius, usual, diagonal(trained.coordinates))
    columns = {
        RADIUS: radius,
        RADIUS_WIDE: wide,
        LIKENESS: solved.likeness,
        STATUS: pd.Categorical(status, categories=STATUSES),
    }
    return Placement(
        obs=pd.DataFrame(columns, index=query.obs_names),
        points=solved.points,
        latents=solved.latents,
        var=query.var.copy(),
        spatial=trained.spatial,
        about=_provenance(calibrated, settings),
        draws=draws,
        likeliest=likeliest,
    )


def _expected(trained: Trained, read: ReadQuery, solved: Solved, fixed: np.ndarray) -> np.ndarray:
    """(n,) expected errors, up to a factor; 0 for cells whose place is known."""
    # How far networks lie apart was measured on cells of the reference's platform.
    apart = None if read.aligned.across_gap else solved.apart
    expected = expected_error(solved.spread, trained.usual_spread, apart, trained.usual_apart)
    return np.where(fixed, 0.0, expected)


def _at_likeliest_spots(
    calibrated: Calibrated, solved: Solved, fixed: np.ndarray, domain: Domain
) -> np.ndarray:
    """(n, 2 or 3) at the likeliest spot of each, or where it was placed if nothing else tells.

    On that side of the spot on which it was placed, so that cells do not all hide each other. Cells
    whose place is known stay there.
    """
    profiles = calibrated.solver.profiles
    if profiles is None:
        return solved.points.copy()
    towards = solved.points - solved.likeliest
    away = np.linalg.norm(towards, axis=1, keepdims=True)
    reach = ASIDE * spot_distance(profiles.coordinates)
    share = reach / np.maximum(away, max(reach, np.finfo(float).tiny))
    return np.where(
        fixed[:, None], solved.points, domain.keep_inside(solved.likeliest + share * towards)
    )


def _factors(trained: Trained, scores: np.ndarray, probability: float) -> tuple[float, float]:
    """What expected errors are multiplied with for regions, and for the wide ones."""
    factor = conformal_factor(scores, probability)
    # No narrower than for cells like the reference's; NaN where no block was held out.
    return factor, np.maximum(factor, conformal_factor(trained.block_scores, probability))


def _provenance(calibrated: Calibrated, settings: PlacementSettings) -> dict[str, Any]:
    """How the cells were placed: enough to do it again."""
    solver = calibrated.solver
    trained, read, profiles = solver.trained, solver.query, solver.profiles
    aligned = read.aligned
    return {
        "training": asdict(trained.settings),
        "placement": asdict(settings),
        "genes": len(trained.panel.genes),
        PANEL: trained.panel.genes.astype(object),
        "genes_missing": int((~aligned.present).sum()),
        "standardised_by": aligned.statistics,
        "taken_to_cover": read.centred.covers,
        "own_means": read.centred.own_means,
        "shift": read.centred.shift,
        "calibrated_as": calibrated.seen_by,
        "decoder_weight": read.decoder_weight,
        "profile_share": profiles.share if profiles else 0.0,
        "expression": aligned.expression.units.kind,
        "platform_gap": aligned.gap._asdict() if aligned.gap else {},
        "section_key": trained.section_key or "",
        "frame": trained.frame or "",
        "model": trained.model_hash(),
        "versions": {name: _version(name) for name in ("napari-dpvae", "torch", "anndata")},
    }


_version = cache(version)
"""To look a version up takes five milliseconds."""
