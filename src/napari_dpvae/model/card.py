"""What a person wants to know of a model, as text to read and to copy."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from napari_dpvae.model.trained import HasTrained
from napari_dpvae.settings import PlacementSettings, TrainingSettings
from napari_dpvae.uncertainty.conformal import conformal_factor

MOST_GENES = 60
"""Genes that are named: the panel is sorted, the most spatial ones come first."""


def model_card(model: HasTrained) -> str:
    """The card of a trained model, in Markdown.

    Parameters
    ----------
    model
        Trained.

    Examples
    --------
    >>> print(dpv.model_card(model).splitlines()[0])
    ### dp-VAE model
    """
    sections = (
        ("dp-VAE model", _origin(model)),
        ("Measures", _measures(model)),
        ("Settings", _settings(model.settings)),
    )
    text = "\n\n".join(
        f"### {title}\n\n" + "\n".join(f"- {name}: {value}" for name, value in rows)
        for title, rows in sections
    )
    return f"{text}\n\n### Gene panel\n\n{_genes(model.trained.panel.genes.tolist())}\n"


def _origin(model: HasTrained) -> Iterator[tuple[str, Any]]:
    trained = model.trained
    card = trained.card
    when = datetime.fromisoformat(card["trained"]).astimezone()
    anchors, dims = trained.coordinates.shape
    yield "trained", f"{when:%d %B %Y, %H:%M}"
    yield "reference", f"{card['spots']:,} spots; {anchors:,} of them anchors, in {dims}-D"
    if trained.spatial:
        yield "library", ", ".join(trained.spatial)
    yield "values", "raw counts" if trained.panel.counts else "normalised"
    yield "epochs", f"{card['epochs']}, {len(trained.members)} networks"
    if card.get("devices"):
        yield "computed on", ", ".join(card["devices"])
    if "stopped_at" in card:
        yield "stopped early", f"while {card['stopped_at']}; train to the end to rely on it"
    yield "weights", trained.model_hash()


def _measures(model: HasTrained) -> Iterator[tuple[str, Any]]:
    trained = model.trained
    card = trained.card
    if "held_out_error" not in card:
        yield "held-out spots", "not measured: training was stopped within the first network"
        return
    probability = PlacementSettings().probability
    factor = conformal_factor(trained.scores, probability)
    yield "mean error of held-out spots", f"{card['held_out_error']:.4g} coordinate units"
    yield "expression explained on held-out spots", f"{trained.explained:.0%}"
    yield (
        f"radius of a {probability:.0%} region",
        f"{factor:.3g} times the spread of a cell's anchors and the usual one",
    )


def _settings(settings: TrainingSettings) -> Iterator[tuple[str, Any]]:
    for spec in dataclasses.fields(settings):
        value = getattr(settings, spec.name)
        note = "" if value == spec.default else f" (default {spec.default})"
        yield spec.name.replace("_", " "), f"{value}{note}"


def _genes(genes: list[str]) -> str:
    named = ", ".join(genes[:MOST_GENES])
    more = len(genes) - MOST_GENES
    return f"{len(genes):,} genes: {named}" + (f" and {more:,} more" if more > 0 else "")
