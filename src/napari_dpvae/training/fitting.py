"""Fit an ensemble of dp-VAEs to a reference: choose genes, select, train, calibrate."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae import __version__
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.layout import Layout
from napari_dpvae.data.unfinished import Unfinished
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.inputs import FORMS, Form
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.training.assemble import ALONE, Origin, Progress, calibrated
from napari_dpvae.training.ensemble import Ensemble, Together
from napari_dpvae.training.fitted import FittedNetwork
from napari_dpvae.training.group import Fitted, Model, train_group, train_runs
from napari_dpvae.training.plan import Plan, Run, plan_fit
from napari_dpvae.training.report import Step
from napari_dpvae.training.spots import Material


def fit(
    reference: ad.AnnData,
    layout: Layout,
    settings: TrainingSettings,
    unfinished: Unfinished | None = None,
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
    unfinished
        Where networks that are trained are kept, to go on with if it is interrupted.
    """
    if unfinished is not None:
        unfinished.begin(_identity(reference, layout, settings))
    plan = plan_fit(reference, layout, settings)
    progress = Progress(plan.epochs, unfinished=unfinished)
    yield Step(progress.report(), None)
    read = partial(Material.read, reference, layout, plan.settings)
    origin, selected, model = Origin(plan, settings, layout, reference.n_obs), None, None
    if plan.selection:
        material = read(plan.selection[0].held_out)
        origin, selected, model = yield from _select(origin, material, progress)
        plan = origin.plan
    material = read()

    def made(fitted: Fitted) -> Model:
        ensemble, together = _ensemble(plan, selected, fitted)
        return partial(calibrated, origin, material, ensemble, progress, together=together)

    fitted = yield from train_runs(plan.ensemble, origin, material, progress, made, model)
    ensemble, together = _ensemble(plan, selected, fitted)
    model = made(fitted)
    blocks: list[FittedNetwork] = []
    for run in plan.blocks:
        blocks += yield from train_group([run], origin, read(run.held_out), progress, model)
        scores = ensemble.scores(blocks)
        model = partial(
            calibrated,
            origin,
            material,
            ensemble,
            progress,
            together=together,
            block_scores=scores,
        )
    return model()


def _identity(reference: ad.AnnData, layout: Layout, settings: TrainingSettings) -> str:
    """Of a training: another one has other networks."""
    x = sparse.csr_matrix(reference.X)
    pairs = sparse.csr_matrix((0, 0)) if layout.pairs is None else layout.pairs
    digest = hashlib.sha256(repr((settings, layout.frame, __version__)).encode())
    digest.update("\n".join(reference.var_names).encode())
    coordinates = np.asarray(reference.obsm[SPATIAL], float)
    matrices = [part for each in (x, pairs) for part in (each.data, each.indices, each.indptr)]
    for part in (*matrices, coordinates, layout.sections):
        digest.update(f"{part.dtype} {part.shape} ".encode() + part.tobytes())
    return digest.hexdigest()


def _select(
    origin: Origin, material: Material, progress: Progress
) -> Generator[Step, None, tuple[Origin, Ensemble, Model]]:
    """Choose the regularisations; return them, with the networks that were chosen.

    By spots that had no say in the choice of genes: among thousands of genes some fit any two
    hundred spots by chance, and a network that reads those looks better on them than on others.
    """
    plan = origin.plan

    def made(fitted: Fitted) -> Model:
        tried = Ensemble.by_own_errors(tuple(fitted.values()))
        return partial(calibrated, origin, material, tried, progress)

    fitted = yield from train_runs(plan.selection, origin, material, progress, made)
    networks = tuple(fitted.values())
    plan = plan.with_selected(plan.regularisation | _best(plan.selection, networks))
    chosen = tuple(
        network
        for run, network in zip(plan.selection, networks, strict=True)
        if run.regularisation == plan.regularisation[run.inputs.form]
    )
    origin = replace(origin, plan=plan)
    return origin, Ensemble.by_own_errors(chosen), made(fitted)


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


def _ensemble(plan: Plan, selected: Ensemble | None, fitted: Fitted) -> tuple[Ensemble, Together]:
    """Networks that are done, and how their mean compares with each.

    Each weighs by how well its kind of inputs did when selected. Nothing is compared before all are
    done.
    """
    networks, weights = tuple(fitted.values()), np.ones(len(fitted))
    if selected is not None:
        last = len(selected.weights) - 1
        weights = selected.weights[[min(plan.kind(number), last) for number in fitted]]
    ensemble = Ensemble(networks, weights / weights.sum())
    if selected is None or len(fitted) < len(plan.ensemble):
        return ensemble, ALONE
    return ensemble, ensemble.together(selected, plan.n_inputs, plan.n_checks)
