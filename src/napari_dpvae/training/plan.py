"""What will be trained, decided before anything is: an immutable plan of networks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.layout import Layout
from napari_dpvae.network.inputs import FORMS, Form
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.training.folds import make_blocks, make_folds
from napari_dpvae.training.runs import Run, block_runs, ensemble_runs, selection_runs

USUAL_EPOCHS = 150
MANY_SPOTS = 1000
"""A larger reference is passed over fewer times: it takes more steps, but not as many more."""
SLOWER = 0.6
"""Power of the size that passes fall with."""
FEWEST_EPOCHS = 5


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
    expresses = sparse.csc_matrix(reference.X)
    return Plan(
        settings=settings,
        regularisation=dict.fromkeys(FORMS, "medium" if asked == "auto" else asked),
        selection=selection_runs(expresses, folds, n_checks, settings),
        ensemble=ensemble_runs(expresses, folds, settings),
        blocks=block_runs(expresses, blocks, settings),
        n_checks=n_checks,
    )


def usual_epochs(n_spots: int) -> int:
    """Passes over a reference.

    What a network needs is passes, in other noise each, while spots are few; and no more spots
    than it has looked at, where they are many.
    """
    fewer = min(1.0, (MANY_SPOTS / n_spots) ** SLOWER)
    return max(FEWEST_EPOCHS, round(USUAL_EPOCHS * fewer))
