"""Go on training with a query: its own ELBO beside the reference's whole objective."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace

import anndata as ad
import numpy as np

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.layout import Layout
from napari_dpvae.expression.aligned import AlignedQuery
from napari_dpvae.expression.normalise import Statistics
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.device import find_devices
from napari_dpvae.network.inputs import FORMS, Inputs
from napari_dpvae.network.network import Network
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.training.assemble import Assembly, Origin, Progress
from napari_dpvae.training.ensemble import Ensemble, Together
from napari_dpvae.training.fitted import FittedNetwork
from napari_dpvae.training.group import train_runs
from napari_dpvae.training.plan import Plan
from napari_dpvae.training.report import Step
from napari_dpvae.training.runs import Run, network_seed
from napari_dpvae.training.spots import Material


def fine_tune(
    start: Trained,
    reference: ad.AnnData,
    query: AlignedQuery,
    layout: Layout,
    anchors: np.ndarray,
    known: np.ndarray,
    settings: TrainingSettings,
) -> Generator[Step, None, Trained]:
    """Yield a step at the start and after every epoch, and return the model.

    Cells whose place is not known take part in reconstruction and KL alone. Those whose place is
    known are one more section: they have distances to each other, in whatever frame. What each
    network held out before is held out again, so that the regions stay calibrated on spots that it
    never saw.

    Parameters
    ----------
    start
        What to go on from.
    reference
        That it was trained on.
    query
        Aligned to the model's panel.
    layout
        Of the reference.
    anchors
        (r,) which spot of the reference each anchor of the model is.
    known
        (n, 2 or 3) places of the query's cells in the unit of the reference, NaN where they are not
        known.
    settings
        How to train.
    """
    material, measured = _material(start, reference, query, layout, anchors, known)
    plan = _plan(start, anchors, len(material.frame), settings)
    pairs = None if layout.pairs is None else layout.pairs.copy()
    if pairs is not None:
        pairs.resize((len(material.frame), len(material.frame)))
    tuned_to = Statistics(query.expected_mean, query.expected_deviation)
    devices, layout = find_devices(settings.device), replace(layout, pairs=pairs)
    origin = Origin(plan, start.asked, layout, reference.n_obs, devices, tuned_to)
    progress = Progress(plan.epochs)
    yield Step(progress.report(), None)

    assembly = Assembly(origin, material, progress)
    # As they were: no part is held out from the choice of genes any more, and by now all networks
    # have seen all blocks.
    together = Together(start.ensemble_scale, start.usual_apart)

    def made(networks: Sequence[FittedNetwork]) -> Trained:
        ensemble = Ensemble(networks, start.weights / start.weights.sum())
        return assembly.calibrated(ensemble, together, start.block_scores)

    return made((yield from train_runs(plan.ensemble, assembly, made, measured)))


def _plan(start: Trained, anchors: np.ndarray, n: int, settings: TrainingSettings) -> Plan:
    """Go on with each network of a model."""
    runs = []
    for number, member in enumerate(start.members):
        held_out = np.zeros(n, bool)
        held_out[anchors] = ~member.trained_on
        runs.append(
            Run(
                "adapting to the query",
                _inputs(member.network),
                held_out,
                network_seed(settings, number),
                settings.epochs,
                start=member.network,
            )
        )
    used = start.card["regularisation"]
    return Plan(settings, {form: used[form] for form in FORMS}, (), tuple(runs))


def _inputs(network: Network) -> Inputs:
    """What a network reads."""
    return Inputs("genes" if network.axes is None else "components", network.n_read)


def _material(
    start: Trained,
    reference: ad.AnnData,
    query: AlignedQuery,
    layout: Layout,
    anchors: np.ndarray,
    known: np.ndarray,
) -> tuple[Material, np.ndarray]:
    """Spots and cells by the panel that is there, and (n, n_genes) 1 where a gene was measured."""
    n_spots, n_cells = reference.n_obs, query.n_cells
    measured = np.ones((n_spots + n_cells, len(query.present)), np.float32)
    measured[n_spots:] = query.present
    frame = np.zeros(n_spots + n_cells, bool)
    frame[anchors] = True
    material = Material(
        start.panel,
        lambda: np.concatenate([start.panel.standardised(reference), query.x]),
        np.concatenate([np.asarray(reference.obsm[SPATIAL], float), known]),
        np.concatenate([layout.sections, np.full(n_cells, layout.sections.max() + 1)]),
        frame,
    )
    return material, measured
