"""What held-out spots say of the networks of an ensemble: what they weigh, how far off they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from napari_dpvae.model.member import Member
from napari_dpvae.training.fitted import FittedNetwork, scores_of_mean
from napari_dpvae.training.plan import Plan
from napari_dpvae.uncertainty.conformal import ensemble_scale, error_weights
from napari_dpvae.uncertainty.status import UNUSUAL

TINY = np.finfo(float).tiny


class Together(NamedTuple):
    """How the networks of an ensemble compare with each of them."""

    scale: float = 1.0
    """What the scores of single networks are multiplied by to be those of their mean."""
    usual_apart: float = np.nan
    """Median distance between networks at spots that none of them saw, in coordinate units."""


NOT_COMPARED = Together()
"""Of networks that were not compared."""


@dataclass(frozen=True)
class Ensemble:
    """Networks that are done, each with the spots that it did not see.

    Attributes
    ----------
    networks
        One at least.
    weights
        (networks,) in the mean of their placements; they sum to 1.
    """

    networks: Sequence[FittedNetwork]
    weights: np.ndarray

    @classmethod
    def by_own_errors(cls, networks: Sequence[FittedNetwork]) -> Ensemble:
        """Of networks that placed the same spots: each weighs by its error there."""
        return cls(
            networks, error_weights(np.array([network.errors.mean() for network in networks]))
        )

    @property
    def members(self) -> tuple[Member, ...]:
        """The networks, with their weights."""
        pairs = zip(self.networks, self.weights.tolist(), strict=True)
        return tuple(replace(network.member, weight=weight) for network, weight in pairs)

    @property
    def errors(self) -> np.ndarray:
        """(h,) of all held-out spots, in coordinate units."""
        return np.concatenate([network.errors for network in self.networks])

    @cached_property
    def usual_spread(self) -> float:
        """Median anchor spread of held-out spots, in coordinate units."""
        return float(np.median(np.concatenate([network.spreads for network in self.networks])))

    @property
    def usual_likeness(self) -> tuple[float, float]:
        """Least that 99 % of held-out spots reach, and their median."""
        likeness = np.concatenate([network.likeness for network in self.networks])
        return float(np.quantile(likeness, UNUSUAL)), float(np.median(likeness))

    @property
    def explained(self) -> float:
        """Share of the expression of held-out spots that the networks explain."""
        return float(np.mean([network.explained for network in self.networks]))

    def scores(self, networks: Sequence[FittedNetwork] | None = None) -> np.ndarray:
        """(h,) conformity scores of the held-out spots of these networks; its own if not given."""
        usual_spread, asked = self.usual_spread, self.networks if networks is None else networks
        return np.concatenate([np.empty(0), *(network.scores(usual_spread) for network in asked)])

    def together(self, selected: Ensemble, n_inputs: int, n_checks: int) -> Together:
        """How its mean compares with its networks: see :func:`ensemble_scale`.

        Parameters
        ----------
        selected
            Networks of each kind of inputs, whose genes were chosen without the spots they placed.
        n_inputs
            The i-th network reads as the (i + n_inputs)-th.
        n_checks
            So many of the first networks did not see these spots either.
        """
        mean, apart, usual_apart = scores_of_mean(
            selected.networks, selected.weights, self.usual_spread
        )
        more_even = np.sum(selected.weights**2) - np.sum(self.weights**2)
        single = self._square_on_checks(n_inputs, n_checks)
        return Together(ensemble_scale(single, mean, apart, float(more_even)), usual_apart)

    def _square_on_checks(self, n_inputs: int, n_checks: int) -> float:
        """Mean square of the scores, were all spots as hard to place as those of the checks.

        How hard these are is seen against other spots placed by networks that read alike.
        """
        squares = [network.scores(self.usual_spread) ** 2 for network in self.networks]
        alike = [np.concatenate(squares[i::n_inputs]).mean() for i in range(n_inputs)]
        harder = [squares[i].mean() / max(alike[i % n_inputs], TINY) for i in range(n_checks)]
        return float(np.concatenate(squares).mean() * np.mean(harder))


def weighed(
    plan: Plan, selected: Ensemble | None, networks: Sequence[FittedNetwork]
) -> tuple[Ensemble, Together]:
    """All networks of a plan's ensemble, and how their mean compares with each.

    Parameters
    ----------
    plan
        That they are of.
    selected
        Networks that each kind of inputs was weighed by: a network weighs by how well its kind did.
        None where none was; then nothing is compared.
    networks
        In the plan's order.
    """
    if selected is None:
        return Ensemble(networks, np.full(len(networks), 1 / len(networks))), NOT_COMPARED
    last = len(selected.weights) - 1
    weights = selected.weights[[min(plan.kind(i), last) for i in range(len(networks))]]
    ensemble = Ensemble(networks, weights / weights.sum())
    return ensemble, ensemble.together(selected, plan.n_inputs, plan.n_checks)
