"""What the report tells in words and tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, NamedTuple

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae import __version__
from napari_dpvae.analysis.outcome import outcome, standardised_how
from napari_dpvae.data.images import image_sizes
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.evaluation.metrics import error_by_chance
from napari_dpvae.model.card import model_card
from napari_dpvae.model.trained import HasTrained
from napari_dpvae.report.curves import loss_curve
from napari_dpvae.report.html import facts, paragraph, table, warnings
from napari_dpvae.settings import PlacementSettings, TrainingSettings

MEASURES = {
    "procrustes": "Procrustes disparity (0 is the same shape)",
    "stress1": "stress-1 (0 is best)",
    "distance_spearman": "rank correlation of distances (1 is best)",
    "knn_overlap": "neighbours kept (1 is best)",
    "median_error": "median error, coordinate units",
    "coverage": "cells inside their region",
    "wide_coverage": "cells inside their wide region",
}
CITE = """\
Zhou and Du. dp-VAE: a distance-preserving variational autoencoder. arXiv:2408.00911 (2024).
napari-dpvae {version}. Put dissociated single cells back into tissue, inside napari.
napari contributors. napari: a multi-dimensional image viewer. doi:10.5281/zenodo.3555620"""


class Run(NamedTuple):
    """What is reported on."""

    placed: ad.AnnData
    about: Mapping[str, Any]
    """``uns["dpvae"]``: how they were placed."""
    reference: ad.AnnData | None
    model: HasTrained | None
    evaluation: pd.DataFrame | None


def look_twice(run: Run) -> str:
    """What may be wrong, in words."""
    return warnings(_concerns(run))


def _concerns(run: Run) -> Iterator[str]:
    # The first line only counts the cells.
    yield from list(outcome(run.placed))[1:]
    about = run.about
    if about.get("genes_missing", 0):
        yield (
            f"{about['genes_missing']:,} of the {about['genes']:,} genes of the panel are not in "
            "the query: they count as the reference's mean."
        )
    if run.model is not None and "stopped_at" in run.model.trained.card:
        yield "The training of the model was stopped early: train to the end to rely on it."
    if how := standardised_how(about):
        yield how


def about_inputs(run: Run) -> str:
    """Cells, genes and values of both."""
    placed, about = run.placed, run.about
    rows: dict[str, Any] = {
        "query": f"{placed.n_obs:,} cells, {placed.n_vars:,} genes",
        "values of the query": about.get("expression", "not told"),
    }
    if run.reference is not None:
        reference = run.reference
        dims = np.shape(reference.obsm[SPATIAL])[1]
        rows["reference"] = f"{reference.n_obs:,} spots, {reference.n_vars:,} genes, {dims}-D"
        rows["image"] = bool(image_sizes(reference))
        rows["genes of both"] = len(reference.var_names.intersection(placed.var_names))
    rows["gene panel"] = about.get("genes", "not told")
    rows["of these not in the query"] = about.get("genes_missing", "not told")
    if about.get("frame"):
        rows["section that they were placed in"] = about["frame"]
    return facts(rows)


def about_gap(run: Run) -> str:
    """How far the query's platform is from the reference's."""
    gap = run.about.get("platform_gap") or {}
    rows = {name.replace("_", " "): value for name, value in gap.items() if np.ndim(value) == 0}
    rows["standardised by the statistics of the"] = run.about.get("standardised_by", "not told")
    rows["regions calibrated on spots as seen by the platform of the"] = run.about.get(
        "calibrated_as", "not told"
    )
    rows["weight of the decoder"] = run.about.get("decoder_weight", "not told")
    rows["share of expected counts in a place"] = run.about.get("profile_share", "not told")
    return facts(rows)


def about_quality(run: Run) -> str:
    """Held-out error beside chance, and the measures of an evaluation."""
    parts = []
    if run.model is not None and "held_out_error" in run.model.trained.card:
        trained = run.model.trained
        middle, random = error_by_chance(trained.coordinates)
        rows = {
            "this model": trained.card["held_out_error"],
            "every spot in the middle": middle,
            "every spot at the place of another": random,
        }
        frame = pd.DataFrame({"mean error of held-out spots, coordinate units": rows})
        parts.append(table(frame))
        share = 1 - trained.card["held_out_error"] / random
        parts.append(paragraph(f"That is {share:.0%} less than by chance."))
    if run.evaluation is not None:
        taken = [name for name in MEASURES if run.evaluation.get(name, pd.Series()).notna().any()]
        if "held_out" in run.evaluation:
            parts.append(paragraph(f"Held out: {run.evaluation['held_out'].iloc[0]}."))
        means = run.evaluation.groupby("method", sort=False)[taken].mean().T
        parts.append(table(means.rename(index=MEASURES)))
    return "".join(parts)


def about_training(run: Run) -> str:
    """The model's card, and every setting beside its default."""
    parts = []
    if run.model is not None:
        parts.append(loss_curve(run.model.trained.card))
        parts.append(f"<pre>{escape(model_card(run.model))}</pre>")
    parts.append(facts({"model": run.about.get("model", "not told")}))
    for title, kind in (("training", TrainingSettings), ("placement", PlacementSettings)):
        used = run.about.get(title, {})
        changed = {
            spec.name.replace("_", " "): f"{used[spec.name]} (default {spec.default})"
            for spec in dataclasses.fields(kind)
            if spec.name in used and used[spec.name] != spec.default
        }
        told = facts(changed) or paragraph("All as by default.")
        parts.append(f"<h3>Settings of the {title} that differ from their defaults</h3>{told}")
    return "".join(parts)


def versions(run: Run) -> str:
    """Of the packages that placed the cells."""
    return facts({**run.about.get("versions", {}), "this report": f"napari-dpvae {__version__}"})


def citation() -> str:
    """What to cite."""
    return f"<pre>{escape(CITE.format(version=__version__))}</pre>"
