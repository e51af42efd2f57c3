"""Random numbers that are drawn once, of which each step of training takes others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

STEPS = 4
"""So many steps' numbers are drawn."""


class Drawn:
    """Rows of random numbers for each of M networks.

    To draw them anew would take up to a third as long as all products of a step. A step takes
    rows that begin anywhere, so that a spot seldom meets the same again.

    Parameters
    ----------
    draw
        Gives so many rows, (M, rows, width).
    n
        Rows that a step takes, at most.
    rng
        Says where the rows of a step begin.
    """

    def __init__(self, draw: Callable[[int], Tensor], n: int, rng: np.random.Generator) -> None:
        self._rows, self._rng = draw(STEPS * n), rng

    def take(self, n: int) -> Tensor:
        """(M, n, width), which are not to be written to."""
        start = int(self._rng.integers(self._rows.shape[1] - n + 1))
        return self._rows[:, start : start + n]
