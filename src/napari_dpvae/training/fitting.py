"""Fit an ensemble of dp-VAEs to a reference: choose genes, select, train, calibrate."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial

import anndata as ad
import numpy as np

from napari_dpvae.data.layout import Layout
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.inputs import FORMS, Form
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.training.assemble import Material, Origin, Progress, calibrated, uncalibrated
from napari_dpvae.training.ensemble import Ensemble
from napari_dpvae.training.fitted import FittedNetwork
from napari_dpvae.training.network_run import NetworkRun
from napari_dpvae.training.plan import Plan, Run, plan_fit
from napari_dpvae.training.report import Step

Model = Callable[[], Trained]


def fit(
    reference: ad.AnnData, layout: Layout, settings: TrainingSettings
) -> Generator[Step, None, Trained]:
    """Yield a step at the start and after every epoch, and return the model.

    The one flow of a reference. First some of the spots are held out, from the choice of genes as
    well: on them each form that networks read is tried with each regularisation. Then every
    network of the ensemble is trained with another part of the spots held out, which it places:
    that calibrates the regions on all spots (cross-conformal). In turn they read genes, and
    principal components of few and of many; those that read as did best on the spots first held
    out weigh more. These spots also tell how far off the ensemble is, against single networks with
    genes that held-out spots helped to choose. Last, whole blocks are held out, from the choice of
    genes as well: they calibrate the wide regions.

    Parameters
    ----------
    reference
        Checked: spots by genes, coordinates in ``obsm["spatial"]``.
    layout
        Of its spots: distances are compared within a section only, and the frame's spots are the
        anchors.
    settings
        As asked for.
    """
    plan = plan_fit(reference, layout, settings)
    progress = Progress(plan.epochs)
    yield Step(progress.report(), None)
    read = partial(Material.read, reference, layout, plan.settings)
    origin, selected, model = Origin(plan, settings, layout, reference.n_obs), None, None
    if plan.selection:
        material = read(plan.selection[0].held_out)
        origin, selected, model = yield from _select(origin, material, progress)
        plan = origin.plan
    material = read()
    fitted: list[FittedNetwork] = []
    for run in plan.ensemble:
        fitted.append((yield from train_network(run, origin, material, progress, model)))
        ensemble = Ensemble(tuple(fitted), _weights(plan, selected, len(fitted)))
        scale = _scale(plan, selected, ensemble)
        model = partial(calibrated, origin, material, ensemble, progress, scale=scale)
    blocks: list[FittedNetwork] = []
    for run in plan.blocks:
        without = read(run.held_out)
        blocks.append((yield from train_network(run, origin, without, progress, model)))
        scores = ensemble.scores(blocks)
        model = partial(
            calibrated, origin, material, ensemble, progress, scale=scale, block_scores=scores
        )
    assert model is not None, "an ensemble has networks"
    return model()


def _select(
    origin: Origin, material: Material, progress: Progress
) -> Generator[Step, None, tuple[Origin, Ensemble, Model]]:
    """Choose the regularisations; return them, with the networks that were chosen.

    By spots that had no say in the choice of genes: among thousands of genes some fit any two
    hundred spots by chance, and a network that reads those looks better on them than on others.
    """
    plan, fitted, model = origin.plan, [], None
    for run in plan.selection:
        fitted.append((yield from train_network(run, origin, material, progress, model)))
        tried = Ensemble.by_own_errors(tuple(fitted))
        model = partial(calibrated, origin, material, tried, progress)
    plan = plan.with_selected(plan.regularisation | _best(plan.selection, fitted))
    chosen = tuple(
        network
        for run, network in zip(plan.selection, fitted, strict=True)
        if run.regularisation == plan.regularisation[run.inputs.form]
    )
    origin, selected = replace(origin, plan=plan), Ensemble.by_own_errors(chosen)
    return origin, selected, partial(calibrated, origin, material, tried, progress)


def _best(runs: Sequence[Run], fitted: Sequence[FittedNetwork]) -> dict[Form, str]:
    """The regularisation of each form that placed the spots held out best, over its inputs."""
    best: dict[Form, str] = {}
    for form in FORMS:
        errors: dict[str, float] = {}
        for run, network in zip(runs, fitted, strict=True):
            if run.inputs.form == form and run.regularisation is not None:
                sum_before = errors.get(run.regularisation, 0.0)
                errors[run.regularisation] = sum_before + network.errors.mean()
        best[form] = min(errors, key=lambda name: errors[name])
    return best


def train_network(
    run: Run,
    origin: Origin,
    material: Material,
    progress: Progress,
    model: Model | None,
    measured: np.ndarray | None = None,
) -> Generator[Step, None, FittedNetwork]:
    """Train one network, then place what it did not see.

    Half-way through its schedule a network is worse than none beside those that are done: the
    model as it stands is theirs, and the network's own only where there is no other.

    Parameters
    ----------
    run
        What to train.
    origin, material, progress
        Of the training.
    model
        Of the networks that are done; None where there are none.
    measured
        (n, n_genes) 1 where a gene was measured, else 0; None if all were.
    """
    plan = origin.plan
    network = NetworkRun(
        run, plan.settings, plan.of(run), material.panel, material.spots, material.frame
    )
    model = model or (lambda: uncalibrated(origin, material, [network.member()], progress))
    for losses in network.epochs(origin.layout.pairs, measured):
        progress.advance(run.stage, losses)
        if progress.done % plan.settings.epochs:
            yield Step(progress.report(), model)
    fitted = network.fitted()
    yield Step(progress.report(float(fitted.errors.mean())), model)
    return fitted


def _weights(plan: Plan, selected: Ensemble | None, n: int) -> np.ndarray:
    """(n,) of the first networks of the ensemble, by how well their inputs did when selected."""
    if selected is None:
        return np.full(n, 1 / n)
    of_inputs, done = selected.weights, np.arange(n)
    weights = of_inputs[np.minimum(done % plan.n_inputs, len(of_inputs) - 1)]
    return np.asarray(weights / weights.sum())


def _scale(plan: Plan, selected: Ensemble | None, ensemble: Ensemble) -> float:
    """That the scores of single networks are multiplied by; 1 until it was measured."""
    if selected is None or len(ensemble.networks) < max(plan.n_inputs, plan.n_checks):
        return 1.0
    return ensemble.scale(selected, plan.n_inputs, plan.n_checks)
