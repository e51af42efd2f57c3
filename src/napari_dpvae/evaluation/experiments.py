"""Hold cells out, place them, and measure: dp-VAE beside the vanilla VAE."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator
from functools import partial
from typing import Any, NamedTuple

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.checked import checked_reference
from napari_dpvae.data.keys import LATENT, RADIUS, RADIUS_WIDE, SPATIAL
from napari_dpvae.dpvae import DPVAE
from napari_dpvae.errors import DataError
from napari_dpvae.evaluation.distortion import UNKNOWN, Distortions
from napari_dpvae.evaluation.hold_out import Split, hold_out
from napari_dpvae.evaluation.metrics import measure, measure_regions
from napari_dpvae.evaluation.signal import BY_CHANCE
from napari_dpvae.settings import PlacementSettings, TrainingSettings
from napari_dpvae.steps import drain, told
from napari_dpvae.training.report import EpochReport

IN_ONE_FRAME = (
    "median_error",
    "median_error_percent",
    "p90_error",
    "p90_error_percent",
    "coverage",
    "wide_coverage",
)
"""Measures that compare true and placed coordinates as they are."""


class EvaluationReport(NamedTuple):
    """Where an evaluation stands."""

    stage: str
    done: float
    """Share of the whole, 0 to 1."""


class HeldOutCells(NamedTuple):
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
    distortions: Distortions = UNKNOWN
    """Of the latents that they were placed by."""
    what: str = ""
    """What they are, in words."""


class Evaluation(NamedTuple):
    """What an evaluation gives."""

    table: pd.DataFrame
    """A row for each method and seed: see :func:`evaluate`."""
    held_out: list[HeldOutCells]
    """In the order of the rows."""

    @property
    def what(self) -> str:
        """What was held out, in words."""
        return self.held_out[0].what

    @property
    def one_frame(self) -> bool:
        """Whether true and placed coordinates can be compared as they are."""
        return all(run.one_frame for run in self.held_out)


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
    registered: bool = False,
) -> Generator[EvaluationReport, None, Evaluation]:
    """:func:`evaluate` as a generator of reports that returns the table and the placements."""
    if not isinstance(seeds, int) or seeds < 1:
        raise DataError(f"seeds is {seeds!r}: give a whole number of runs, at least one.")
    if section is not None and query is None and split != "section":
        raise DataError(
            f"The section '{section}' is named, and not held out by the split {split}: give the "
            "split section, or no name."
        )
    reference = checked_reference(reference, section_key)
    settings = model.settings if isinstance(model, DPVAE) else model
    # The paper's: neither term nor regression holds its latents to the tissue.
    vanilla = dataclasses.replace(settings, alpha2=0.0, regression=False)
    methods = {"dp-VAE": settings, "vanilla VAE": vanilla}
    if settings.alpha2 == 0:
        methods.pop("dp-VAE")
    runs = [
        (name, seed) for seed in range(settings.seed, settings.seed + seeds) for name in methods
    ]
    one_frame = registered or (query is None and split != "section")
    held_out = []
    for i, (name, seed) in enumerate(runs):
        case = hold_out(reference, query, split, seed, section_key, section, settings.frame)
        # What is held out may leave another section the largest: the frame stays what it was.
        fresh = DPVAE(dataclasses.replace(methods[name], seed=seed, frame=case.frame))
        for report in fresh.fit_epochs(case.reference, section_key=section_key):
            share = report.epoch / report.epochs
            yield EvaluationReport(f"{name}, seed {seed}: {report.stage}", (i + share) / len(runs))
        models = {name: fresh}
        if fine_tune and name == "dp-VAE":
            tuning = fresh.fine_tune_epochs(case.reference, case.query, section_key=section_key)
            said = partial(_of_tuning, (i + 1) / len(runs))
            models[f"{name}, fine-tuned"] = yield from told(tuning, said)
        for method, trained in models.items():
            placed = trained.place(case.query, placement)
            radius, wide = placed.obs[[RADIUS, RADIUS_WIDE]].to_numpy(float).T
            distortions = Distortions.of(
                (case.true, placed.obsm[LATENT]),
                (trained.trained.coordinates, trained.trained.anchor_latents),
            )
            places = (case.true, placed.obsm[SPATIAL], radius, wide)
            held_out.append(HeldOutCells(method, seed, *places, one_frame, distortions, case.what))
    table = pd.DataFrame(map(_row, held_out))
    table.attrs[BY_CHANCE] = _by_chance(held_out[0])
    return Evaluation(table, held_out)


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
    registered: bool = False,
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
        :func:`napari_dpvae.evaluation.hold_out.split_spots`, of the section that cells are placed
        in (``frame`` in the settings, the largest if not given); a whole ``section``; or ``none``,
        in-sample: that section's spots are placed by the model that was trained on them.
    section_key
        Column of ``obs`` with the section of each spot, when there are several.
    section
        Which one to hold out, the smallest if not given; or, of a query that has several, which
        to compare, the largest if not given.
    seeds
        So many runs, each with another seed for the split and the training.
    placement
        How to place; the defaults if not given.
    fine_tune
        Whether to fine-tune each dp-VAE on what is held out, without its coordinates, and to
        measure that too, as ``dp-VAE, fine-tuned``.
    registered
        Whether the query's coordinates, or those of the section that is held out, are in the
        reference's frame, so that errors and coverage can be told.
    progress
        Called with every :class:`EvaluationReport`.

    Returns
    -------
    pandas.DataFrame
        A row for each method and seed; ``held_out`` says what was placed, and columns are those of
        :func:`napari_dpvae.evaluation.metrics.measure` and ``measure_regions``, and how far the
        latents distort the tissue (:class:`~napari_dpvae.evaluation.distortion.Distortions`).
        Across sections that are not registered, those that need one frame (``IN_ONE_FRAME``) are
        NaN. ``attrs["by_chance"]`` has each measure of cells that all lie at the place of another.

    Raises
    ------
    DataError
        When reference or query cannot be used, with what to do about it.

    Examples
    --------
    >>> table = dpv.evaluate(model, reference, split="random")
    >>> table["method"].tolist()
    ['dp-VAE', 'vanilla VAE']
    >>> bool(table["procrustes"][0] < table["procrustes"][1])
    True
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
        registered=registered,
    )
    return drain(steps, progress).table


def _of_tuning(done: float, report: EpochReport) -> EvaluationReport:
    return EvaluationReport(f"fine-tuning: {report.stage}", done)


def _row(run: HeldOutCells) -> dict[str, object]:
    """What the table says of a placement."""
    wide = measure_regions(run.true, run.placed, run.wide)
    row = {
        "method": run.method,
        "seed": run.seed,
        "held_out": run.what,
        **measure(run.true, run.placed),
        **measure_regions(run.true, run.placed, run.radius),
        **{f"wide_{name}": value for name, value in wide.items()},
        **run.distortions._asdict(),
    }
    return _comparable(row, run)


def _comparable(measures: dict[str, Any], run: HeldOutCells) -> dict[str, Any]:
    """Measures without those that need one frame, where there are two."""
    return measures if run.one_frame else measures | dict.fromkeys(IN_ONE_FRAME, np.nan)


def _by_chance(run: HeldOutCells) -> dict[str, float]:
    """The measures, if the cells held out all lay at the places of others."""
    others = np.random.default_rng(run.seed).permutation(len(run.true))
    measures = measure(run.true, run.true[others])
    measures["distortion"] = run.distortions.distortion_by_chance
    return _comparable(measures, run)
