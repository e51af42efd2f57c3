"""How types of placed cells lie to each other, and signal to each other."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.analysis.cells import Answer, answer_table, neighbours, sort_answer, typed
from napari_dpvae.errors import DataError
from napari_dpvae.expression.normalise import log_expression

MOST_COMPARED = 20_000
"""Cells that are compared all with all; more are drawn by lot, and the note says so."""
PERMUTATIONS = 1000
DISTANCES = 20
"""Steps of distance of the co-occurrence."""


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

    cells, note, types = typed(placed, column)
    cells.obsp["spatial_connectivities"] = neighbours(cells)
    yield 0.0
    z, count = sq.gr.nhood_enrichment(
        cells, "type", n_perms=PERMUTATIONS, seed=0, copy=True, n_jobs=1, show_progress_bar=False
    )
    a, b = np.triu_indices(len(types))
    found = answer_table(note, type=types[a], beside=types[b], z=z[a, b], pairs=count[a, b])
    return sort_answer(found.dropna(), "z")


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

    cells, note, types = typed(placed, column)
    if cells.n_obs > MOST_COMPARED:
        drawn = np.random.default_rng(0).choice(cells.n_obs, MOST_COMPARED, replace=False)
        cells = cells[drawn].copy()
        note += f" {MOST_COMPARED:,} cells were drawn by lot."
    yield 0.0
    ratio, edges = sq.gr.co_occurrence(cells, "type", interval=DISTANCES, copy=True)
    a, b, step = (axis.ravel() for axis in np.indices(ratio.shape))
    # ratio[a, b] is the probability of a given b over that of a.
    return answer_table(
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

    cells, note, _ = typed(placed, column)
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
            "or give your own table to napari_dpvae.analysis.types.signals."
        ) from error
    except ValueError as error:
        raise DataError(f"No ligand-receptor pair can be tested: {error}") from error
    means = found["means"].stack([0, 1], future_stack=True)
    p = found["pvalues"].stack([0, 1], future_stack=True).reindex(means.index)
    ligand, receptor, source, target = (means.index.get_level_values(i) for i in range(4))
    pairs = {"ligand": ligand, "receptor": receptor, "from": source, "to": target}
    return sort_answer(answer_table(note, **pairs, mean=means, p=p).dropna(), "p", ascending=True)
