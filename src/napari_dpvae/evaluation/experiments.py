"""Hold cells out, place them, and measure: dp-VAE beside the vanilla VAE."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from typing import Literal, NamedTuple, get_args

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.checks import check_reference
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.dpvae import DPVAE
from napari_dpvae.errors import DataError
from napari_dpvae.evaluation.metrics import measure
from napari_dpvae.settings import PlacementSettings, TrainingSettings

Split = Literal["random", "block"]

HELD_OUT = 0.2
"""Share of the spots held out by a split."""


class EvaluationReport(NamedTuple):
    """Where an evaluation stands."""

    stage: str
    done: float
    """Share of the whole, 0 to 1."""


def split_spots(coordinates: np.ndarray, split: Split, seed: int = 0) -> np.ndarray:
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
    if split not in get_args(Split):
        raise ValueError(f"split is {split!r}: choose one of {', '.join(get_args(Split))}.")
    rng = np.random.default_rng(seed)
    n = len(coordinates)
    order = rng.permutation(n)
    if split == "block":
        order = np.argsort(np.linalg.norm(coordinates - coordinates[order[0]], axis=1))
    held_out = np.zeros(n, bool)
    held_out[order[: max(4, round(HELD_OUT * n))]] = True
    return held_out


def evaluate(
    model: DPVAE | TrainingSettings,
    reference: ad.AnnData,
    query: ad.AnnData | None = None,
    *,
    split: Split = "random",
    seeds: int = 1,
    placement: PlacementSettings | None = None,
    progress: Callable[[EvaluationReport], None] | None = None,
) -> pd.DataFrame:
    """The paper's measures for the dp-VAE and, beside it, the vanilla VAE (``alpha2 = 0``).

    Parameters
    ----------
    model
        Its settings are trained afresh on the part that is not held out.
    reference
        Spots by genes with ``obsm["spatial"]``.
    query
        Another section, with its true coordinates in ``obsm["spatial"]``; part of the reference is
        held out if not given.
    split
        How to hold out: see :func:`split_spots`.
    seeds
        So many runs, each with another seed for the split and the training.
    placement
        How to place; the defaults if not given.
    progress
        Called with every report.

    Returns
    -------
    pandas.DataFrame
        A row for each method and seed; columns are those of
        :func:`napari_dpvae.evaluation.metrics.measure`. Against another section, only measures
        that do not need a shared frame mean anything across unregistered sections.

    Raises
    ------
    DataError
        When reference or query cannot be used, with what to do about it.
    """
    steps = evaluate_steps(model, reference, query, split=split, seeds=seeds, placement=placement)
    while True:
        try:
            report = next(steps)
        except StopIteration as end:
            table: pd.DataFrame = end.value
            return table
        if progress is not None:
            progress(report)


def evaluate_steps(
    model: DPVAE | TrainingSettings,
    reference: ad.AnnData,
    query: ad.AnnData | None = None,
    *,
    split: Split = "random",
    seeds: int = 1,
    placement: PlacementSettings | None = None,
) -> Generator[EvaluationReport, None, pd.DataFrame]:
    """:func:`evaluate` as a generator of reports that returns the table."""
    if seeds < 1:
        raise ValueError(f"seeds is {seeds}: at least one run is needed.")
    check_reference(reference)
    settings = model.settings if isinstance(model, DPVAE) else model
    truth = _true_coordinates(query, reference) if query is not None else None
    methods = {"dp-VAE": settings, "vanilla VAE": dataclasses.replace(settings, alpha2=0.0)}
    if settings.alpha2 == 0:
        methods.pop("dp-VAE")
    runs = [
        (name, seed) for seed in range(settings.seed, settings.seed + seeds) for name in methods
    ]
    rows = []
    for i, (name, seed) in enumerate(runs):
        if truth is not None and query is not None:
            train_part, test_part, true = reference, query, truth
        else:
            coordinates = np.asarray(reference.obsm[SPATIAL], float)
            held_out = split_spots(coordinates, split, seed)
            train_part, test_part = reference[~held_out].copy(), reference[held_out].copy()
            true = coordinates[held_out]
        fresh = DPVAE(dataclasses.replace(methods[name], seed=seed))
        for report in fresh.fit_epochs(train_part):
            share = report.epoch / report.epochs
            yield EvaluationReport(f"{name}, seed {seed}: {report.stage}", (i + share) / len(runs))
        placed = fresh.place(test_part, placement)
        rows.append({"method": name, "seed": seed} | measure(true, placed.obsm[SPATIAL]))
    return pd.DataFrame(rows)


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
