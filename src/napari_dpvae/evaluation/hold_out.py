"""Hold a part of the spots out: what is trained on, what is placed, and the truth."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.layout import Layout
from napari_dpvae.errors import DataError

SpotSplit = Literal["random", "block"]
Split = Literal["random", "block", "section", "none"]

SPLITS: dict[SpotSplit, str] = {"random": "random spots", "block": "a contiguous block"}
"""What they hold out, in words."""
QUERY = "the query"
HELD_OUT = 0.2
"""Share of the spots held out by a split."""
FEWEST = 4
"""Cells that can be measured."""


class Case(NamedTuple):
    """What is trained on, what is placed, and the truth."""

    reference: ad.AnnData
    query: ad.AnnData
    true: np.ndarray
    """(n, d) coordinates of the query, all of one section."""
    frame: str
    """The section of the reference that cells are placed in; empty for its largest."""
    what: str
    """What is placed, in words."""


def split_spots(coordinates: np.ndarray, split: SpotSplit, seed: int = 0) -> np.ndarray:
    """Which spots to hold out.

    Parameters
    ----------
    coordinates
        (n, 2) or (n, 3).
    split
        ``random``: spread over the section, which flatters every method; ``block``: the spots
        nearest to one drawn at random, a contiguous patch.
    seed
        The same seed holds out the same spots.

    Returns
    -------
    numpy.ndarray
        (n,) bool, true for a fifth of the spots.
    """
    if split not in get_args(SpotSplit):
        raise DataError(f"split is {split!r}: choose one of {', '.join(get_args(SpotSplit))}.")
    rng = np.random.default_rng(seed)
    n = len(coordinates)
    order = rng.permutation(n)
    if split == "block":
        order = np.argsort(np.linalg.norm(coordinates - coordinates[order[0]], axis=1))
    held_out = np.zeros(n, bool)
    held_out[order[: max(FEWEST, round(HELD_OUT * n))]] = True
    return held_out


def hold_out(
    reference: ad.AnnData,
    query: ad.AnnData | None,
    split: Split,
    seed: int,
    section_key: str | None,
    section: str | None,
    frame: str = "",
) -> Case:
    """What to train on and what to place; parameters as for :func:`evaluate`.

    Sections may have frames of their own, so what is placed is always of one section: of the one
    that cells are placed in, unless a whole section or another query is.

    Parameters
    ----------
    frame
        The section that cells are placed in; the largest if empty.

    Raises
    ------
    DataError
        When there is no such section, too little is held out to be measured, or the query has no
        coordinates to compare with.
    """
    if query is not None:
        query = _one_section(query, section_key, section)
        true = _true_coordinates(query, reference)
        return _measurable(Case(reference, query, true, frame, QUERY))
    coordinates = np.asarray(reference.obsm[SPATIAL], float)
    held_out = np.zeros(reference.n_obs, bool)
    if split == "section":
        sections = _sections(reference, section_key)
        name = _section_to_hold_out(sections, section)
        held_out = (sections == name).to_numpy()
        frame, what = "" if frame == name else frame, f"section {name}"
    else:
        in_frame, frame = _frame(reference, section_key, frame)
        if split == "none":
            spots, true = reference[in_frame], coordinates[in_frame]
            return _measurable(Case(reference, spots, true, frame, "nothing"))
        held_out[in_frame], what = split_spots(coordinates[in_frame], split, seed), SPLITS[split]
    kept = reference[~held_out].copy()
    return _measurable(Case(kept, reference[held_out].copy(), coordinates[held_out], frame, what))


def _measurable(case: Case) -> Case:
    """The case, if enough of it is placed to be measured."""
    if len(case.true) < FEWEST:
        raise DataError(
            f"Only {len(case.true)} cells would be placed and measured: at least {FEWEST} are "
            "needed, so choose a larger section or query."
        )
    return case


def _frame(reference: ad.AnnData, section_key: str | None, frame: str) -> tuple[np.ndarray, str]:
    """(n,) bool, true for the spots of the section that cells are placed in; and its name."""
    layout = Layout.read(reference, section_key, frame)
    in_frame = layout.sections == layout.frame
    if section_key is not None:
        frame = str(reference.obs[section_key].to_numpy()[in_frame][0])
    return in_frame, frame


def _sections(cells: ad.AnnData, section_key: str | None) -> pd.Series:
    """(n,) the name of each cell's section; NaN where it is not known."""
    if section_key is None:
        return pd.Series("", index=cells.obs_names)
    column = cells.obs[section_key].astype(object)
    return column.astype(str).where(column.notna())


def _one_section(query: ad.AnnData, section_key: str | None, section: str | None) -> ad.AnnData:
    """The cells of one section of a query, the largest if none is named; all if it has no more."""
    if section_key not in query.obs or query.obs[section_key].isna().all():
        return query
    sections = _sections(query, section_key)
    name = sections.value_counts().index[0] if section is None else section
    _check_section(name, sections)
    return query[(sections == name).to_numpy()]


def _section_to_hold_out(sections: pd.Series, section: str | None) -> str:
    """The section that is named, or the smallest."""
    names = sections.value_counts().index
    if len(names) < 2:
        raise DataError(
            "The reference has one section only, so none can be held out: hold out a block, or "
            "name the column of obs with the sections."
        )
    name = str(names[-1]) if section is None else section
    _check_section(name, sections)
    return name


def _check_section(name: str, sections: pd.Series) -> None:
    names = sorted(sections.dropna().unique())
    if name not in names:
        raise DataError(f"There is no section '{name}': there are {', '.join(names)}.")


def _true_coordinates(query: ad.AnnData, reference: ad.AnnData) -> np.ndarray:
    """The query's own coordinates, which are the truth here."""
    if SPATIAL not in query.obsm:
        raise DataError(
            f"The query has no coordinates in obsm['{SPATIAL}'], so there is no truth to measure "
            "against: give another section, or leave the query out."
        )
    true = np.asarray(query.obsm[SPATIAL], float)
    dims = np.asarray(reference.obsm[SPATIAL]).shape[1]
    if true.shape[1] != dims or not np.isfinite(true).all():
        raise DataError(
            f"The query's coordinates must be finite and {dims}-dimensional, like the reference's."
        )
    return true
