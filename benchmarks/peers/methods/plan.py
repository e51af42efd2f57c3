"""From a plan (how much of each cell goes to each spot) to coordinates."""

from __future__ import annotations

import numpy as np


def read_plan(plan: np.ndarray, coordinates: np.ndarray) -> dict[str, np.ndarray]:
    """Coordinates by the likeliest spot and by the expectation over the spots.

    Parameters
    ----------
    plan
        (cells, spots), non-negative.
    coordinates
        (spots, d).

    Raises
    ------
    ValueError
        When the plan is not finite, or leaves a cell out.
    """
    mass = plan.sum(axis=1, keepdims=True)
    if not np.isfinite(plan).all() or not (mass > 0).all():
        raise ValueError("the plan is not finite, or leaves cells without a place")
    return {
        "argmax": coordinates[plan.argmax(axis=1)],
        "expectation": (plan / mass) @ coordinates,
    }
