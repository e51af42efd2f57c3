"""Bring points from one frame into another by a similarity transform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import orthogonal_procrustes


@dataclass(frozen=True)
class Similarity:
    """``p -> scale * (p - source_centre) @ rotation + target_centre``; reflections count."""

    scale: float
    rotation: np.ndarray
    source_centre: np.ndarray
    target_centre: np.ndarray

    def apply(self, points: np.ndarray) -> np.ndarray:
        """The points, (n, d), in the target's frame."""
        moved: np.ndarray = (
            self.scale * (points - self.source_centre) @ self.rotation + self.target_centre
        )
        return moved


def fit_similarity(source: np.ndarray, target: np.ndarray) -> Similarity:
    """The least-squares similarity from source to target (Procrustes, Schönemann 1966).

    Parameters
    ----------
    source, target
        (n, d) each; row i of one corresponds to row i of the other.

    Raises
    ------
    ValueError
        When the shapes differ, or all source points coincide.
    """
    if source.shape != target.shape:
        raise ValueError(f"source is {source.shape} and target {target.shape}: they must agree.")
    source_centre, target_centre = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_centre, target - target_centre
    size = float((a**2).sum())
    if size == 0.0:
        raise ValueError("All source points coincide: no similarity transform can be found.")
    rotation, singular_sum = orthogonal_procrustes(a, b)
    return Similarity(float(singular_sum) / size, rotation, source_centre, target_centre)
