"""Networks of one shape: trained together, each on a part of the spots, assessed on the rest."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain, cycle
from operator import itemgetter
from typing import TypeVar

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from napari_dpvae.data.unfinished import Unfinished
from napari_dpvae.expression.panel import MOST_FOR_AXES
from napari_dpvae.geometry.regression import MOST_SPOTS, Regression
from napari_dpvae.model.member import Member, encode
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.device import one_thread
from napari_dpvae.network.inputs import COMPONENTS
from napari_dpvae.network.network import Network
from napari_dpvae.network.pairs import make_pairs
from napari_dpvae.network.training import NOISES, Batches, Losses, train
from napari_dpvae.steps import by_threads
from napari_dpvae.training.assemble import Assembly, Progress
from napari_dpvae.training.fitted import FittedNetwork, assess
from napari_dpvae.training.plan import Plan
from napari_dpvae.training.report import Step
from napari_dpvae.training.runs import Run
from napari_dpvae.training.spots import Spots, scaled

LOSSES = "losses"
Item = TypeVar("Item")


class Group:
    """Drain :meth:`epochs`, then ask for what was :meth:`fitted`.

    Parameters
    ----------
    runs
        What to train: networks that read in the same form.
    plan
        That they are of.
    spots
        To train and to assess them on.
    device
        To compute on.
    pairs
        (n, n) weights of the pairs whose distance is preserved; None to find them by a mask.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        plan: Plan,
        spots: Spots,
        device: torch.device,
        pairs: sparse.csr_array | None = None,
    ) -> None:
        self._plan = plan
        self._settings = replace(plan.settings, epochs=runs[0].epochs)
        self._spots, self._frame = spots, spots.frame
        self._runs = runs
        self._axes: dict[tuple[bytes, int], Tensor] = {}
        networks = [self._network(run) for run in runs]
        self._networks = [network.to(device).eval() for network in networks]
        trained_on = [
            (spots.coordinates[~run.held_out], spots.sections[~run.held_out]) for run in runs
        ]
        self._scaled = [scaled(*places) for places in trained_on]
        given = [None if pairs is None else pairs[~run.held_out][:, ~run.held_out] for run in runs]
        self._pairs = [
            make_pairs(self._settings, *places, own)
            for places, own in zip(trained_on, given, strict=True)
        ]

    def epochs(
        self,
        measured: np.ndarray | None = None,
        kept: Unfinished | None = None,
        number: int = 0,
    ) -> Iterator[Losses]:
        """Train; yields the losses of every epoch, as their mean over the networks.

        Parameters
        ----------
        measured
            (n, n_genes) 1 where a gene was measured, else 0; None if all were.
        kept
            Where the networks are kept once they are trained, or taken from if they were before.
        number
            Of the group there.
        """
        if kept is not None and number in kept:
            yield from self._load(kept.read(number))
            return
        curve, batches = [], [self._batches(number) for number in range(len(self._runs))]
        core = slice(self._spots.panel.n_core)
        x = torch.from_numpy(self._spots.x[:, core])
        there = None if measured is None else torch.from_numpy(measured[:, core])
        axes = [network.axes.cpu() for network in self._networks if network.axes is not None]
        components = self._spots.components(axes) if axes else None
        for losses in train(self._networks, x, batches, self._settings, components, there):
            curve.append(losses)
            yield losses
        if kept is not None:
            kept.keep(number, self._weights() | {LOSSES: np.array(curve)})

    @property
    def n_networks(self) -> int:
        """That are trained together."""
        return len(self._networks)

    def members(self) -> list[Member]:
        """The networks as they stand, with all anchors."""
        latents = encode(self._networks, self._spots.panel, self._spots.anchors)
        return [self._member(number, z) for number, z in enumerate(latents)]

    def fitted(self) -> list[FittedNetwork]:
        """How each places the spots of the frame that it was not trained on."""
        spots = self._spots
        coordinates = spots.coordinates[spots.frame]
        return [
            assess(member, spots.panel, spots.anchors, coordinates) for member in self.members()
        ]

    def _weights(self) -> dict[str, np.ndarray]:
        """Of all networks, by number and name."""
        return {
            f"{number}.{name}": tensor.cpu().numpy()
            for number, network in enumerate(self._networks)
            for name, tensor in network.state_dict().items()
        }

    def _load(self, kept: dict[str, np.ndarray]) -> Iterator[Losses]:
        """Take weights in place of training; yields the losses that it had."""
        for number, network in enumerate(self._networks):
            names = network.state_dict()
            network.load_state_dict(
                {name: torch.from_numpy(kept[f"{number}.{name}"]) for name in names}
            )
        for losses in kept[LOSSES].tolist():
            yield Losses(*losses)

    def _batches(self, number: int) -> Batches:
        """What a network is trained on."""
        run = self._runs[number]
        return Batches(
            np.flatnonzero(~run.held_out),
            torch.from_numpy(np.nan_to_num(self._scaled[number][0])),
            self._pairs[number],
            NOISES[run.inputs.form][self._plan.of(run)],
            run.seed,
        )

    def _member(self, number: int, latents: np.ndarray) -> Member:
        """With all spots of the frame as anchors, whose latents are (r, latent_dim)."""
        spots, settings, scale = self._spots, self._settings, None
        if settings.alpha2 > 0 or settings.fixed_lambda:
            scale = float(self._networks[number].scale.detach()) / self._scaled[number][1]
        return Member.of(
            self._networks[number],
            latents,
            spots.coordinates[self._frame],
            ~self._runs[number].held_out[self._frame],
            scale,
            self._regressions[number],
        )

    @cached_property
    def _regressions(self) -> list[Regression | None]:
        """For each network, of the spots of the frame that it is trained on."""
        if not self._settings.regression:
            return [None] * len(self._runs)
        by_spots = {run.held_out.tobytes(): run for run in self._runs}
        fitted = {spots: self._regression(run) for spots, run in by_spots.items()}
        return [fitted[run.held_out.tobytes()] for run in self._runs]

    def _regression(self, run: Run) -> Regression:
        spots, own = self._spots, np.flatnonzero(self._frame & ~run.held_out)
        some = own[:: -(-len(own) // MOST_SPOTS)]
        components = spots.components([spots.axes], some)
        return Regression.fit(components.numpy(), spots.coordinates[some], spots.axes.numpy())

    def _network(self, run: Run) -> Network:
        """A new one, or a copy of the one to go on with."""
        if run.start is not None:
            return copy.deepcopy(run.start)
        axes = self._axes_of(run) if run.inputs.form == "components" else None
        with torch.random.fork_rng():
            torch.manual_seed(run.seed)
            return Network(
                self._spots.panel.n_core,
                self._settings.latent_dim,
                hidden=self._settings.hidden,
                dropout=NOISES[run.inputs.form][self._plan.of(run)].dropout,
                fixed_lambda=self._settings.fixed_lambda,
                axes=axes,
            )

    def _axes_of(self, run: Run) -> Tensor:
        """What it reads genes by: the same for all that read the same of the same spots."""
        key = run.held_out.tobytes(), run.inputs.n_genes
        if key not in self._axes:
            every = -(-len(run.held_out) // MOST_FOR_AXES)
            rows = every * np.flatnonzero(~run.held_out[::every])
            self._axes[key] = self._spots.axes_of(rows, run.inputs.n_genes, COMPONENTS)
        return self._axes[key]


def groups(runs: Sequence[Run]) -> list[list[int]]:
    """Numbers of the runs whose networks have one shape, and are trained together."""
    shapes = [(run.inputs.form, run.inputs.width) for run in runs]
    return [[i for i, shape in enumerate(shapes) if shape == one] for one in dict.fromkeys(shapes)]


def train_runs(
    runs: Sequence[Run],
    assembly: Assembly,
    made: Callable[[Sequence[FittedNetwork]], Trained],
    measured: np.ndarray | None = None,
) -> Generator[Step, None, list[FittedNetwork]]:
    """Train networks of one material, then place what each did not see.

    Half-way through its schedule a network is worse than none beside those that are done: the
    model as it stands is theirs, and the networks' own only where there is no other.

    Parameters
    ----------
    runs
        What to train, for as many epochs each.
    assembly
        For what model.
    made
        The model once these networks are done.
    measured
        (n, n_genes) 1 where a gene was measured, else 0; None if all were.
    """
    origin, progress, spots = assembly.origin, assembly.progress, assembly.material.spots()
    alike = groups(runs)
    trained = [
        Group([runs[number] for number in numbers], origin.plan, spots, device, origin.layout.pairs)
        for numbers, device in zip(alike, cycle(origin.devices), strict=False)
    ]

    def as_they_stand() -> Trained:
        return assembly.uncalibrated(_in_order(alike, [group.members() for group in trained]))

    model = progress.model or as_they_stand
    stage = runs[0].stage + (f": {len(runs)} networks" if len(runs) > 1 else "")
    for epoch in progress.follow(stage, len(runs), _epochs(trained, measured, progress)):
        if epoch < runs[0].epochs:
            yield Step(progress.report(), model)
    progress.groups += len(trained)
    fitted = _in_order(alike, [group.fitted() for group in trained])
    progress.model = partial(made, fitted)
    error = float(np.mean([network.errors.mean() for network in fitted]))
    yield Step(progress.report(error), progress.model)
    return fitted


def _epochs(
    trained: Sequence[Group], measured: np.ndarray | None, progress: Progress
) -> Iterator[Losses]:
    """Of groups side by side, a thread each; the losses are their mean over all networks.

    Each trains by itself: on one core the same comes out.
    """
    each = [
        group.epochs(measured, progress.unfinished, progress.groups + number)
        for number, group in enumerate(trained)
    ]
    sizes = [group.n_networks for group in trained]
    while True:
        with one_thread():
            losses = list(by_threads(lambda epochs: next(epochs, None), each))
        known = [one for one in losses if one is not None]
        if len(known) < len(each):
            return
        yield Losses(*np.average(known, axis=0, weights=sizes).tolist())


def _in_order(numbers: Sequence[Sequence[int]], parts: Sequence[Sequence[Item]]) -> list[Item]:
    """What is known of each run by its number, in their order."""
    pairs = zip(chain(*numbers), chain(*parts), strict=True)
    return [item for _, item in sorted(pairs, key=itemgetter(0))]
