"""Hold cells out, place them, and measure: dp-VAE beside the vanilla VAE."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.checks import check_reference
from napari_dpvae.data.keys import RADIUS, RADIUS_WIDE, SPATIAL
from napari_dpvae.dpvae import DPVAE
from napari_dpvae.evaluation.hold_out import Split, hold_out
from napari_dpvae.evaluation.metrics import measure, measure_regions
from napari_dpvae.settings import PlacementSettings, TrainingSettings
from napari_dpvae.steps import drain
from napari_dpvae.training.report import EpochReport


class EvaluationReport(NamedTuple):
    """Where an evaluation stands."""

    stage: str
    done: float
    """Share of the whole, 0 to 1."""


class HeldOut(NamedTuple):
    """Cells whose places were kept back, and where a method placed them."""

    method: str
    seed: int
    true: np.ndarray
    """(n, d)."""
    placed: np.ndarray
    """(n, d)."""
    radius: np.ndarray
    """(n,) of the regions."""
    wide: np.ndarray
    """(n,) of the wide regions."""
    one_frame: bool
    """Whether the two can be compared as they are."""


class Evaluation(NamedTuple):
    """What an evaluation gives."""

    table: pd.DataFrame
    """A row for each method and seed: see :func:`evaluate`."""
    held_out: list[HeldOut]
    """In the order of the rows."""

    @property
    def one_frame(self) -> bool:
        """Whether true and placed coordinates can be compared as they are."""
        return all(part.one_frame for part in self.held_out)


def evaluate(
    model: DPVAE | TrainingSettings,
    reference: ad.AnnData,
    query: ad.AnnData | None = None,
    *,
    split: Split = "random",
    section_key: str | None = None,
    section: str | None = None,
    seeds: int = 1,
    placement: PlacementSettings | None = None,
    fine_tune: bool = False,
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
        How to hold out: ``random`` or ``block``, see
        :func:`napari_dpvae.evaluation.hold_out.split_spots`, of the largest section;
        a whole ``section``, whose coordinates need not be registered; or ``none``, in-sample: the
        spots are placed by the model that was trained on them.
    section_key
        Column of ``obs`` with the section of each spot, when there are several.
    section
        Which one to hold out; the smallest if not given.
    seeds
        So many runs, each with another seed for the split and the training.
    placement
        How to place; the defaults if not given.
    fine_tune
        Whether to fine-tune each dp-VAE on what is held out, without its coordinates, and to
        measure that too, as ``dp-VAE, fine-tuned``.
    progress
        Called with every report.

    Returns
    -------
    pandas.DataFrame
        A row for each method and seed; columns are those of
        :func:`napari_dpvae.evaluation.metrics.measure` and ``measure_regions``. Across sections
        that are not registered, only measures that need no shared frame mean anything.

    Raises
    ------
    DataError
        When reference or query cannot be used, with what to do about it.
    """
    steps = evaluate_steps(
        model,
        reference,
        query,
        split=split,
        section_key=section_key,
        section=section,
        seeds=seeds,
        placement=placement,
        fine_tune=fine_tune,
    )
    return drain(steps, progress).table


def evaluate_steps(
    model: DPVAE | TrainingSettings,
    reference: ad.AnnData,
    query: ad.AnnData | None = None,
    *,
    split: Split = "random",
    section_key: str | None = None,
    section: str | None = None,
    seeds: int = 1,
    placement: PlacementSettings | None = None,
    fine_tune: bool = False,
) -> Generator[EvaluationReport, None, Evaluation]:
    """:func:`evaluate` as a generator of reports that returns the table and the placements."""
    if seeds < 1:
        raise ValueError(f"seeds is {seeds}: at least one run is needed.")
    check_reference(reference, section_key)
    settings = model.settings if isinstance(model, DPVAE) else model
    methods = {"dp-VAE": settings, "vanilla VAE": dataclasses.replace(settings, alpha2=0.0)}
    if settings.alpha2 == 0:
        methods.pop("dp-VAE")
    runs = [
        (name, seed) for seed in range(settings.seed, settings.seed + seeds) for name in methods
    ]
    one_frame = query is None and split != "section"
    held_out = []
    for i, (name, seed) in enumerate(runs):
        case = hold_out(reference, query, split, seed, section_key, section)
        fresh = DPVAE(dataclasses.replace(methods[name], seed=seed))
        for report in fresh.fit_epochs(case.reference, section_key=section_key):
            share = report.epoch / report.epochs
            yield EvaluationReport(f"{name}, seed {seed}: {report.stage}", (i + share) / len(runs))
        models = {name: fresh}
        if fine_tune and name == "dp-VAE":
            tuning = fresh.fine_tune_epochs(case.reference, case.query, section_key=section_key)
            models[f"{name}, fine-tuned"] = yield from _tuned(tuning, (i + 1) / len(runs))
        for method, trained in models.items():
            placed = trained.place(case.query, placement)
            radius, wide = placed.obs[[RADIUS, RADIUS_WIDE]].to_numpy(float).T
            part = HeldOut(method, seed, case.true, placed.obsm[SPATIAL], radius, wide, one_frame)
            held_out.append(part)
    return Evaluation(pd.DataFrame(map(_row, held_out)), held_out)


def _tuned(
    tuning: Generator[EpochReport, None, DPVAE], done: float
) -> Generator[EvaluationReport, None, DPVAE]:
    """Drain a fine-tuning, and return its model."""
    while True:
        try:
            report = next(tuning)
        except StopIteration as end:
            tuned: DPVAE = end.value
            return tuned
        yield EvaluationReport(f"fine-tuning: {report.stage}", done)


def _row(part: HeldOut) -> dict[str, object]:
    """What the table says of a placement."""
    regions = measure_regions(part.true, part.placed, part.radius)
    wide = measure_regions(part.true, part.placed, part.wide)
    return {
        "method": part.method,
        "seed": part.seed,
        **measure(part.true, part.placed),
        **regions,
        **{f"wide_{name}": value for name, value in wide.items()},
    }
