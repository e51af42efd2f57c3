"""What held-out spots say of the networks of an ensemble: what they weigh, how far off they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from napari_dpvae.model.member import Member
from napari_dpvae.training.trial import Trial, scores_of_mean
from napari_dpvae.uncertainty.conformal import ensemble_scale, error_weights
from napari_dpvae.uncertainty.status import UNUSUAL

TINY = np.finfo(float).tiny


@dataclass(frozen=True)
class Ensemble:
    """Networks that are done, each with the spots that it did not see.

    Attributes
    ----------
    trials
        Of the networks, one at least.
    weights
        (networks,) in the mean of their placements; they sum to 1.
    """

    trials: Sequence[Trial]
    weights: np.ndarray

    @classmethod
    def by_own_errors(cls, trials: Sequence[Trial]) -> Ensemble:
        """Of networks that placed the same spots: each weighs by its error there."""
        return cls(trials, error_weights(np.array([trial.errors.mean() for trial in trials])))

    @property
    def members(self) -> tuple[Member, ...]:
        """The networks, with their weights."""
        pairs = zip(self.trials, self.weights.tolist(), strict=True)
        return tuple(replace(trial.member, weight=weight) for trial, weight in pairs)

    @property
    def errors(self) -> np.ndarray:
        """(h,) of all held-out spots, in coordinate units."""
        return np.concatenate([trial.errors for trial in self.trials])

    @cached_property
    def usual_spread(self) -> float:
        """Median anchor spread of held-out spots, in coordinate units."""
        return float(np.median(np.concatenate([trial.spreads for trial in self.trials])))

    @property
    def usual_likeness(self) -> tuple[float, float]:
        """Least that 99 % of held-out spots reach, and their median."""
        likeness = np.concatenate([trial.likeness for trial in self.trials])
        return float(np.quantile(likeness, UNUSUAL)), float(np.median(likeness))

    @property
    def explained(self) -> float:
        """Share of the expression of held-out spots that the networks explain."""
        return float(np.mean([trial.explained for trial in self.trials]))

    def scores(self, trials: Sequence[Trial] | None = None) -> np.ndarray:
        """(h,) conformity scores of the held-out spots of these trials; its own if not given."""
        usual_spread, asked = self.usual_spread, self.trials if trials is None else trials
        return np.concatenate([np.empty(0), *(trial.scores(usual_spread) for trial in asked)])

    def scale(self, tried: Ensemble, n_readings: int, n_checks: int) -> float:
        """What its scores are multiplied by to be those of its mean: see :func:`ensemble_scale`.

        Parameters
        ----------
        tried
            Networks of each reading, whose genes were chosen without the spots that they placed.
        n_readings
            The i-th network reads as the (i + n_readings)-th.
        n_checks
            So many of the first networks did not see these spots either.
        """
        mean, apart = scores_of_mean(tried.trials, tried.weights, self.usual_spread)
        more_even = np.sum(tried.weights**2) - np.sum(self.weights**2)
        alone = self._square_on_checks(n_readings, n_checks)
        return ensemble_scale(alone, mean, apart, float(more_even))

    def _square_on_checks(self, n_readings: int, n_checks: int) -> float:
        """Mean square of the scores, were all spots as hard to place as those of the checks.

        How hard these are is seen against other spots placed by networks that read alike.
        """
        squares = [trial.scores(self.usual_spread) ** 2 for trial in self.trials]
        alike = [np.concatenate(squares[i::n_readings]).mean() for i in range(n_readings)]
        harder = [squares[i].mean() / max(alike[i % n_readings], TINY) for i in range(n_checks)]
        return float(np.concatenate(squares).mean() * np.mean(harder))
