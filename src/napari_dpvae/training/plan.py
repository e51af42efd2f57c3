"""What will be trained, decided before anything is: an immutable plan of networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.layout import Layout
from napari_dpvae.expression.genes import expressed
from napari_dpvae.network.inputs import FORMS, Form, Inputs, inputs_in_turn
from napari_dpvae.network.network import Network
from napari_dpvae.network.training import NOISES
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.training.folds import make_blocks, make_folds

USUAL_EPOCHS = 150
MANY_SPOTS = 1000
"""A larger reference is passed over fewer times: it takes more steps, but not as many more."""
SLOWER = 0.6
"""Power of the size that passes fall with."""
FEWEST_EPOCHS = 5
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


@dataclass(frozen=True)
class Plan:
    """The networks of a training.

    Attributes
    ----------
    settings
        With what was left to choose chosen.
    regularisation
        Of each form of inputs, where it is not selected.
    selection
        Networks that each try a regularisation; they hold out spots that have no say in the choice
        of genes either. None to select from where it is empty.
    ensemble
        Networks that place cells, each with another part of the spots held out.
    blocks
        Networks that each hold out a contiguous block, from the choice of genes as well.
    n_checks
        So many of the first networks of the ensemble hold out a part of what the selection did.
    """

    settings: TrainingSettings
    regularisation: dict[Form, str]
    selection: tuple[Run, ...]
    ensemble: tuple[Run, ...]
    blocks: tuple[Run, ...] = ()
    n_checks: int = 0

    @property
    def epochs(self) -> int:
        """Over all networks."""
        return sum(run.epochs for run in (*self.selection, *self.ensemble, *self.blocks))

    @property
    def n_inputs(self) -> int:
        """Kinds of inputs: network i of the ensemble reads as network i + n_inputs."""
        return len({run.inputs for run in self.ensemble})

    def kind(self, number: int) -> int:
        """Which kind of inputs a network of the ensemble reads, by its number."""
        return number % self.n_inputs

    def with_selected(self, regularisation: dict[Form, str]) -> Plan:
        """The plan with what was selected for each form."""
        return replace(self, regularisation=regularisation)

    def of(self, run: Run) -> str:
        """The regularisation of a run."""
        return run.regularisation or self.regularisation[run.inputs.form]


def groups(runs: Sequence[Run]) -> list[list[int]]:
    """Numbers of the runs whose networks have one shape, and are trained together."""
    shapes = [(run.inputs.form, run.inputs.width) for run in runs]
    return [[i for i, shape in enumerate(shapes) if shape == one] for one in dict.fromkeys(shapes)]


def plan_fit(reference: ad.AnnData, layout: Layout, settings: TrainingSettings) -> Plan:
    """Plan a training from scratch.

    Parameters
    ----------
    reference
        Checked: spots by genes, coordinates in ``obsm["spatial"]``.
    layout
        Of its spots.
    settings
        As asked for.
    """
    coordinates = np.asarray(reference.obsm[SPATIAL], float)
    settings = replace(
        settings,
        latent_dim=settings.latent_dim or coordinates.shape[1],
        epochs=settings.epochs or usual_epochs(reference.n_obs),
    )
    asked, members = settings.regularisation, settings.members
    folds = make_folds(layout.sections, members, settings.seed)
    blocks = make_blocks(coordinates, layout.sections == layout.frame)
    n_checks = min(settings.checks, members // 2)
    return Plan(
        settings=settings,
        regularisation=dict.fromkeys(FORMS, "medium" if asked == "auto" else asked),
        selection=_selection(reference, folds, n_checks, settings),
        ensemble=_ensemble(reference, folds, settings),
        blocks=_blocks(reference, blocks, settings),
        n_checks=n_checks,
    )


def _selection(
    reference: ad.AnnData, folds: np.ndarray, n_checks: int, settings: TrainingSettings
) -> tuple[Run, ...]:
    """Each kind of inputs with each regularisation, on spots that are held out of all else."""
    if not n_checks:
        return ()
    checked, asked = folds < n_checks, settings.regularisation
    seed = network_seed(settings, settings.members)
    return tuple(
        Run("trying regularisations", inputs, checked, seed, settings.epochs, name)
        for inputs in _inputs(reference, checked, settings)
        for name in (NOISES[inputs.form] if asked == "auto" else [asked])
    )


def _ensemble(
    reference: ad.AnnData, folds: np.ndarray, settings: TrainingSettings
) -> tuple[Run, ...]:
    """Each with another fold held out; in turn they read each kind of inputs."""
    in_turn = _inputs(reference, np.zeros(reference.n_obs, bool), settings)
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


def _blocks(
    reference: ad.AnnData, blocks: np.ndarray, settings: TrainingSettings
) -> tuple[Run, ...]:
    """Each with another block of the frame held out."""
    epochs = max(1, round(BLOCK_SHARE * settings.epochs))
    runs = []
    for block in range(settings.blocks if blocks.max() >= 0 else 0):
        held_out = blocks == block
        in_turn = _inputs(reference, held_out, settings)
        stage = f"without block {block + 1} of {settings.blocks}"
        # The two kinds of inputs that differ most.
        inputs = in_turn[-(block % 2)]
        runs.append(Run(stage, inputs, held_out, network_seed(settings, block), epochs))
    return tuple(runs)


def _inputs(
    reference: ad.AnnData, held_out: np.ndarray, settings: TrainingSettings
) -> Sequence[Inputs]:
    """What networks read in turn of a panel that is chosen without some spots."""
    there = int(expressed(sparse.csr_matrix(reference.X[~held_out])).sum())
    core, whole = settings.genes, max(settings.genes, settings.wide_genes)
    return inputs_in_turn(min(core, there), min(whole, there))


def network_seed(settings: TrainingSettings, number: int) -> int:
    """Of one network: seeds of neighbouring trainings must not share networks."""
    return int(np.random.SeedSequence([settings.seed, number]).generate_state(1)[0]) >> 1


def usual_epochs(n_spots: int) -> int:
    """Passes over a reference.

    What a network needs is passes, in other noise each, while spots are few; and no more spots
    than it has looked at, where they are many.
    """
    fewer = min(1.0, (MANY_SPOTS / n_spots) ** SLOWER)
    return max(FEWEST_EPOCHS, round(USUAL_EPOCHS * fewer))
