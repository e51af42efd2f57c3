"""Place a query: align it, solve its cells, and say what is found after the data contract."""

from __future__ import annotations

import copy
import logging
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.backed import in_memory, is_backed
from napari_dpvae.data.checks import check_query_and_places
from napari_dpvae.data.counts import tell_of_counts
from napari_dpvae.data.formats.modalities import genes_alone
from napari_dpvae.data.gene_names import match_genes, report_match
from napari_dpvae.data.keys import (
    DPVAE,
    DRAWS,
    LATENT,
    LIKENESS,
    RADIUS,
    RADIUS_WIDE,
    SPATIAL,
    STATUS,
)
from napari_dpvae.errors import DataError
from napari_dpvae.expression.aligned import AlignedQuery
from napari_dpvae.geometry.domain import Domain, make_domain
from napari_dpvae.geometry.spacing import diagonal
from napari_dpvae.model.trained import Trained
from napari_dpvae.placement.calibrate import scores_across_gap
from napari_dpvae.placement.draws import draw_places
from napari_dpvae.placement.engine import LOCAL, Engine, solve_steps
from napari_dpvae.placement.query import ReadQuery, read_by
from napari_dpvae.placement.solve import Solved, Solver
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.uncertainty.conformal import (
    conformal_factor,
    expected_error,
    region_radius,
)
from napari_dpvae.uncertainty.status import STATUSES, is_usual, region_status

logger = logging.getLogger(__name__)

MOST_FREE = 5000
"""Cells that ``free`` takes: it keeps all their distances, and compares them many times."""


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
    """

    obs: pd.DataFrame
    points: np.ndarray
    latents: np.ndarray
    var: pd.DataFrame
    spatial: dict[str, Any]
    about: dict[str, Any]
    draws: np.ndarray | None = None

    def into(self, cells: ad.AnnData) -> ad.AnnData:
        """Write it into the query's cells, after the data contract, and return them."""
        cells.var = self.var
        for name in self.obs:
            cells.obs[name] = self.obs[name]
        cells.obsm[SPATIAL], cells.obsm[LATENT] = self.points, self.latents
        cells.obsm.pop(DRAWS, None)
        if self.draws is not None:
            cells.obsm[DRAWS] = self.draws
        cells.uns.pop(SPATIAL, None)
        if self.spatial:
            cells.uns[SPATIAL] = copy.deepcopy(self.spatial)
        cells.uns[DPVAE] = self.about
        return cells


def place_steps(
    trained: Trained,
    query: ad.AnnData,
    settings: PlacementSettings,
    known_key: str | None = None,
    outlines: Sequence[np.ndarray] | None = None,
    engine: Engine = LOCAL,
) -> Generator[float, None, ad.AnnData]:
    """Yield the share of cells done, and return a copy of the query with its placement.

    Parameters and errors are those of :meth:`napari_dpvae.DPVAE.place`.
    """
    query = genes_alone(query, "The query")
    found = yield from placement_steps(trained, query, settings, known_key, outlines, engine)
    return found.into(in_memory(query) if is_backed(query) else query.copy())


def placement_steps(
    trained: Trained,
    query: ad.AnnData,
    settings: PlacementSettings,
    known_key: str | None = None,
    outlines: Sequence[np.ndarray] | None = None,
    engine: Engine = LOCAL,
) -> Generator[float, None, Placement]:
    """Yield the share of cells done, and return what is found of them.

    The one flow of a query, in memory or backed by a file: checked, aligned, encoded, solved,
    calibrated. Parameters and errors are those of :meth:`napari_dpvae.DPVAE.place`.
    """
    _check_mode(settings, known_key)
    known = check_query_and_places(query, known_key, trained.coordinates.shape[1])
    tell_of_counts(query, "The query")
    _check_size(query, settings)
    _check_draws(trained, settings)
    query = with_panel_names(trained, query)
    domain = make_domain(settings.domain, trained.coordinates, outlines)
    yield 0.0
    read = read_by(trained, query, settings.query_covers)
    _report_alignment(read.aligned, trained.panel.genes)
    solved = yield from solve_steps(engine, Solver.of(trained, read), settings, domain, known)
    fixed = np.isfinite(known).all(axis=1)
    return _placement(query, trained, settings, read, solved, fixed, domain)


def with_panel_names(
    trained: Trained, query: ad.AnnData, table: Mapping[str, str] | None = None
) -> ad.AnnData:
    """A query by the names of the model's genes: itself, or its matrix, ``obs`` and ``obsm`` alone.

    Parameters and errors are those of :func:`napari_dpvae.data.gene_names.match_genes`; the matrix
    is not copied.
    """
    panel = trained.panel
    genes = np.union1d(panel.genes, panel.depth_genes)
    names = ad.AnnData(var=query.var)
    named, match = match_genes(genes, names, reference_var=panel.var, table=table)
    report_match(match)
    if named.var_names.equals(query.var_names):
        return query
    return ad.AnnData(query.X, obs=query.obs, var=named.var, obsm=dict(query.obsm))


def _calibrated_as(trained: Trained, aligned: AlignedQuery) -> str:
    """Whose platform held-out spots are seen by, ``query`` or ``reference``, to calibrate regions.

    Nobody knows how noisy cells are whose counts are gone.
    """
    counts = aligned.totals is not None and aligned.totals.depth is not None
    return "query" if aligned.across_gap and counts and len(trained.scores) else "reference"


def _check_draws(trained: Trained, settings: PlacementSettings) -> None:
    if settings.draws and not len(trained.scores):
        raise DataError(
            "Places cannot be drawn: the training was stopped before the model was calibrated. "
            "Train it to the end, or set draws to 0."
        )


def _check_size(query: ad.AnnData, settings: PlacementSettings) -> None:
    if settings.mode == "free" and query.n_obs > MOST_FREE:
        raise DataError(
            f"The mode free compares all pairs of cells and takes at most {MOST_FREE}; "
            f"the query has {query.n_obs}: use the mode anchored."
        )


def _check_mode(settings: PlacementSettings, known_key: str | None) -> None:
    if settings.mode == "impute" and known_key is None:
        raise DataError(
            "The mode impute needs the places that are known: name the obsm entry of the query "
            "that holds them, with NaN for the others."
        )
    if settings.mode != "impute" and known_key is not None:
        raise DataError("Known places are of use to the mode impute alone: choose it.")


def _report_alignment(aligned: AlignedQuery, genes: np.ndarray) -> None:
    missing = genes[~aligned.present]
    if len(missing):
        logger.warning(
            "The query lacks %d of the panel's %d genes (%s): they count as the reference's mean.",
            len(missing),
            len(genes),
            ", ".join(missing[:5]) + (", …" if len(missing) > 5 else ""),
        )
    if not aligned.across_gap:
        return
    reason = "Reference and query are in different units"
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


def _placement(
    query: ad.AnnData,
    trained: Trained,
    settings: PlacementSettings,
    read: ReadQuery,
    solved: Solved,
    fixed: np.ndarray,
    domain: Domain,
) -> Placement:
    """What is found of all cells, once each of them is solved."""
    calibrated_as = _calibrated_as(trained, read.aligned)
    scores = trained.scores
    if calibrated_as == "query":
        scores = scores_across_gap(Solver.of(trained, read))
    expected = _expected(trained, read, solved, fixed)
    radius, wide = _radii(trained, settings, solved, expected, scores)
    draws = None
    if settings.draws:
        draws = draw_places(
            solved.points,
            expected,
            scores,
            domain,
            query.obs_names,
            settings.draws,
            trained.settings.seed,
        )
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
        about=_provenance(trained, settings, read, calibrated_as),
        draws=draws,
    )


def _expected(trained: Trained, read: ReadQuery, solved: Solved, fixed: np.ndarray) -> np.ndarray:
    """(n,) expected errors, up to a factor; 0 for cells whose place is known."""
    # How far networks lie apart was measured on cells of the reference's platform.
    apart = None if read.aligned.across_gap else solved.apart
    expected = expected_error(solved.spread, trained.usual_spread, apart, trained.usual_apart)
    return np.where(fixed, 0.0, expected)


def _radii(
    trained: Trained,
    settings: PlacementSettings,
    solved: Solved,
    expected: np.ndarray,
    scores: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) radii of the regions, and of the wide ones."""
    factor = conformal_factor(scores, settings.probability)
    # No narrower than for cells like the reference's; NaN where no block was held out.
    wide = np.maximum(factor, conformal_factor(trained.block_scores, settings.probability))
    return (
        region_radius(expected, factor, solved.points, trained.coordinates),
        region_radius(expected, wide, solved.points, trained.coordinates),
    )


def _provenance(
    trained: Trained, settings: PlacementSettings, read: ReadQuery, calibrated_as: str
) -> dict[str, Any]:
    """How the cells were placed: enough to do it again."""
    aligned = read.aligned
    return {
        "training": asdict(trained.settings),
        "placement": asdict(settings),
        "genes": len(trained.panel.genes),
        "genes_missing": int((~aligned.present).sum()),
        "standardised_by": aligned.statistics,
        "calibrated_as": calibrated_as,
        "decoder_weight": read.decoder_weight,
        "expression": aligned.expression.units.kind,
        "platform_gap": aligned.gap._asdict() if aligned.gap else {},
        "section_key": trained.section_key or "",
        "frame": trained.frame or "",
        "model": trained.model_hash(),
        "versions": {name: version(name) for name in ("napari-dpvae", "torch", "anndata")},
    }
