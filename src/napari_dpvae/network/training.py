"""Training, as a generator of epochs: whoever drains it can show, pause or stop it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_dpvae.network.device import one_thread
from napari_dpvae.network.drawn import Drawn
from napari_dpvae.network.inputs import Form
from napari_dpvae.network.network import Network
from napari_dpvae.network.objective import distance_preserving, kl_divergence, reconstruction
from napari_dpvae.network.optimiser import OneCycleAdamW
from napari_dpvae.network.pairs import Pairs
from napari_dpvae.network.stack import Stack
from napari_dpvae.settings import TrainingSettings


class Losses(NamedTuple):
    """Means over the spots of an epoch, before their weights alpha and beta."""

    reconstruction: float
    kl: float
    distance: float


@dataclass(frozen=True)
class Noise:
    """What is done to the inputs and hidden units while training, so as not to learn by heart."""

    inputs: float
    """Standard deviation of the Gaussian noise on the standardised genes."""
    dropout: float
    """Share of hidden units silenced."""


NOISES: dict[Form, dict[str, Noise]] = {
    "genes": {"strong": Noise(1.0, 0.3), "medium": Noise(0.3, 0.1), "light": Noise(0.1, 0.0)},
    "components": {"strong": Noise(2.0, 0.4), "medium": Noise(1.0, 0.3), "light": Noise(0.3, 0.1)},
}
"""By the form read, and the name of the regularisation: noise averages out in components."""

DECODED = 0.25
"""Share of the spots of a step that are decoded, each time others, where all of them have distances
to learn from: decoding is most of the work, and teaches the encoder little beside these."""


class Batches(NamedTuple):
    """What one network is trained on, and in what noise.

    Its spots are rows of the tensors that all networks of a stack share.
    """

    rows: np.ndarray
    """(n,) of the shared tensors."""
    s: Tensor
    """(n, 2 or 3) coordinates, scaled by one number for all axes."""
    pairs: Pairs
    """Mask G over the n spots."""
    noise: Noise
    seed: int


def train(
    networks: Sequence[Network],
    core: Tensor,
    batches: Sequence[Batches],
    settings: TrainingSettings,
    components: Tensor | None = None,
    measured: Tensor | None = None,
) -> Iterator[Losses]:
    """Fit networks of one shape together, in place; they are usable after every epoch.

    Parameters
    ----------
    networks
        New networks, or trained ones to go on with; on the device to compute on.
    core
        Standardised expression, (N, n_genes), that networks decode, and read where they read genes.
    batches
        For each network, what it is trained on.
    settings
        Weights and schedule.
    components
        (M N, k) that the networks read, one behind the other; None where they read genes.
    measured
        Like the core: 1 where a gene was measured, else 0; measured everywhere if not given.

    Yields
    ------
    Losses
        Of each epoch, the mean over the networks.
    """
    run = _Run(networks, core, batches, settings, components, measured)
    for _ in range(settings.epochs):
        with one_thread():
            losses = run.epoch()
        yield losses


class _Run:
    """Tensors on the device, optimiser and schedule of one training."""

    def __init__(
        self,
        networks: Sequence[Network],
        core: Tensor,
        batches: Sequence[Batches],
        settings: TrainingSettings,
        components: Tensor | None,
        measured: Tensor | None,
    ) -> None:
        device = networks[0].log_lambda.device
        self._settings, self._n_genes = settings, networks[0].n_genes
        self._device, self._batches = device, batches
        self._core = core.to(device)
        self._measured = None if measured is None else measured.to(device)
        self._read, self._begins, self._mix = self._inputs(networks, components)
        self._decoded = DECODED if settings.alpha2 > 0 and measured is None else 1.0
        self._rngs = [np.random.default_rng(each.seed) for each in batches]
        self._source = torch.Generator(device).manual_seed(batches[0].seed)
        most = max(len(each.rows) for each in batches)
        self._n_spots, self._n_batches = most, -(-most // settings.batch_size)
        n_step = -(-most // self._n_batches)
        self._noise = Drawn(self._noise_on, n_step, self._rngs[0])
        self._stack = Stack(networks, n_step, self._source, self._rngs[0])
        self._optimiser = OneCycleAdamW(
            self._stack.learned, settings.learning_rate, settings.epochs * self._n_batches
        )

    def _inputs(
        self, networks: Sequence[Network], components: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What networks read of all spots, where each one's begins, and what makes noise on it.

        All that read genes read the same. Noise on the genes is a Gaussian on their components,
        with covariance ``A A'`` where ``A`` are the axes: it is drawn there, where there are fewer.

        Returns
        -------
        read
            (N, n_in) genes, or (M N, n_in) components.
        begins
            (M, 1) the first row of each.
        mix
            (M, n_in, n_in) that noise is multiplied by for components, (M, 1, 1) for genes.
        """
        device, number = self._device, torch.arange(len(networks), device=self._device)[:, None]
        sizes = torch.tensor([each.noise.inputs for each in self._batches])[:, None, None]
        all_axes = [network.axes.cpu() for network in networks if network.axes is not None]
        if components is None:
            return self._core, torch.zeros_like(number), sizes.to(device)
        squares = torch.stack([axes @ axes.T for axes in all_axes]).double()
        nudge = 1e-9 * torch.eye(squares.shape[1], dtype=torch.double)
        mix = torch.linalg.cholesky(squares + nudge).float()
        return components.to(device), len(self._core) * number, (sizes * mix).to(device)

    def epoch(self) -> Losses:
        """Go through all spots once."""
        orders = [
            np.resize(each.pairs.order(rng), self._n_spots)
            for each, rng in zip(self._batches, self._rngs, strict=True)
        ]
        totals = torch.zeros(3, device=self._device)
        for chosen in np.array_split(np.stack(orders), self._n_batches, axis=1):
            totals += self._step(chosen) * (chosen.shape[1] / self._n_spots)
        return Losses(*totals.tolist())

    def _step(self, chosen: np.ndarray) -> Tensor:
        """One step of the optimiser by spots (M, b) of each network; the losses' means, (3,)."""
        settings, stack = self._settings, self._stack
        own = list(zip(self._batches, chosen, strict=True))
        rows = torch.from_numpy(np.stack([each.rows[i] for each, i in own])).to(self._device)
        s = torch.from_numpy(np.stack([each.s.numpy()[i] for each, i in own])).to(self._device)
        blocks = [each.pairs.block(i) for each, i in own]
        weighted = [block for block in blocks if block is not None]
        pairs = torch.stack(weighted).to(self._device) if weighted else None
        mean, log_variance = stack.encode(self._noisy(rows))
        z = mean + self._randn(mean.shape) * (0.5 * log_variance).exp()
        some = slice(math.ceil(self._decoded * z.shape[1]))
        decoded, rows = stack.decode(z[:, some]), rows[:, some]
        measured = None if self._measured is None else self._measured[rows]
        losses = torch.stack(
            [
                reconstruction(_of(self._core, rows), decoded, measured),
                kl_divergence(mean, log_variance, self._n_genes),
                distance_preserving(mean, s, stack.scale, pairs),
            ]
        )
        weights = losses.new_tensor(
            [settings.alpha1, settings.alpha1 * settings.beta, settings.alpha2]
        )
        self._optimiser.clear()
        # The mean over networks that have no weight in common: each learns from its own loss.
        (len(self._batches) * (weights @ losses)).backward()
        stack.clip_gradients(10.0)
        self._optimiser.step()
        return losses.detach()

    def _noisy(self, rows: Tensor) -> Tensor:
        """What networks read of spots (M, b), each with noise of its own."""
        return _of(self._read, rows + self._begins).add_(self._noise.take(rows.shape[1]))

    def _noise_on(self, n: int) -> Tensor:
        """Noise on what networks read of n spots, (M, n, n_in)."""
        drawn = self._randn((len(self._mix), n, self._read.shape[1]))
        # A number for each network, or a matrix.
        return drawn * self._mix if self._mix.shape[1] == 1 else drawn @ self._mix.mT

    def _randn(self, shape: Sequence[int]) -> Tensor:
        return torch.randn(shape, generator=self._source, device=self._device)


def _of(table: Tensor, rows: Tensor) -> Tensor:
    """Rows (M, b) of a table (N, k), as (M, b, k): sooner by one list of rows than by two axes."""
    return table.index_select(0, rows.flatten()).view(*rows.shape, -1)
