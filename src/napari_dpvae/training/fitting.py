"""Fit an ensemble of dp-VAEs to a reference: choose genes, select, train, calibrate."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial

import anndata as ad
import numpy as np

from napari_dpvae import __version__
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.layout import Layout
from napari_dpvae.data.unfinished import Unfinished
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.device import find_devices
from napari_dpvae.network.inputs import FORMS, Form
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.training.assemble import Assembly, Origin, Progress
from napari_dpvae.training.ensemble import NOT_COMPARED, Ensemble, weighed
from napari_dpvae.training.fitted import FittedNetwork
from napari_dpvae.training.group import train_runs
from napari_dpvae.training.plan import Plan, plan_fit
from napari_dpvae.training.report import Step
from napari_dpvae.training.runs import Run
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
        names, coordinates = list(reference.var_names), np.asarray(reference.obsm[SPATIAL], float)
        unfinished.begin(
            *(settings, __version__, reference.X, names, coordinates),
            *(layout.sections, layout.frame, layout.pairs),
        )
    plan = plan_fit(reference, layout, settings)
    progress = Progress(plan.epochs, unfinished=unfinished)
    yield Step(progress.report(), None)
    material = partial(Material.of, reference, layout, plan.settings)
    devices, selected = find_devices(settings.device), None
    origin = Origin(plan, settings, layout, reference.n_obs, devices)
    if plan.selection:
        checked = Assembly(origin, material(plan.selection[0].held_out), progress)
        selected, plan = yield from _select(checked)
        origin = replace(origin, plan=plan)
    assembly = Assembly(origin, material(), progress)

    def made(fitted: Sequence[FittedNetwork], blocks: Sequence[FittedNetwork] = ()) -> Trained:
        ensemble, together = weighed(plan, selected, fitted)
        return assembly.calibrated(ensemble, together, ensemble.scores(blocks))

    fitted = yield from train_runs(plan.ensemble, assembly, made)

    def with_blocks(before: Sequence[FittedNetwork], more: Sequence[FittedNetwork]) -> Trained:
        return made(fitted, [*before, *more])

    blocks: list[FittedNetwork] = []
    for run in plan.blocks:
        without = replace(assembly, material=material(run.held_out))
        blocks += yield from train_runs([run], without, partial(with_blocks, tuple(blocks)))
    return made(fitted, blocks)


def _select(assembly: Assembly) -> Generator[Step, None, tuple[Ensemble, Plan]]:
    """Choose the regularisations; return the networks that have them, and the plan with them.

    By spots that had no say in the choice of genes: among thousands of genes some fit any two
    hundred spots by chance, and a network that reads those looks better on them than on others.
    """
    plan = assembly.origin.plan

    def made(fitted: Sequence[FittedNetwork]) -> Trained:
        tried = Ensemble.by_own_errors(fitted)
        return assembly.calibrated(tried, NOT_COMPARED, tried.scores(()))

    networks = yield from train_runs(plan.selection, assembly, made)
    plan = plan.with_selected(plan.regularisation | _best(plan.selection, networks))
    chosen = tuple(
        network
        for run, network in zip(plan.selection, networks, strict=True)
        if run.regularisation == plan.regularisation[run.inputs.form]
    )
    return Ensemble.by_own_errors(chosen), plan


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
