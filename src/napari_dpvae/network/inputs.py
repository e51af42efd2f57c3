"""What an encoder reads of the panel: genes one by one, or their principal components."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

from napari_dpvae.network.device import one_thread

Form = Literal["genes", "components"]
"""Each gene by itself, or what they say together."""
FORMS: tuple[Form, ...] = get_args(Form)

COMPONENTS = 30
"""Principal components read; all where there are fewer."""
EXACT = 300
"""Spots or genes up to which principal axes are exact."""
OVERSAMPLED = 10
"""Components more than are wanted, where they are not (Halko et al. 2011)."""


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
    """What networks read in turn: components of the core and of the whole panel, the core's genes.

    Components first: of a number of networks that the kinds do not divide, fewer read the genes.

    Parameters
    ----------
    n_core, n_genes
        Genes in the panel's core, and in all of it.
    """
    sizes = sorted({n_core, n_genes})
    return [*(Inputs("components", size) for size in sizes), Inputs("genes", n_core)]


def principal_axes(x: np.ndarray, weights: np.ndarray, most: int = COMPONENTS) -> Tensor:
    """Principal axes of genes that are weighted, to read the genes by as they are.

    The first component is given unit variance.

    Parameters
    ----------
    x
        (n, n_genes) float32, which is overwritten: bounds memory.
    weights
        (n_genes,).
    most
        Components, unless there are fewer genes.

    Returns
    -------
    Tensor
        (k, n_genes) float32; of fewer spots than components, the last ones are 0.
    """
    # By torch: while scikit-learn's solver is at work a window stands still.
    scaled = torch.from_numpy(x).mul_(torch.from_numpy(weights).float())
    scaled -= scaled.mean(dim=0)
    k = min(most, *scaled.shape)
    with one_thread(), torch.random.fork_rng():
        torch.manual_seed(0)
        singular, found = _singular(scaled, k)
    first = max(float(singular[0]) / max(len(x) - 1, 1) ** 0.5, 1e-6)
    axes = torch.zeros(min(most, len(weights)), len(weights))
    axes[:k] = found[:k] * torch.from_numpy(weights / first)
    return axes


def _singular(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The first k singular values or more, and their right vectors as rows."""
    if min(x.shape) <= EXACT:
        _, values, rows = torch.linalg.svd(x, full_matrices=False)
        return values, rows
    # Of many spots and genes all would take seconds for each network.
    _, values, columns = torch.svd_lowrank(x, k + OVERSAMPLED, niter=4)
    return values, columns.T
