"""The likeliest spot of each cell: together they are spread as a tissue is, where means bunch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from napari_dpvae.network.device import one_thread

BESIDE = 3
"""Spots nearest to where a held-out spot is, at any of which it counts as found."""
STEPS = 60
"""Of the optimiser, and of the sharing out; both have settled by then."""
FEW_CELLS = 20
"""So many do not tell of how many more or fewer there should be at a spot."""
PENALTY = 1e-4
"""On squared weights, with signs in their deviations: few spots may be told by any large ones."""
Signs = tuple[torch.Tensor, ...]
"""What tells of (n, r) cells and spots that they belong together, the more the higher."""


@dataclass(frozen=True)
class SpotOdds:
    """How likely cells are at each spot, up to a factor for each cell: a conditional logit model.

    The logarithm of a spot's odds is the weighted sum of its signs (McFadden 1974, in Frontiers in
    Econometrics, 105), and what it has for not being crowded.

    Attributes
    ----------
    weights
        One for each sign.
    room
        (r,) of the spots, added to the logarithm; 0 before they are shared out.
    """

    weights: tuple[float, ...]
    room: np.ndarray | float = 0.0

    def log(self, signs: Signs) -> torch.Tensor:
        """Of (n, r) cells and spots."""
        with torch.inference_mode(), one_thread():
            total = sum(weight * sign for weight, sign in zip(self.weights, signs, strict=True))
            return torch.as_tensor(self.room, dtype=torch.float32) + total


def fitted_odds(signs: Sequence[Signs], nearest: Sequence[np.ndarray]) -> SpotOdds:
    """The weights by which held-out spots are likeliest near where they are.

    Parameters
    ----------
    signs
        Of some held-out spots, (h, r) each, with the spots that each network was trained on.
    nearest
        (h, k) the spots nearest to where they are.
    """
    stacked = [torch.stack(each, dim=-1).float() for each in signs]
    scale = torch.stack([each.std(dim=(0, 1)) for each in stacked]).mean(dim=0).clamp(min=1e-9)
    found = [torch.from_numpy(each) for each in nearest]
    weights = torch.zeros(len(scale), requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=STEPS, line_search_fn="strong_wolfe")

    def unlikely() -> torch.Tensor:
        optimiser.zero_grad()
        likely = [
            torch.log_softmax(each @ (weights / scale), dim=1).gather(1, near).logsumexp(dim=1)
            for each, near in zip(stacked, found, strict=True)
        ]
        loss = PENALTY * weights.square().sum() - torch.cat(likely).mean()
        loss.backward()
        return loss

    with one_thread():
        optimiser.step(unlikely)
    return SpotOdds(tuple((weights / scale).tolist()))


def room_of(log_odds: torch.Tensor, n_cells: int, whole: float) -> np.ndarray:
    """What brings the cells at each spot towards the same number, (r,), in logarithms of odds.

    Optimal transport of the cells to the spots, with a penalty on how their numbers at spots differ
    (Chizat et al. 2018, Math. Comp. 87:2563): the plan of which cell is where, at the entropy that
    the odds have. Of one cell alone, or of cells that are all alike, it changes nothing.

    Parameters
    ----------
    log_odds
        (m, r) of some of the cells.
    n_cells
        In the query: few do not tell how many there should be.
    whole
        How far they are taken to cover the tissue evenly, 0 to 1: at 0 nothing is shared out.
    """
    evenness = whole * n_cells / (n_cells + FEW_CELLS)
    with torch.inference_mode(), one_thread():
        odds = (log_odds - log_odds.max(dim=1, keepdim=True).values).exp()
        even, room = len(odds) / odds.shape[1], torch.ones(odds.shape[1])
        for _ in range(STEPS):
            crowd = odds.T @ (1 / (odds @ room))
            room = (even / crowd.clamp(min=1e-30)) ** evenness
        return np.asarray(room.log().numpy())
