"""Hold a part of the spots out: what is trained on, what is placed, and the truth."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.errors import DataError

SpotSplit = Literal["random", "block"]
Split = Literal["random", "block", "section", "none"]

HELD_OUT = 0.2
"""Share of the spots held out by a split."""


class Case(NamedTuple):
    """What is trained on, what is placed, and the truth."""

    reference: ad.AnnData
    query: ad.AnnData
    true: np.ndarray


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
        raise ValueError(f"split is {split!r}: choose one of {', '.join(get_args(SpotSplit))}.")
    rng = np.random.default_rng(seed)
    n = len(coordinates)
    order = rng.permutation(n)
    if split == "block":
        order = np.argsort(np.linalg.norm(coordinates - coordinates[order[0]], axis=1))
    held_out = np.zeros(n, bool)
    held_out[order[: max(4, round(HELD_OUT * n))]] = True
    return held_out


def hold_out(
    reference: ad.AnnData,
    query: ad.AnnData | None,
    split: Split,
    seed: int,
    section_key: str | None,
    section: str | None,
) -> Case:
    """What to train on and what to place; parameters as for :func:`evaluate`.

    Raises
    ------
    DataError
        When there is no such section, or the query has no coordinates to compare with.
    """
    if query is not None:
        return Case(reference, query, _true_coordinates(query, reference))
    coordinates = np.asarray(reference.obsm[SPATIAL], float)
    if split == "none":
        return Case(reference, reference, coordinates)
    sections = _sections(reference, section_key)
    held_out = np.zeros(reference.n_obs, bool)
    if split == "section":
        held_out = _section_spots(sections, section)
    else:
        frame = sections == sections.value_counts().idxmax()
        held_out[frame] = split_spots(coordinates[frame], split, seed)
    return Case(reference[~held_out].copy(), reference[held_out].copy(), coordinates[held_out])


def _sections(reference: ad.AnnData, section_key: str | None) -> pd.Series:
    """(n,) the name of each spot's section."""
    if section_key is None:
        return pd.Series("", index=reference.obs_names)
    return reference.obs[section_key].astype(str)


def _section_spots(sections: pd.Series, section: str | None) -> np.ndarray:
    """(n,) bool, true for the spots of one section."""
    names = sections.value_counts().index
    if len(names) < 2:
        raise DataError(
            "The reference has one section only, so none can be held out: hold out a block, or "
            "name the column of obs with the sections."
        )
    name = names[-1] if section is None else section
    if name not in names:
        raise DataError(f"There is no section '{name}': there are {', '.join(sorted(names))}.")
    mask: np.ndarray = (sections == name).to_numpy()
    return mask


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
