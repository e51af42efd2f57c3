"""The networks to train: what each reads, what it holds out, and its seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from napari_dpvae.expression.genes import expressed
from napari_dpvae.network.inputs import Inputs, inputs_in_turn
from napari_dpvae.network.network import Network
from napari_dpvae.network.training import NOISES
from napari_dpvae.settings import TrainingSettings

BLOCK_SHARE = 0.5
"""Of the epochs, for networks that hold out blocks: they place no cells. Those that select take
all: in half of them less regularisation seems enough, and regions come out too narrow."""


@dataclass(frozen=True)
class Run:
    """One network to train.

    Attributes
    ----------
    stage
        What it is for, in words.
    inputs
        What it reads of the panel.
    held_out
        (n,) bool: spots that it is not trained on, and then places.
    seed
        Of its weights, batches and noise.
    epochs
        Passes over the spots that it is trained on.
    regularisation
        By name; None for what is selected for its form.
    start
        A network to go on with; None for a new one.
    """

    stage: str
    inputs: Inputs
    held_out: np.ndarray
    seed: int
    epochs: int
    regularisation: str | None = None
    start: Network | None = None


def selection_runs(
    expresses: sparse.csc_matrix, folds: np.ndarray, n_checks: int, settings: TrainingSettings
) -> tuple[Run, ...]:
    """Each kind of inputs with each regularisation, on spots that are held out of all else.

    Parameters
    ----------
    expresses
        (n, g) what each spot expresses.
    folds
        (n,) which fold each spot is in.
    n_checks
        So many of the folds are held out of the choice of genes.
    settings
        With what was left to choose chosen.
    """
    if not n_checks:
        return ()
    checked, asked = folds < n_checks, settings.regularisation
    seed = network_seed(settings, settings.members)
    return tuple(
        Run("trying regularisations", inputs, checked, seed, settings.epochs, name)
        for inputs in _inputs(expresses, checked, settings)
        for name in (NOISES[inputs.form] if asked == "auto" else [asked])
    )


def ensemble_runs(
    expresses: sparse.csc_matrix, folds: np.ndarray, settings: TrainingSettings
) -> tuple[Run, ...]:
    """Each with another fold held out; in turn they read each kind of inputs.

    Parameters are those of :func:`selection_runs`.
    """
    in_turn = _inputs(expresses, np.zeros(len(folds), bool), settings)
    return tuple(
        Run(
            "training",
            in_turn[fold % len(in_turn)],
            folds == fold,
            network_seed(settings, fold),
            settings.epochs,
        )
        for fold in range(settings.members)
    )


def block_runs(
    expresses: sparse.csc_matrix, blocks: np.ndarray, settings: TrainingSettings
) -> tuple[Run, ...]:
    """Each with another block of the frame held out.

    Parameters
    ----------
    expresses, settings
        As for :func:`selection_runs`.
    blocks
        (n,) which block each spot is in; below 0 in none.
    """
    epochs = max(1, round(BLOCK_SHARE * settings.epochs))
    runs = []
    for block in range(settings.blocks if blocks.max() >= 0 else 0):
        held_out = blocks == block
        in_turn = _inputs(expresses, held_out, settings)
        stage = f"without block {block + 1} of {settings.blocks}"
        # The two kinds of inputs that differ most: genes, and components of the whole panel.
        inputs = in_turn[-1 - block % 2]
        runs.append(Run(stage, inputs, held_out, network_seed(settings, block), epochs))
    return tuple(runs)


def _inputs(
    expresses: sparse.csc_matrix, held_out: np.ndarray, settings: TrainingSettings
) -> Sequence[Inputs]:
    """What networks read in turn of a panel that is chosen without some spots."""
    there = int(expressed(expresses, ~held_out).sum())
    core, whole = settings.genes, max(settings.genes, settings.wide_genes)
    return inputs_in_turn(min(core, there), min(whole, there))


def network_seed(settings: TrainingSettings, number: int) -> int:
    """Of one network: seeds of neighbouring trainings must not share networks."""
    return int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0]) >> 1
