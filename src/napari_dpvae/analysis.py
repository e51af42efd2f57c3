"""What to ask of placed cells: spatial genes, neighbourhoods, signals between types."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.neighbors import kneighbors_graph

from napari_dpvae.data.keys import SPATIAL, STATUS
from napari_dpvae.errors import DataError
from napari_dpvae.normalisation import log_expression
from napari_dpvae.placement.uncertainty import OUTSIDE

NEIGHBOURS = 6
"""Of each cell, over which it is asked what lies beside what."""
BLOCK = 200
"""Genes at a time, so that a long question can be stopped."""
MOST_COMPARED = 20_000
"""Cells that are compared all with all; more are drawn by lot, and the note says so."""
PERMUTATIONS = 1000
DISTANCES = 20
"""Steps of distance of the co-occurrence."""

Answer = Generator[float, None, pd.DataFrame]
"""Yields the share that is done; returns a table whose ``attrs["note"]`` says what was left out."""


class Question(NamedTuple):
    """Something to ask of placed cells."""

    name: str
    help: str
    ask: Callable[[ad.AnnData, str | None], Answer]
    of_types: bool
    """Whether it asks about cell types, and needs to know their column."""


def spatial_genes(placed: ad.AnnData, column: str | None = None) -> Answer:
    """Spatial autocorrelation (Moran's I) of each gene over the placed cells.

    Parameters
    ----------
    placed
        From :meth:`napari_dpvae.DPVAE.place`.
    column
        Not used.

    Returns
    -------
    pandas.DataFrame
        ``gene``, ``I``, ``p`` (normal) and ``p adjusted`` (Benjamini-Hochberg), highest first.

    Raises
    ------
    DataError
        When fewer cells belong to the reference than have neighbours.
    """
    import squidpy as sq
    from scipy.stats import false_discovery_control

    cells, note = belonging(placed)
    x = log_expression(cells).tocsc()
    seen = np.flatnonzero(np.diff(x.indptr) >= max(2, 0.01 * cells.n_obs))
    graph = _neighbours(cells)
    parts = []
    for start in range(0, len(seen), BLOCK):
        yield start / len(seen)
        genes = seen[start : start + BLOCK]
        block = ad.AnnData(x[:, genes].tocsr(), var=pd.DataFrame(index=cells.var_names[genes]))
        block.obsp["spatial_connectivities"] = graph
        parts.append(
            sq.gr.spatial_autocorr(
                block, mode="moran", n_perms=None, n_jobs=1, copy=True, show_progress_bar=False
            )
        )
    if not parts:
        raise DataError("No gene is expressed in more than one of the placed cells.")
    found = pd.concat(parts).sort_values("I", ascending=False, kind="stable")
    p = found["pval_norm"].fillna(1.0).to_numpy()
    return _table(
        note, gene=found.index, I=found["I"], p=p, **{"p adjusted": false_discovery_control(p)}
    )


def neighbourhoods(placed: ad.AnnData, column: str | None) -> Answer:
    """Which types lie beside which, more or less often than when types are shuffled.

    Parameters
    ----------
    placed, column
        The column of ``obs`` holds the types.

    Returns
    -------
    pandas.DataFrame
        ``type``, ``beside``, ``z`` (against shuffled types) and ``pairs``, highest z first.

    Raises
    ------
    DataError
        When there are fewer than two types.
    """
    import squidpy as sq

    cells, note, types = _typed(placed, column)
    cells.obsp["spatial_connectivities"] = _neighbours(cells)
    yield 0.0
    z, count = sq.gr.nhood_enrichment(
        cells, "type", n_perms=PERMUTATIONS, seed=0, copy=True, n_jobs=1, show_progress_bar=False
    )
    a, b = np.triu_indices(len(types))
    found = _table(note, type=types[a], beside=types[b], z=z[a, b], pairs=count[a, b])
    return _sorted(found.dropna(), "z")


def co_occurrence(placed: ad.AnnData, column: str | None) -> Answer:
    """How much likelier a type is near another than anywhere, by distance.

    Parameters
    ----------
    placed, column
        The column of ``obs`` holds the types.

    Returns
    -------
    pandas.DataFrame
        ``type``, ``near``, ``within`` (coordinate units) and ``ratio`` (1 by chance).

    Raises
    ------
    DataError
        When there are fewer than two types.
    """
    import squidpy as sq

    cells, note, types = _typed(placed, column)
    if cells.n_obs > MOST_COMPARED:
        drawn = np.random.default_rng(0).choice(cells.n_obs, MOST_COMPARED, replace=False)
        cells = cells[drawn].copy()
        note += f" {MOST_COMPARED:,} cells were drawn by lot."
    yield 0.0
    ratio, edges = sq.gr.co_occurrence(cells, "type", interval=DISTANCES, copy=True)
    a, b, step = (axis.ravel() for axis in np.indices(ratio.shape))
    # ratio[a, b] is the probability of a given b over that of a.
    return _table(
        note, type=types[a], near=types[b], within=edges[1:][step], ratio=ratio[a, b, step]
    )


def signals(
    placed: ad.AnnData, column: str | None, interactions: pd.DataFrame | None = None
) -> Answer:
    """Ligand-receptor pairs that are expressed together more than when types are shuffled.

    Parameters
    ----------
    placed, column
        The column of ``obs`` holds the types.
    interactions
        Columns ``source`` (ligand) and ``target`` (receptor); OmniPath's if not given, which
        needs the internet.

    Returns
    -------
    pandas.DataFrame
        ``ligand``, ``receptor``, ``from``, ``to``, ``mean`` expression and ``p``, lowest p first.

    Raises
    ------
    DataError
        When there are fewer than two types, or no pairs to test.
    """
    import squidpy as sq

    cells, note, _ = _typed(placed, column)
    cells.X = log_expression(cells)
    yield 0.0
    try:
        found = sq.gr.ligrec(
            cells,
            "type",
            use_raw=False,
            interactions=interactions,
            copy=True,
            n_jobs=1,
            show_progress_bar=False,
        )
    except (OSError, ImportError) as error:
        raise DataError(
            "OmniPath's ligand-receptor pairs could not be fetched: check the internet connection, "
            "or give your own table to napari_dpvae.analysis.signals."
        ) from error
    except ValueError as error:
        raise DataError(f"No ligand-receptor pair can be tested: {error}") from error
    means = found["means"].stack([0, 1], future_stack=True)
    p = found["pvalues"].stack([0, 1], future_stack=True).reindex(means.index)
    ligand, receptor, source, target = (means.index.get_level_values(i) for i in range(4))
    pairs = {"ligand": ligand, "receptor": receptor, "from": source, "to": target}
    return _sorted(_table(note, **pairs, mean=means, p=p).dropna(), "p", ascending=True)


QUESTIONS = (
    Question(
        "Which genes are spatial?",
        "Moran's I of every gene over the placed cells: 1 where neighbours are alike.",
        spatial_genes,
        False,
    ),
    Question(
        "Which types are neighbours?",
        "Neighbourhood enrichment: how often types lie beside each other, against shuffled types.",
        neighbourhoods,
        True,
    ),
    Question(
        "Which types occur together?",
        "Co-occurrence: how much likelier a type is near another, by distance.",
        co_occurrence,
        True,
    ),
    Question(
        "Which types signal to each other?",
        "Ligand-receptor pairs of OmniPath (fetched from the internet), against shuffled types.",
        signals,
        True,
    ),
)


def belonging(placed: ad.AnnData) -> tuple[ad.AnnData, str]:
    """The placed cells without those outside the reference, and a note of how many these are.

    Raises
    ------
    DataError
        When too few are left.
    """
    outside = np.zeros(placed.n_obs, bool)
    if STATUS in placed.obs:
        outside = (placed.obs[STATUS] == OUTSIDE).to_numpy()
    if (~outside).sum() <= NEIGHBOURS:
        raise DataError(
            f"Only {(~outside).sum()} placed cells belong to the reference: too few to ask about."
        )
    note = f"{outside.sum():,} cells outside the reference were left out." if outside.any() else ""
    return placed[~outside], note


def _typed(placed: ad.AnnData, column: str | None) -> tuple[ad.AnnData, str, np.ndarray]:
    """Cells that have a type, in a column ``type``; a note; and the names of the types."""
    if column is None or column not in placed.obs:
        raise DataError("Name the column of the placed cells' obs that holds their types.")
    cells, note = belonging(placed)
    types = cells.obs[column].astype("category").cat.remove_unused_categories()
    known = types.notna().to_numpy()
    if len(types.cat.categories) < 2:
        raise DataError(f"The column '{column}' holds fewer than two types of placed cells.")
    if not known.all():
        note += f" {(~known).sum():,} cells have no type."
    bare = ad.AnnData(
        cells.X[known],
        obs=pd.DataFrame({"type": types[known].astype(str).astype("category")}),
        var=pd.DataFrame(index=cells.var_names),
        obsm={SPATIAL: np.asarray(cells.obsm[SPATIAL], float)[known]},
    )
    return bare, note.strip(), bare.obs["type"].cat.categories.to_numpy()


def _neighbours(cells: ad.AnnData) -> sparse.csr_matrix:
    """(n, n) 1 where one of two cells is among the nearest of the other."""
    graph = kneighbors_graph(np.asarray(cells.obsm[SPATIAL], float), NEIGHBOURS)
    return sparse.csr_matrix(graph.maximum(graph.T))


def _table(note: str, **columns: object) -> pd.DataFrame:
    table = pd.DataFrame({name: np.asarray(column) for name, column in columns.items()})
    table.attrs["note"] = note
    return table


def _sorted(table: pd.DataFrame, by: str, *, ascending: bool = False) -> pd.DataFrame:
    return table.sort_values(by, ascending=ascending, kind="stable", ignore_index=True)
