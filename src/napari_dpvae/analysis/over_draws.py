"""An answer at other places than the estimates: likeliest spots, and draws for an interval."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeAlias

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.analysis.cells import Answer
from napari_dpvae.data.keys import DRAWS, LIKELIEST, RADIUS, SPATIAL
from napari_dpvae.steps import told

MOST_DRAWS = 20
"""That are asked; more take time, and hardly change an interval."""
INTERVAL = (0.05, 0.95)
Ask: TypeAlias = Callable[[ad.AnnData, str | None], Answer]


def with_interval(
    ask: Ask, value: str, rows: list[str], placed: ad.AnnData, column: str | None
) -> Answer:
    """An answer, with the interval that a value of it has in nine of ten draws of the places.

    Parameters
    ----------
    ask
        The question: of the places as estimated, and then of each draw of all of them, in which no
        place is in doubt.
    value
        Column of the answer.
    rows
        Columns that tell what a row is of.
    placed, column
        As for the question. Without draws in ``obsm["dpvae_draws"]`` there is no interval.

    Returns
    -------
    pandas.DataFrame
        That of the question, with the columns ``<value> low`` and ``<value> high`` after the value.
    """
    drawn = list(_drawn(placed))
    parts = 1 + len(drawn)
    answer = yield from told(ask(placed, column), partial(_share_of_all, parts, 0))
    if not drawn:
        return answer
    found = []
    for i, cells in enumerate(drawn, start=1):
        table = yield from told(ask(cells, column), partial(_share_of_all, parts, i))
        found.append(pd.Series(table[value].to_numpy(), pd.MultiIndex.from_frame(table[rows])))
    values = pd.concat(found, axis=1).reindex(pd.MultiIndex.from_frame(answer[rows]))
    place = answer.columns.get_loc(value)
    for name, share in zip(("high", "low"), INTERVAL[::-1], strict=True):
        answer.insert(place + 1, f"{value} {name}", values.quantile(share, axis=1).to_numpy())
    answer.attrs["note"] += f" Low and high: nine of ten of {len(drawn)} draws of the places."
    answer.attrs["note"] = answer.attrs["note"].strip()
    return answer


def at_likeliest_spots(ask: Ask, placed: ad.AnnData, column: str | None) -> Answer:
    """An answer for cells at their likeliest spots; for those that have none, as they are placed.

    Parameters are those of :func:`with_interval`.
    """
    if LIKELIEST not in placed.obsm:
        return (yield from ask(placed, column))
    answer = yield from ask(at_places(placed, np.asarray(placed.obsm[LIKELIEST])), column)
    answer.attrs["note"] = f"{answer.attrs['note']} Cells are at their likeliest spots.".strip()
    return answer


def at_places(placed: ad.AnnData, places: np.ndarray) -> ad.AnnData:
    """The cells at places (n, 2 or 3), as if these were sure; expression is not copied."""
    obs = placed.obs.drop(columns=RADIUS, errors="ignore")
    cells = ad.AnnData(placed.X, obs=obs, var=placed.var, uns=dict(placed.uns))
    cells.obsm[SPATIAL] = places
    return cells


def _drawn(placed: ad.AnnData) -> Iterator[ad.AnnData]:
    """The cells at each draw of their places."""
    draws = np.asarray(placed.obsm.get(DRAWS, np.empty((placed.n_obs, 0, 2))), float)
    for places in np.moveaxis(draws, 1, 0)[:MOST_DRAWS]:
        yield at_places(placed, places)


def _share_of_all(parts: int, done: int, share: float) -> float:
    """Of several answers, by the share of the one under way."""
    return (done + share) / parts
