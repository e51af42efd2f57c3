"""What an encoder reads: the genes of the panel, or their principal components."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch import Tensor

Reading = Literal["genes", "components"]
READINGS: tuple[Reading, ...] = get_args(Reading)

COMPONENTS = 30
"""Principal components read; all where there are fewer."""


def reading_in_turn(i: int) -> Reading:
    """What the i-th network reads."""
    return READINGS[i % len(READINGS)]


def principal_axes(x: np.ndarray, deviation: np.ndarray) -> Tensor:
    """Principal axes of log-normalised expression, to read standardised expression by.

    A gene has the weight of its deviation: standardised, genes that are next to silent would count
    as much as others, with their noise. The first component is given unit variance.

    Parameters
    ----------
    x
        (n, n_genes) standardised.
    deviation
        (n_genes,) that it was standardised by.

    Returns
    -------
    Tensor
        (k, n_genes) float32.
    """
    pca = PCA(n_components=min(COMPONENTS, *x.shape), svd_solver="covariance_eigh")
    pca.fit(x * deviation)
    first = max(float(pca.explained_variance_[0]), 1e-12) ** 0.5
    return torch.from_numpy((pca.components_ * deviation / first).astype(np.float32))
