"""Where a training stands."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import NamedTuple

from napari_dpvae.model.trained import Trained
from napari_dpvae.network.training import Losses
from napari_dpvae.steps import told


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
        Mean error of the spots that the networks of this stage have not seen, in coordinate units;
        None before their last epoch.
    """

    stage: str
    epoch: int
    epochs: int
    losses: Losses | None = None
    held_out_error: float | None = None


Model = Callable[[], Trained]
"""Makes a model as it stands."""


class Step(NamedTuple):
    """A report, and the model as it stands."""

    report: EpochReport
    model: Model | None
    """Of the networks that are done, or else of those under way; None before there are any."""


def followed(
    steps: Generator[Step, None, Trained], keep: Callable[[Model], None]
) -> Generator[EpochReport, None, Trained]:
    """Yield the reports of a training, and return the model.

    ``keep`` is called with what makes the model as it stands, before each report.
    """

    def heard(step: Step) -> EpochReport:
        if step.model is not None:
            keep(step.model)
        return step.report

    return (yield from told(steps, heard))
