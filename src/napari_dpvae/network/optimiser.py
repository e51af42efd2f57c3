"""AdamW with a one-cycle rate, by torch's functions.

:class:`torch.optim.AdamW` imports torch's compiler when it is first made: more than a second in
which a window stands still, for something that is not used.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

WARM_UP = 0.3
"""Share of the steps in which the rate rises."""
START, END = 1 / 25, 1 / 250_000
"""Rate at the first and the last step, as a share of the peak."""
MOMENTA = (0.95, 0.85)
"""Momentum where the rate is lowest, and at its peak."""


def one_cycle(step: int, steps: int) -> tuple[float, float]:
    """Rate as a share of its peak, and momentum (Smith & Topin 2019).

    As :class:`torch.optim.lr_scheduler.OneCycleLR`: both follow a cosine, up and down.

    Parameters
    ----------
    step
        Steps done.
    steps
        In all, two at least.
    """
    top = WARM_UP * steps - 1
    rising = step <= top
    share = step / top if rising else (step - top) / (steps - 1 - top)
    low, high = MOMENTA
    if rising:
        return _cosine(START, 1.0, share), _cosine(low, high, share)
    return _cosine(1.0, END, share), _cosine(high, low, share)


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


class OneCycleAdamW:
    """Weights, and what AdamW (Loshchilov & Hutter 2019) remembers of their gradients.

    Parameters
    ----------
    weights
        That are changed in place.
    peak
        Of the rate.
    steps
        That :meth:`step` will be called.
    """

    def __init__(self, weights: Sequence[nn.Parameter], peak: float, steps: int) -> None:
        self._weights: list[Tensor] = list(weights)
        self._peak, self._steps = peak, max(steps, 2)
        self._means = [torch.zeros_like(weight) for weight in weights]
        self._squares = [torch.zeros_like(weight) for weight in weights]
        self._counts = [torch.zeros((), device=weight.device) for weight in weights]
        self._done = 0

    def clear(self) -> None:
        """Forget the gradients."""
        for weight in self._weights:
            weight.grad = None

    def step(self) -> None:
        """Change the weights by their gradients."""
        rate, momentum = one_cycle(self._done, self._steps)
        gradients: list[Tensor] = [
            torch.zeros_like(weight) if weight.grad is None else weight.grad
            for weight in self._weights
        ]
        with torch.no_grad():
            adamw(
                self._weights,
                gradients,
                self._means,
                self._squares,
                [],
                self._counts,
                fused=True,
                amsgrad=False,
                beta1=momentum,
                beta2=0.999,
                lr=rate * self._peak,
                weight_decay=0.01,
                eps=1e-8,
                maximize=False,
            )
        self._done += 1
