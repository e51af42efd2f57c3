"""Whoever solves chunks, and however often it is interrupted: the same cells to the last bit."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata as ad
import dask
import numpy as np
import pandas as pd
import pytest
from tests.conftest import Elsewhere

import napari_dpvae as dpv
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.data.unfinished import Unfinished
from napari_dpvae.errors import DataError
from napari_dpvae.expression import aligned
from napari_dpvae.placement import engine
from napari_dpvae.placement.engine import cluster

CHUNK = 12


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_dpvae.expression.aligned.CHUNK", CHUNK)


@pytest.fixture
def files(phantom: Phantom, model: dpv.DPVAE, tmp_path: Path) -> dict[str, Path]:
    """Model and query to place from, and where to."""
    names = ("model.safetensors", "query.h5ad", "placed.h5ad", "again.h5ad")
    files = {name.split(".")[0]: tmp_path / name for name in names}
    model.save(files["model"])
    phantom.query.write_h5ad(files["query"])
    return files


def assert_same_bits(found: ad.AnnData, expected: ad.AnnData) -> None:
    for key in ("spatial", "X_dpvae"):
        np.testing.assert_array_equal(found.obsm[key], expected.obsm[key])
    for key in ("dpvae_radius", "dpvae_radius_wide", "dpvae_likeness", "dpvae_status"):
        pd.testing.assert_series_equal(found.obs[key], expected.obs[key], check_exact=True)


@pytest.mark.parametrize("kind", ["query", "reference"])
def test_threads_change_nothing(
    phantom: Phantom, model: dpv.DPVAE, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    cells = getattr(phantom, kind)
    monkeypatch.setattr("napari_dpvae.steps.n_cores", lambda: 1)
    expected = model.place(cells)
    monkeypatch.setattr("napari_dpvae.steps.n_cores", lambda: 4)
    assert_same_bits(model.place(cells), expected)


def interrupted(model: dpv.DPVAE, files: dict[str, Path], after: int) -> None:
    """Place, and stop once so many chunks are kept."""

    def stop(share: float) -> None:
        if len(list(Unfinished(files["placed"]).folder.glob("0*.safetensors"))) >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dpv.place_file(model, files["query"], files["placed"], progress=stop)


def test_an_interrupted_placing_goes_on_at_the_first_missing_chunk(
    model: dpv.DPVAE, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = dpv.place_file(model, files["query"], files["again"])
    interrupted(model, files, 3)
    kept = []
    monkeypatch.setattr(
        Unfinished, "keep", lambda self, number, arrays: kept.append(number), raising=True
    )
    found = dpv.place_file(model, files["query"], files["placed"], resume=True)
    assert kept == list(range(3, -(-found.n_obs // CHUNK)))
    assert_same_bits(found, expected)
    assert_same_bits(dpv.read_placed(files["placed"]), expected)
    assert not Unfinished(files["placed"]).folder.exists()


def test_what_another_placing_left_is_not_gone_on_with(
    model: dpv.DPVAE, files: dict[str, Path]
) -> None:
    interrupted(model, files, 2)
    expected = dpv.place_file(model, files["query"], files["again"], anchors=4)
    found = dpv.place_file(model, files["query"], files["placed"], anchors=4, resume=True)
    assert_same_bits(found, expected)
    interrupted(model, files, 2)
    other = ad.read_h5ad(files["query"])[::-1].copy()
    other.write_h5ad(files["query"])
    found = dpv.place_file(model, files["query"], files["placed"], resume=True)
    assert_same_bits(found, dpv.place_file(model, files["query"], files["again"]))


def place_and_die(after: int, model: Path, query: Path, placed: Path) -> None:
    """Go on with a placing; be killed once so many chunks more are kept."""
    keep, left = Unfinished.keep, [after]

    def dying(self: Unfinished, *kept: Any) -> None:
        keep(self, *kept)
        left[0] -= 1
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    aligned.CHUNK = CHUNK
    Unfinished.keep = dying
    dpv.place_file(dpv.DPVAE.load(model), query, placed, resume=True)


def test_killed_again_and_again_it_ends_in_the_same_cells(
    model: dpv.DPVAE, files: dict[str, Path], elsewhere: Elsewhere
) -> None:
    expected = dpv.place_file(model, files["query"], files["again"])
    for after in (1, 3, 2):
        work = elsewhere(place_and_die, after, files["model"], files["query"], files["placed"])
        work.join(120)
        assert work.exitcode == -signal.SIGKILL
        assert not files["placed"].exists()
    assert len(list(Unfinished(files["placed"]).folder.glob("0*.safetensors"))) == 6
    found = dpv.place_file(model, files["query"], files["placed"], resume=True)
    assert_same_bits(found, expected)
    assert sorted(path.name for path in files["placed"].parent.iterdir()) == sorted(
        path.name for path in files.values()
    )


@pytest.fixture(scope="module")
def two_workers(elsewhere: Elsewhere) -> Iterator[Any]:
    """A cluster on this machine: two processes, and its client; they import nothing anew."""
    distributed = pytest.importorskip("distributed")
    elsewhere(int).join(120)
    with (
        dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, memory_limit=None
        ) as there,
        distributed.Client(there) as client,
    ):
        yield client


def test_two_workers_of_a_cluster_change_nothing(
    phantom: Phantom, model: dpv.DPVAE, two_workers: Any, files: dict[str, Path]
) -> None:
    for cells in (phantom.query, phantom.reference):
        assert_same_bits(model.place(cells, client=two_workers), model.place(cells))
    with cluster(two_workers.scheduler.address) as client:
        found = dpv.place_file(model, files["query"], files["placed"], client=client)
    assert_same_bits(found, dpv.place_file(model, files["query"], files["again"]))


def test_chunks_of_a_lost_worker_are_solved_by_others(
    phantom: Phantom, model: dpv.DPVAE, two_workers: Any
) -> None:
    expected = model.place(phantom.query)
    killed = []
    steps = model.place_chunks(phantom.query, client=two_workers)
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            assert_same_bits(end.value, expected)
            break
        if share > 0.2 and not killed:
            process_ids = two_workers.run(os.getpid).values()
            killed = list(process_ids)[:1]
            os.kill(killed[0], signal.SIGKILL)
    assert killed


def test_a_cluster_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(engine, "PATIENCE", "100ms")
    with pytest.raises(DataError, match="No Dask scheduler answers"), cluster("tcp://127.0.0.1:9"):
        pass
