"""Whether a reference carries enough spatial signal to place cells, in words."""

from __future__ import annotations

import pandas as pd

BY_CHANCE = "by_chance"
"""Key of an evaluation's ``attrs``: its measures, of places that are drawn by lot."""
LEAST_GAIN = 0.05
"""By which the Procrustes disparity must be below chance, or places tell hardly more than that."""


def spatial_signal(table: pd.DataFrame) -> str:
    """What an evaluation says of its reference: two sentences, and a warning near chance.

    Parameters
    ----------
    table
        From :func:`napari_dpvae.evaluate`; its first method is told.
    """
    runs = table[table["method"] == table["method"].iloc[0]]
    found, chance = runs.mean(numeric_only=True), table.attrs[BY_CHANCE]
    name, how = "median_error_percent", ""
    if pd.isna(found[name]):
        name, how = f"aligned_{name}", ", after the best similarity"
    told = (
        f"In the median cells lie {found[name]:.2g} % of the diagonal off{how}; by chance "
        f"{chance[name]:.2g} %. Latent distances keep those of the tissue within a factor of "
        f"{found['distortion']:.2g} for nine of ten pairs ({found['distortion_in_sample']:.2g} for "
        f"spots trained on, {chance['distortion']:.2g} by chance)."
    )
    if found["procrustes"] < chance["procrustes"] - LEAST_GAIN:
        return told
    return (
        f"{told} The shape is lost (Procrustes {found['procrustes']:.2f}, by chance "
        f"{chance['procrustes']:.2f}): this reference carries too little spatial signal to place "
        "cells by."
    )
