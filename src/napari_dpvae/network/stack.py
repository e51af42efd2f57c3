"""Networks of one shape, trained as one: their weights lie behind each other in one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.linalg import vector_norm
from torch.nn import functional

from napari_dpvae.network.drawn import Drawn
from napari_dpvae.network.network import LOG_VARIANCE, Network

NORM_EPS = 1e-5
"""Of torch's LayerNorm."""


class Stack:
    """M networks whose weights are slices of shared tensors (M, ...).

    A step of all of them is a few large operations in place of many small ones. The networks
    themselves stay in evaluation mode, and are up to date after every step.

    Parameters
    ----------
    networks
        Alike but for their weights and dropout; on one device.
    n
        Spots of a step at most.
    source, rng
        Of the dropout.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        n: int,
        source: torch.Generator,
        rng: np.random.Generator,
    ) -> None:
        device = networks[0].log_lambda.device
        self.weights: dict[str, nn.Parameter] = {}
        for name, first in networks[0].named_parameters():
            own = [network.get_parameter(name) for network in networks]
            stacked = nn.Parameter(
                torch.stack([weight.detach() for weight in own]), first.requires_grad
            )
            for weight, part in zip(own, stacked.detach(), strict=True):
                weight.data = part
            self.weights[name] = stacked
        for network in networks:
            network.eval()
        dropout = torch.tensor([network.dropout for network in networks], device=device)
        hidden = self.weights["to_mean.weight"].shape[-1]
        self._kept = Drawn(lambda rows: _kept(dropout, rows, hidden, source), n, rng)

    @property
    def learned(self) -> list[nn.Parameter]:
        """Weights that an optimiser may change."""
        return [weight for weight in self.weights.values() if weight.requires_grad]

    @property
    def scale(self) -> Tensor:
        """``lambda`` of each network, (M,)."""
        return self.weights["log_lambda"].exp()

    def encode(self, read: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of ``q(z|x)``, (M, n, latent_dim) each, while training.

        Parameters
        ----------
        read
            (M, n, n_in) genes or components.
        """
        h = self._trunk("encoder", read)
        log_variance = self._linear("to_log_variance", h).clamp(*LOG_VARIANCE)
        return self._linear("to_mean", h), log_variance

    def decode(self, z: Tensor) -> Tensor:
        """Mean of ``p(x|z)``, (M, n, n_genes), of latents (M, n, latent_dim), while training."""
        return self._linear("decoder.1", self._trunk("decoder.0", z))

    def _trunk(self, name: str, h: Tensor) -> Tensor:
        """Two hidden layers: linear, LayerNorm, SiLU, dropout."""
        for layer in (0, 4):
            h = self._linear(f"{name}.{layer}", h)
            norm = f"{name}.{layer + 1}"
            gain, shift = self.weights[f"{norm}.weight"], self.weights[f"{norm}.bias"]
            h = _Hidden.apply(h, gain, shift, self._kept.take(h.shape[1]))
        return h

    def _linear(self, name: str, h: Tensor) -> Tensor:
        mapped: Tensor = _Linear.apply(
            h, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        )
        return mapped

    def clip_gradients(self, most: float) -> None:
        """Scale the gradient of each network to a norm of so much at most."""
        gradients = [weight.grad for weight in self.learned if weight.grad is not None]
        norms = [vector_norm(gradient.view(len(gradient), -1), dim=1) for gradient in gradients]
        factor = (most / (vector_norm(torch.stack(norms), dim=0) + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factor.view(-1, *[1] * (gradient.ndim - 1)))


def _kept(dropout: Tensor, n: int, hidden: int, source: torch.Generator) -> Tensor:
    """What hidden units of n spots are multiplied by, (M, n, hidden), for dropout (M,)."""
    silent = dropout[:, None, None]
    drawn = torch.rand(len(dropout), n, hidden, generator=source, device=dropout.device)
    return (drawn >= silent) / (1 - silent)


class _Linear(torch.autograd.Function):
    """``h W' + b`` of each network; its gradient by W lies in memory as W does, not transposed."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(h, weight)
        return torch.baddbmm(bias[:, None], h, weight.transpose(1, 2))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        h, weight = ctx.saved_tensors
        by_h = gradient @ weight if ctx.needs_input_grad[0] else None
        return by_h, gradient.transpose(1, 2) @ h, gradient.sum(dim=1)


class _Hidden(torch.autograd.Function):
    """``kept SiLU(gain LayerNorm(h) + shift)`` of each network.

    Made of torch's functions, whose LayerNorm takes most of the time of the rest, it would take
    half as long again.
    """

    @staticmethod
    def forward(ctx: Any, h: Tensor, gain: Tensor, shift: Tensor, kept: Tensor) -> Tensor:
        mean = h.mean(dim=-1, keepdim=True)
        normal = h - mean
        variance = vector_norm(normal, dim=-1, keepdim=True).square() / h.shape[-1]
        inverse = (variance + NORM_EPS).rsqrt()
        scaled = torch.addcmul(shift[:, None], normal.mul_(inverse), gain[:, None])
        ctx.save_for_backward(normal, inverse, scaled, gain, kept)
        return functional.silu(scaled).mul_(kept)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        normal, inverse, scaled, gain, kept = ctx.saved_tensors
        by_scaled = torch.ops.aten.silu_backward(gradient * kept, scaled)
        by_gain, by_shift = (by_scaled * normal).sum(dim=1), by_scaled.sum(dim=1)
        by_normal = by_scaled.mul_(gain[:, None])
        along = (by_normal * normal).mean(dim=-1, keepdim=True)
        by_h = by_normal.sub_(by_normal.mean(dim=-1, keepdim=True)).addcmul_(
            normal, along, value=-1
        )
        return by_h.mul_(inverse), by_gain, by_shift, None
