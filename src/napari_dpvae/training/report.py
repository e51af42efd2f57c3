"""Where a training stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from napari_dpvae.model.trained import Trained
from napari_dpvae.network.training import Losses


@dataclass(frozen=True)
class EpochReport:
    """Where training stands.

    Attributes
    ----------
    stage
        What is going on, in words.
    epoch, epochs
        Epochs done and to do, over all stages.
    losses
        Of the last epoch; None before the first.
    held_out_error
        Mean error of the spots that a network has not seen, in coordinate units; None before its
        last epoch.
    """

    stage: str
    epoch: int
    epochs: int
    losses: Losses | None = None
    held_out_error: float | None = None


class Step(NamedTuple):
    """A report, and the model as it stands."""

    report: EpochReport
    model: Callable[[], Trained] | None
    """Makes the model of the networks that are done, or else of the one under way; None before
    there is any."""
