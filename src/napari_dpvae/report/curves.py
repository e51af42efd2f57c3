"""The plots of the report: how training went, and how sure the places are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np
from matplotlib.figure import Figure

from napari_dpvae.data.keys import LIKENESS, RADIUS, RADIUS_WIDE
from napari_dpvae.report.html import picture

NAMES = {"reconstruction": "reconstruction", "distance": "distance term", "kl": "KL"}


def loss_curve(card: Mapping[str, Any]) -> str:
    """The losses of the networks that were trained last, by epoch; nothing for older models."""
    if not card.get("curve"):
        return ""
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    for name, label in NAMES.items():
        values = card["curve"][name]
        axes.plot(np.arange(1, len(values) + 1), values, label=label)
    axes.set(xlabel="epoch", ylabel="loss", yscale="log")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    caption = f"Losses of the networks trained last ({card['curve_of']})"
    return f'<div class="figures">{picture(figure, caption)}</div>'


def distributions(placed: ad.AnnData) -> str:
    """How wide the regions are, and how like their place the cells are."""
    told = {
        RADIUS: "Radius of the region, in coordinate units",
        RADIUS_WIDE: "Radius if it comes from tissue that the reference does not show",
        LIKENESS: "Likeness: correlation with the expression expected at its place",
    }
    pictures = [
        picture(_histogram(placed.obs[name].to_numpy(float), caption), caption)
        for name, caption in told.items()
        if name in placed.obs and placed.obs[name].notna().any()
    ]
    return f'<div class="figures">{"".join(pictures)}</div>' if pictures else ""


def _histogram(values: np.ndarray, label: str) -> Figure:
    figure = Figure(figsize=(4.5, 2.6), layout="constrained")
    axes = figure.subplots()
    finite = values[np.isfinite(values)]
    axes.hist(finite, bins=40, color="#2673b2")
    axes.axvline(np.median(finite), color="black", lw=1)
    axes.set_xlabel(f"{label}\n(line: median {np.median(finite):.4g})", fontsize=8)
    axes.set_ylabel("cells")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
