"""How types of placed cells lie to each other, and signal to each other."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.analysis.cells import Answer, answer_table, sort_answer, typed
from napari_dpvae.analysis.contacts import (
    Contacts,
    nearest_pairs,
    pairs_within,
    usual_reach,
    weigh,
)
from napari_dpvae.analysis.exchange import Exchange, known_pairs
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.errors import DataError
from napari_dpvae.expression.normalise import log_expression

MOST_COMPARED = 20_000
"""Cells that are compared all with all; more are drawn by lot, and the note says so."""
PERMUTATIONS = 1000
SHUFFLES = 200
"""Of places, when signals are asked for."""
ROUNDING = 1e-5
"""Sums in single precision differ by this share when their order does."""
DISTANCES = 20
"""Steps of distance of the co-occurrence."""


def neighbourhoods(placed: ad.AnnData, column: str | None, seed: int = 0) -> Answer:
    """Which types lie beside which, more or less often than when types are shuffled.

    A pair of neighbours counts by how sure it is that they are: less where the radius of either is
    wide against the distance of neighbours.

    Parameters
    ----------
    placed, column
        The column of ``obs`` holds the types.
    seed
        For the shuffles.

    Returns
    -------
    pandas.DataFrame
        ``type``, ``beside``, ``z`` (against shuffled types) and ``pairs`` (each counted by how
        sure it is), highest z first.

    Raises
    ------
    DataError
        When there are fewer than two types.
    """
    cells, note, types = typed(placed, column)
    places, codes = cells.obsm[SPATIAL], cells.obs["type"].cat.codes.to_numpy().astype(int)
    deviation = cells.obs["deviation"].to_numpy()
    contacts = weigh(nearest_pairs(places), places, deviation, usual_reach(places))
    rng = np.random.default_rng(seed)
    count = _by_type(contacts, codes, len(types))
    shuffled = np.empty((PERMUTATIONS, *count.shape))
    for i in range(PERMUTATIONS):
        if i % 50 == 0:
            yield i / PERMUTATIONS
        shuffled[i] = _by_type(contacts, rng.permutation(codes), len(types))
    with np.errstate(invalid="ignore", divide="ignore"):
        z = (count - shuffled.mean(axis=0)) / shuffled.std(axis=0)
    a, b = np.triu_indices(len(types))
    found = answer_table(note, type=types[a], beside=types[b], z=z[a, b], pairs=count[a, b])
    return sort_answer(found[np.isfinite(found["z"])], "z")


def _by_type(contacts: Contacts, codes: np.ndarray, n: int) -> np.ndarray:
    """(n, n) how many contacts cells of a type have with those of another."""
    pair = codes[contacts.first] * n + codes[contacts.second]
    return np.bincount(pair, contacts.sureness, n * n).reshape(n, n)


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
    placed: ad.AnnData,
    column: str | None,
    interactions: pd.DataFrame | None = None,
    *,
    within: float | None = None,
    seed: int = 0,
) -> Answer:
    """Ligand-receptor pairs that meet between neighbouring cells, more than if places are shuffled.

    Two cells within a distance exchange ligand times receptor (log-normalised), weighed by how near
    they are likely to be: less where the radius of either is wide. As much may pass from type to
    type by chance: when the cells exchange their places at random, or when they exchange their
    expression and keep type and place, as genes that all cells express meet wherever types do.
    ``p`` tells how often, in that of the two where it is more often; it is not corrected for the
    number of rows.

    Parameters
    ----------
    placed, column
        The column of ``obs`` holds the types.
    interactions
        Columns ``ligand`` and ``receptor`` (or ``source`` and ``target``) with gene symbols, in
        capitals or not; the table of well-known human pairs that comes with this package if not
        given.
    within
        How far a signal reaches, in coordinate units; twice the usual distance to the sixth nearest
        cell if not given.
    seed
        For the shuffles.

    Returns
    -------
    pandas.DataFrame
        ``ligand``, ``receptor``, ``from``, ``to``, ``mean`` (of ligand times receptor, over all
        pairs of neighbouring cells of any type) and ``p``, lowest p first.

    Raises
    ------
    DataError
        When there are fewer than two types, no pairs to test, or values below 0.
    """
    cells, note, types = typed(placed, column)
    pairs = known_pairs(cells.var_names, interactions)
    places, deviation = cells.obsm[SPATIAL], cells.obs["deviation"].to_numpy()
    reach = 2 * usual_reach(places) if within is None else within
    # The bump is nearly flat close by, and a seventh of its height where the reach ends.
    contacts = weigh(pairs_within(places, reach), places, deviation, reach / 2)
    if not contacts.nearness.sum() > 0:
        raise DataError(f"No two placed cells lie within {reach:g} units of each other.")
    ligands, receptors = (log_expression(cells, pairs[side]).toarray() for side in pairs)
    if min(ligands.min(), receptors.min()) < 0:
        raise DataError(
            "The placed cells hold values below 0, as after scaling: signals need counts, or "
            "log-normalised values."
        )
    codes = cells.obs["type"].cat.codes.to_numpy().astype(int)
    exchange = Exchange(contacts, len(types))
    mean = exchange.mean(ligands, receptors, codes)
    rng = np.random.default_rng(seed)
    reached = np.ones((2, *mean.shape))
    for i in range(SHUFFLES):
        yield i / SHUFFLES
        order = rng.permutation(cells.n_obs)
        sent, heard = ligands[order], receptors[order]
        for by, kinds in enumerate((codes[order], codes)):
            reached[by] += exchange.mean(sent, heard, kinds) >= mean * (1 - ROUNDING)
    p = reached.max(axis=0) / (SHUFFLES + 1)
    source, target, pair = np.nonzero(mean)
    found = answer_table(
        f"{note} Cells within {reach:.3g} units of each other were compared.".strip(),
        ligand=pairs["ligand"].to_numpy()[pair],
        receptor=pairs["receptor"].to_numpy()[pair],
        **{"from": types[source], "to": types[target]},
        mean=mean[source, target, pair],
        p=p[source, target, pair],
    )
    return sort_answer(sort_answer(found, "mean"), "p", ascending=True)
