"""Place a query: align it, solve its cells, and say what is found after the data contract."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence

import anndata as ad
import numpy as np

from napari_dpvae.data.backed import in_memory, is_backed
from napari_dpvae.data.gene_names import match_genes, report_match
from napari_dpvae.data.matrices import with_same_matrices
from napari_dpvae.expression.platform import OWN_STATISTICS
from napari_dpvae.geometry.domain import make_domain
from napari_dpvae.model.trained import Trained
from napari_dpvae.placement.calibrate import calibrated
from napari_dpvae.placement.engine import LOCAL, Engine, solve_steps
from napari_dpvae.placement.found import Placement, placement_of
from napari_dpvae.placement.query import ReadQuery, read_by
from napari_dpvae.placement.request import checked_request
from napari_dpvae.placement.solve import Solver
from napari_dpvae.settings import PlacementSettings

logger = logging.getLogger(__name__)


def place_steps(
    trained: Trained,
    query: ad.AnnData,
    settings: PlacementSettings,
    known_key: str | None = None,
    outlines: Sequence[np.ndarray] | None = None,
    engine: Engine = LOCAL,
    copy_matrices: bool = True,
) -> Generator[float, None, ad.AnnData]:
    """Yield the share of cells done, and return a copy of the query with its placement.

    Parameters and errors are those of :meth:`napari_dpvae.DPVAE.place`.
    """
    query, known = checked_request(trained, query, settings, known_key)
    found = yield from placement_steps(trained, query, known, settings, outlines, engine)
    if is_backed(query):
        return found.into(in_memory(query))
    return found.into(query.copy() if copy_matrices else with_same_matrices(query))


def placement_steps(
    trained: Trained,
    query: ad.AnnData,
    known: np.ndarray,
    settings: PlacementSettings,
    outlines: Sequence[np.ndarray] | None = None,
    engine: Engine = LOCAL,
) -> Generator[float, None, Placement]:
    """Yield the share of cells done, and return what is found of them.

    The one flow of a query, in memory or backed by a file, and of its (n, 2 or 3) known places,
    both from :func:`checked_request`: aligned, encoded, solved, calibrated. Other parameters and
    errors are those of :meth:`napari_dpvae.DPVAE.place`.
    """
    query = with_panel_names(trained, query)
    domain = make_domain(settings.domain, trained.coordinates, outlines)
    yield 0.0
    read = read_by(trained, query, settings.query_covers)
    _report_alignment(read, trained.panel.genes)
    # Placed all together, cells have no place of their own that profiles could stand beside.
    by = calibrated(
        Solver.of(trained, read),
        with_profiles=settings.mode != "free",
        likeliest=settings.likeliest,
    )
    solved = yield from solve_steps(engine, by.solver, settings, domain, known)
    fixed = np.isfinite(known).all(axis=1)
    return placement_of(query, by, settings, solved, fixed, domain)


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


def _report_alignment(read: ReadQuery, genes: np.ndarray) -> None:
    aligned = read.aligned
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
    by = OWN_STATISTICS[read.centred.covers]
    logger.warning("%s: its genes were standardised by %s.", reason, by)
