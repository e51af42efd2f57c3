"""Networks of one shape: trained together, each on a part of the spots, assessed on the rest."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from napari_dpvae.expression.panel import MOST_FOR_AXES
from napari_dpvae.geometry.anchors import distance_ratio
from napari_dpvae.geometry.regression import Regression
from napari_dpvae.model.member import Member, encode
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.device import find_device
from napari_dpvae.network.inputs import principal_axes
from napari_dpvae.network.network import Network
from napari_dpvae.network.pairs import make_pairs
from napari_dpvae.network.training import NOISES, Batches, Losses, train
from napari_dpvae.training.assemble import Origin, Progress, uncalibrated
from napari_dpvae.training.fitted import FittedNetwork, assess
from napari_dpvae.training.plan import Plan, Run, groups
from napari_dpvae.training.report import Step
from napari_dpvae.training.spots import Material, scaled

LOSSES = "losses"
Model = Callable[[], Trained]
"""Makes a model as it stands."""
Fitted = dict[int, FittedNetwork]
"""Networks by their number among the runs, in that order."""


class Group:
    """Drain :meth:`epochs`, then ask for what was :meth:`fitted`.

    Parameters
    ----------
    runs
        What to train: networks that read in the same form.
    plan
        That they are of.
    material
        Panel and spots.
    """

    def __init__(self, runs: Sequence[Run], plan: Plan, material: Material) -> None:
        self._plan = plan
        self._settings = replace(plan.settings, epochs=runs[0].epochs)
        self._material = material
        self._panel, self._spots, self._frame = material.panel, material.spots, material.frame
        self._runs = runs
        self._axes: dict[tuple[bytes, int], Tensor] = {}
        self._networks = [self._network(run) for run in runs]
        self._scaled = [self._places(run) for run in runs]

    def epochs(
        self, given: sparse.csr_array | None = None, measured: np.ndarray | None = None
    ) -> Iterator[Losses]:
        """Train; yields the losses of every epoch, as their mean over the networks.

        Parameters
        ----------
        given
            (n, n) weights of the pairs whose distance is preserved; None to find them by a mask.
        measured
            (n, n_genes) 1 where a gene was measured, else 0; None if all were.
        """
        return train(
            self._networks,
            torch.from_numpy(self._spots.x),
            [self._batches(number, given) for number in range(len(self._runs))],
            self._settings,
            None if measured is None else torch.from_numpy(measured),
        )

    def members(self) -> list[Member]:
        """The networks as they stand, with all anchors."""
        return [self._member(number, self._frame) for number in range(len(self._runs))]

    def fitted(self) -> list[FittedNetwork]:
        """How each places the spots of the frame that it was not trained on."""
        return [self._assessed(number, run) for number, run in enumerate(self._runs)]

    def weights(self) -> dict[str, np.ndarray]:
        """Of all networks, by number and name."""
        return {
            f"{number}.{name}": tensor.cpu().numpy()
            for number, network in enumerate(self._networks)
            for name, tensor in network.state_dict().items()
        }

    def load(self, weights: Mapping[str, np.ndarray]) -> None:
        """Take weights in place of training."""
        for number, network in enumerate(self._networks):
            own = {
                name: torch.from_numpy(weights[f"{number}.{name}"]) for name in network.state_dict()
            }
            network.load_state_dict(own)
            network.to(find_device(self._settings.device)).eval()

    def _places(self, run: Run) -> tuple[np.ndarray, float]:
        """Coordinates of the spots that a run is trained on, and their unit: see :func:`scaled`."""
        chosen = ~run.held_out
        return scaled(self._spots.coordinates[chosen], self._spots.sections[chosen])

    def _batches(self, number: int, given: sparse.csr_array | None) -> Batches:
        """What a network is trained on."""
        run = self._runs[number]
        chosen = ~run.held_out
        places, sections = self._spots.coordinates[chosen], self._spots.sections[chosen]
        given = None if given is None else given[chosen][:, chosen]
        return Batches(
            np.flatnonzero(chosen),
            torch.from_numpy(np.nan_to_num(self._scaled[number][0])),
            make_pairs(self._settings, places, sections, given),
            NOISES[run.inputs.form][self._plan.of(run)],
            run.seed,
        )

    def _assessed(self, number: int, run: Run) -> FittedNetwork:
        own, held_out = self._frame & ~run.held_out, self._frame & run.held_out
        return assess(
            self._member(number, self._frame),
            self._member(number, own),
            self._panel,
            self._spots.take(own),
            self._spots.take(held_out),
        )

    def _member(self, number: int, anchors: np.ndarray) -> Member:
        """With the spots of a boolean mask as anchors."""
        network, spots = self._networks[number], self._spots.take(anchors)
        latents = encode(network, spots.x)
        scale = float(network.scale.detach()) / self._scaled[number][1]
        if self._settings.alpha2 == 0 and not self._settings.fixed_lambda:
            # Nothing taught a vanilla VAE its lambda: take the ratio that fits best.
            scale = distance_ratio(latents, spots.coordinates)
        trained_on = ~self._runs[number].held_out[anchors]
        return Member(network, latents, scale, trained_on, regression=self._regressions[number])

    @cached_property
    def _regressions(self) -> list[Regression | None]:
        """For each network, of the spots of the frame that it is trained on."""
        if not self._settings.regression:
            return [None] * len(self._runs)
        by_spots = {run.held_out.tobytes(): run for run in self._runs}
        fitted = {spots: self._regression(run) for spots, run in by_spots.items()}
        return [fitted[run.held_out.tobytes()] for run in self._runs]

    def _regression(self, run: Run) -> Regression:
        spots = self._spots.take(self._frame & ~run.held_out)
        return Regression.fit(spots.x, spots.coordinates, self._material.axes)

    def _network(self, run: Run) -> Network:
        """A new one, or a copy of the one to go on with."""
        if run.start is not None:
            return copy.deepcopy(run.start)
        axes = self._axes_of(run) if run.inputs.form == "components" else None
        with torch.random.fork_rng():
            torch.manual_seed(run.seed)
            return Network(
                self._panel.n_core,
                self._settings.latent_dim,
                hidden=self._settings.hidden,
                dropout=NOISES[run.inputs.form][self._plan.of(run)].dropout,
                fixed_lambda=self._settings.fixed_lambda,
                axes=axes,
            )

    def _axes_of(self, run: Run) -> Tensor:
        """What it reads genes by: the same for all that read the same of the same spots."""
        read = slice(run.inputs.n_genes)
        key = run.held_out.tobytes(), run.inputs.n_genes
        if key not in self._axes:
            every = -(-len(run.held_out) // MOST_FOR_AXES)
            x = self._spots.x[::every][~run.held_out[::every], read]
            self._axes[key] = principal_axes(x, self._panel.deviation[read])
        return self._axes[key]


def train_group(
    runs: Sequence[Run],
    origin: Origin,
    material: Material,
    progress: Progress,
    model: Model | None,
    measured: np.ndarray | None = None,
) -> Generator[Step, None, list[FittedNetwork]]:
    """Train networks together, then place what each did not see.

    Half-way through its schedule a network is worse than none beside those that are done: the
    model as it stands is theirs, and the networks' own only where there is no other.

    Parameters
    ----------
    runs
        What to train.
    origin, material, progress
        Of the training.
    model
        Of the networks that are done; None where there are none.
    measured
        (n, n_genes) 1 where a gene was measured, else 0; None if all were.
    """
    group = Group(runs, origin.plan, material)
    model = model or (lambda: uncalibrated(origin, material, group.members(), progress))
    stage = runs[0].stage
    if len(runs) > 1:
        stage += f": {len(runs)} networks that read {runs[0].inputs.form}"
    progress.begin(stage)
    kept, number = progress.unfinished, progress.groups
    if kept is not None and number in kept:
        weights = kept.read(number)
        for losses in weights.pop(LOSSES).tolist():
            progress.advance(Losses(*losses), len(runs))
        group.load(weights)
    else:
        for epoch, losses in enumerate(group.epochs(origin.layout.pairs, measured), start=1):
            progress.advance(losses, len(runs))
            if epoch < runs[0].epochs:
                yield Step(progress.report(), model)
        if kept is not None:
            kept.keep(number, group.weights() | {LOSSES: np.array(progress.curve)})
    progress.groups += 1
    fitted = group.fitted()
    error = float(np.mean([network.errors.mean() for network in fitted]))
    yield Step(progress.report(error), model)
    return fitted


def train_runs(
    runs: Sequence[Run],
    origin: Origin,
    material: Material,
    progress: Progress,
    made: Callable[[Fitted], Model],
    model: Model | None = None,
    measured: np.ndarray | None = None,
) -> Generator[Step, None, Fitted]:
    """Train all networks of one material, those of one shape together.

    Parameters
    ----------
    runs
        What to train.
    origin, material, progress, measured
        As for :func:`train_group`.
    made
        The model of the networks that are done.
    model
        Until some are; None where there is none.
    """
    fitted: Fitted = {}
    for numbers in groups(runs):
        group = [runs[number] for number in numbers]
        done = yield from train_group(group, origin, material, progress, model, measured)
        fitted = dict(sorted((fitted | dict(zip(numbers, done, strict=True))).items()))
        model = made(fitted)
    return fitted
