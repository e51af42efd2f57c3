"""A training that is interrupted, and gone on with, ends in the model that it would have."""

import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import Elsewhere

import napari_dpvae as dpv
from napari_dpvae.cli.main import main
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.data.unfinished import Unfinished
from napari_dpvae.model.checkpoint import load

SHORT = {"epochs": 4, "genes": 40, "hidden": 16, "members": 3, "checks": 1, "blocks": 1}


def assert_same_models(found: Path, expected: Path) -> None:
    """But for when they were trained."""
    (tensors, header), (others, other) = load(found), load(expected)
    assert tensors.keys() == others.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, others[name])
    header["card"].pop("trained"), other["card"].pop("trained")
    assert header == other


@pytest.mark.parametrize("after", [2, 4])
def test_an_interrupted_training_ends_in_the_same_model(
    phantom: Phantom, tmp_path: Path, after: int
) -> None:
    dpv.DPVAE(**SHORT).fit(phantom.reference).save(tmp_path / "whole")
    unfinished = Unfinished(tmp_path / "model")
    steps = dpv.DPVAE(**SHORT).fit_epochs(phantom.reference, unfinished=unfinished)
    while after - 1 not in unfinished:
        next(steps)
    steps.close()
    kept = [number for number in range(10) if number in unfinished]
    assert kept == list(range(after))
    again = Unfinished(tmp_path / "model", resume=True)
    reports = []
    model = dpv.DPVAE(**SHORT).fit(phantom.reference, progress=reports.append, unfinished=again)
    model.save(tmp_path / "model")
    assert_same_models(tmp_path / "model", tmp_path / "whole")
    epochs = [report.epoch for report in reports]
    assert epochs == sorted(epochs)
    assert reports[-1].epoch == reports[-1].epochs


def test_networks_of_another_training_are_not_gone_on_with(
    phantom: Phantom, tmp_path: Path
) -> None:
    kept = Unfinished(tmp_path / "model", resume=True)
    dpv.DPVAE(**SHORT).fit(phantom.reference, unfinished=kept)
    other = phantom.reference.copy()
    other.X = other.X * 2
    for reference, settings in ((other, SHORT), (phantom.reference, {**SHORT, "alpha2": 5})):
        model = dpv.DPVAE(**settings).fit(reference, unfinished=kept)
        expected = dpv.DPVAE(**settings).fit(reference)
        assert model.trained.model_hash() == expected.trained.model_hash()
    assert 0 in kept
    Unfinished(tmp_path / "model").begin("anything")
    assert 0 not in kept


@pytest.mark.parametrize(
    ("moments", "epochs"), [(2, 20), pytest.param(10, 60, marks=pytest.mark.slow)]
)
def test_killed_at_any_moment_it_ends_in_the_same_model(
    phantom: Phantom, tmp_path: Path, elsewhere: Elsewhere, moments: int, epochs: int
) -> None:
    phantom.reference.write_h5ad(tmp_path / "reference.h5ad")
    options = [f"--{name}={value}" for name, value in {**SHORT, "epochs": epochs}.items()]

    def begin(output: str) -> BaseProcess:
        command = ["train", "--resume", str(tmp_path / "reference.h5ad"), "-o", output, *options]
        return elsewhere(main, command)

    whole, model = str(tmp_path / "whole.safetensors"), str(tmp_path / "model.safetensors")
    began = time.perf_counter()
    begin(whole).join(120)
    taken = time.perf_counter() - began
    killed = 0
    for moment in np.random.default_rng(0).uniform(0, 0.25, moments):
        work = begin(model)
        work.join(moment * taken)
        work.kill()
        work.join(30)
        killed += work.exitcode == -signal.SIGKILL
    begin(model).join(120)
    # The more is kept, the sooner the rest is done.
    assert killed > moments / 5
    assert_same_models(Path(model), Path(whole))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".h5ad", *[".safetensors"] * 2]
