"""Training, as a generator of epochs: whoever drains it can show, pause or stop it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_dpvae.network.inputs import Form
from napari_dpvae.network.network import Network
from napari_dpvae.network.objective import distance_preserving, kl_divergence, reconstruction
from napari_dpvae.network.pairs import Pairs
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


def find_device(name: str) -> torch.device:
    """The torch device of a settings name; ``auto`` takes cuda, then mps, then cpu.

    Raises
    ------
    ValueError
        When the named device is not on this machine.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next((device for device, found in there.items() if found), "cpu")
    if not there.get(name, True):
        raise ValueError(f"The device {name} is not on this machine: choose auto or cpu.")
    return torch.device(name)


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread within: networks this small run slower on several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    network: Network,
    x: Tensor,
    s: Tensor,
    pairs: Pairs,
    settings: TrainingSettings,
    input_noise: float,
    seen: Tensor | None = None,
) -> Iterator[Losses]:
    """Fit the network in place; it is usable, in evaluation mode, after every epoch.

    Parameters
    ----------
    network
        A new network, or a trained one to go on with.
    x
        Standardised expression, (n, n_read or more): what the network reads, and decodes a part of.
    s
        Coordinates, (n, 2) or (n, 3), scaled by one number for all axes.
    pairs
        Mask G over the n spots.
    settings
        Weights, schedule and seed.
    input_noise
        Standard deviation of the Gaussian noise added to x.
    seen
        Like x: 1 where a gene was measured, else 0; measured everywhere if not given.

    Yields
    ------
    Losses
        Of each epoch.
    """
    device = find_device(settings.device)
    network.to(device)
    x, s = x[:, : network.n_read].to(device), s.to(device)
    decoded = slice(network.n_genes)
    seen = None if seen is None else seen[:, decoded].to(device)
    rng = np.random.default_rng(settings.seed)
    noise_source = torch.Generator(device).manual_seed(settings.seed)
    n_batches = -(-len(x) // settings.batch_size)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings.learning_rate, total_steps=max(settings.epochs * n_batches, 2)
    )

    def step(batch: np.ndarray) -> Tensor:
        """One optimiser step; returns its three losses, (3,)."""
        clean = x[batch]
        noise = torch.randn(clean.shape, generator=noise_source, device=device)
        mean, log_variance = network.encode(clean + input_noise * noise)
        draw = torch.randn(mean.shape, generator=noise_source, device=device)
        z = mean + draw * (0.5 * log_variance).exp()
        losses = torch.stack(
            [
                reconstruction(
                    clean[:, decoded], network.decode(z), None if seen is None else seen[batch]
                ),
                kl_divergence(mean, log_variance, network.n_genes),
                distance_preserving(mean, s[batch], network.scale, pairs.block(batch).to(device)),
            ]
        )
        vae = losses[0] + settings.beta * losses[1]
        optimiser.zero_grad()
        (settings.alpha1 * vae + settings.alpha2 * losses[2]).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 10.0)
        optimiser.step()
        schedule.step()
        return losses.detach()

    for _ in range(settings.epochs):
        network.train()
        totals = torch.zeros(3, device=device)
        with one_thread(), torch.random.fork_rng(enabled=True):
            # Dropout draws from the global generator: seeded here, and given back as it was.
            torch.manual_seed(int(rng.integers(2**31)))
            for batch in np.array_split(rng.permutation(len(x)), n_batches):
                totals += step(batch) * (len(batch) / len(x))
        network.eval()
        yield Losses(*totals.tolist())
