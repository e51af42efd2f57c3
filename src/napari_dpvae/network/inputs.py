"""What an encoder reads of the panel: genes one by one, or their principal components."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

Form = Literal["genes", "components"]
"""Each gene by itself, or what they say together."""
FORMS: tuple[Form, ...] = get_args(Form)

COMPONENTS = 30
"""Principal components read; all where there are fewer."""
EXACT = 300
"""Spots or genes up to which principal axes are exact."""


class Inputs(NamedTuple):
    """What one network reads."""

    form: Form
    n_genes: int
    """So many of the panel's first genes."""

    @property
    def width(self) -> int:
        """Numbers that a network reads."""
        return self.n_genes if self.form == "genes" else min(COMPONENTS, self.n_genes)


def inputs_in_turn(n_core: int, n_genes: int) -> list[Inputs]:
    """What networks read in turn: the core gene by gene, its components, those of the whole panel.

    Parameters
    ----------
    n_core, n_genes
        Genes in the panel's core, and in all of it.
    """
    sizes = sorted({n_core, n_genes})
    return [Inputs("genes", n_core), *(Inputs("components", size) for size in sizes)]


def principal_axes(x: np.ndarray, deviation: np.ndarray, most: int = COMPONENTS) -> Tensor:
    """Principal axes of log-normalised expression, to read standardised expression by.

    A gene has the weight of its deviation: standardised, genes that are next to silent would count
    as much as others, with their noise. The first component is given unit variance.

    Parameters
    ----------
    x
        (n, n_genes) standardised.
    deviation
        (n_genes,) that it was standardised by.
    most
        Components, unless there are fewer genes.

    Returns
    -------
    Tensor
        (k, n_genes) float32; of fewer spots than components, the last ones are 0.
    """
    from sklearn.decomposition import PCA

    # Exact where that is quick: of many spots and genes it takes seconds for each network.
    solver = "full" if min(x.shape) <= EXACT else "randomized"
    pca = PCA(min(most, *x.shape), svd_solver=solver, random_state=0).fit(x * deviation)
    first = max(float(pca.explained_variance_[0]), 1e-12) ** 0.5
    axes = np.zeros((min(most, x.shape[1]), x.shape[1]), np.float32)
    axes[: len(pca.components_)] = pca.components_ * deviation / first
    return torch.from_numpy(axes)
