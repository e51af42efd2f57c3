"""The placed cells that are asked, and the table of an answer."""

from __future__ import annotations

from collections.abc import Generator, Hashable

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.analysis.contacts import NEIGHBOURS, place_deviation
from napari_dpvae.data.checks import check_expression, check_located
from napari_dpvae.data.keys import DPVAE, SPATIAL, STATUS
from napari_dpvae.errors import DataError
from napari_dpvae.uncertainty.status import OUTSIDE

PLACED = "The placed cells"
Answer = Generator[float, None, pd.DataFrame]
"""Yields the share that is done; returns a table whose ``attrs["note"]`` says what was left out."""


def belonging(placed: ad.AnnData) -> tuple[ad.AnnData, str]:
    """The placed cells without those outside the reference, and a note of how many these are.

    Raises
    ------
    DataError
        When too few are left.
    """
    check_located(placed, PLACED)
    check_expression(placed, PLACED)
    outside = np.zeros(placed.n_obs, bool)
    if STATUS in placed.obs:
        outside = (placed.obs[STATUS] == OUTSIDE).to_numpy()
    if (~outside).sum() <= NEIGHBOURS:
        raise DataError(
            f"Only {(~outside).sum()} placed cells belong to the reference: too few to ask about."
        )
    note = f"{outside.sum():,} cells outside the reference were left out." if outside.any() else ""
    return placed[~outside], note


def in_frame(spots: ad.AnnData, placed: ad.AnnData) -> np.ndarray:
    """Which spots of a reference lie in the section that cells were placed in.

    Parameters
    ----------
    spots
        Of one section or of several.
    placed
        Whose ``uns["dpvae"]`` names the section, ``frame``, and the column of ``obs`` that holds
        the section of each spot, ``section_key``.

    Returns
    -------
    numpy.ndarray
        (n,) bool; all true where either is not named.
    """
    said = placed.uns.get(DPVAE, {})
    frame, column = said.get("frame"), said.get("section_key")
    if not frame or not column or column not in spots.obs:
        return np.ones(spots.n_obs, bool)
    return (spots.obs[column].astype(str) == str(frame)).to_numpy()


def typed(placed: ad.AnnData, column: str | None) -> tuple[ad.AnnData, str, np.ndarray]:
    """Cells that have a type, a note, and the names of the types.

    The cells have a column ``type``, and ``deviation``, how unsure their places are.

    Raises
    ------
    DataError
        When the column is not there, or holds fewer than two types.
    """
    cells, note = belonging(placed)
    if not isinstance(column, str) or column not in placed.obs:
        raise DataError("Name the column of the placed cells' obs that holds their types.")
    if not all(isinstance(value, Hashable) for value in placed.obs[column]):
        raise DataError(f"The column '{column}' holds lists or the like, and no types.")
    types = cells.obs[column].astype("category").cat.remove_unused_categories()
    known = types.notna().to_numpy()
    if len(types.cat.categories) < 2:
        raise DataError(f"The column '{column}' holds fewer than two types of placed cells.")
    if not known.all():
        note += f" {(~known).sum():,} cells have no type."
    bare = ad.AnnData(
        cells.X[known],
        obs=pd.DataFrame(
            {
                "type": types[known].astype(str).astype("category"),
                "deviation": place_deviation(cells)[known],
            }
        ),
        var=pd.DataFrame(index=cells.var_names),
        obsm={SPATIAL: np.asarray(cells.obsm[SPATIAL], float)[known]},
    )
    return bare, note.strip(), bare.obs["type"].cat.categories.to_numpy()


def answer_table(note: str, **columns: object) -> pd.DataFrame:
    """The columns as a table that carries a note."""
    table = pd.DataFrame({name: np.asarray(column) for name, column in columns.items()})
    table.attrs["note"] = note
    return table


def sort_answer(table: pd.DataFrame, by: str, *, ascending: bool = False) -> pd.DataFrame:
    """The rows in another order, counted anew."""
    return table.sort_values(by, ascending=ascending, kind="stable", ignore_index=True)
