"""What the tests share: real data where there is some, a phantom, and a model trained on it."""

import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pytest
from benchmarks.fuzz.walker import Walker

import napari_dpvae as dpv
from napari_dpvae.data.formats import hdf5_child
from napari_dpvae.data.phantom import Phantom

DATA = Path(os.environ.get("DPVAE_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))

Dataset = Callable[[str], Path]
Refuses = Callable[[str], AbstractContextManager[None]]
Elsewhere = Callable[..., BaseProcess]
Said = Callable[[Path, float], tuple[bytes, bool]]


FORKED = ("placement/test_engine", "training/test_resume", "model/test_file", "network/test_optim")
"""What uses :func:`elsewhere`: together, its one process is started once."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Of the tests of the window."""
    parser.addoption("--drawn", action="store_true", help="draw what tests of the dock show")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Workers of xdist: a file's tests share its fixtures; windows must not fight for focus.

    Not by its marks of groups, which xdist 3.8 does not see with pytest 9.2.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::")[0]
            if file.startswith("tests/viewer/"):
                return "viewer"
            return "forked" if file.startswith(tuple(f"tests/{name}" for name in FORKED)) else file

    return ByGroup(config, log)


@pytest.fixture(scope="session", autouse=True)
def said_by_own_child() -> Iterator[Said]:
    """One process walks all HDF5 files: to start Python for each takes half a minute together.

    This is what starts one, for the tests of it.
    """
    walker = Walker()
    with pytest.MonkeyPatch.context() as patch:
        real = hdf5_child.said_by_child
        patch.setattr(hdf5_child, "said_by_child", walker.said_by_child)
        yield real
    walker.close()


@pytest.fixture(scope="module", autouse=True)
def little_to_collect() -> None:
    """napari looks for garbage at each layer that goes, and Python whenever objects are many.

    Among what a file's own tests made that is quick; among all of torch and scanpy it is not.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def versions_known() -> Iterator[None]:
    """anndata looks up which scipy there is at each part of a matrix that it reads from a file.

    That takes five milliseconds, and in these tests parts are small.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("anndata._core.sparse_dataset.version", cache(version), raising=False)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_core() -> Iterator[None]:
    """Work on few cells is done sooner by one thread than by several.

    Tests of threads, and of files that are read by them, have more.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_dpvae.steps.n_cores", lambda: 1)
        yield


@pytest.fixture(scope="session")
def elsewhere() -> Elsewhere:
    """Starts a function in a process of its own, which imports nothing anew.

    It is a fork of one that has imported what is heavy: that takes seconds, once.
    """
    if sys.platform != "linux":
        pytest.skip("what has loaded so many libraries can be forked on Linux alone")
    processes = multiprocessing.get_context("forkserver")
    rooms = ("cli.main", "data.read", "training.fitting", "placement.stream", "model.file")
    processes.set_forkserver_preload([f"napari_dpvae.{room}" for room in rooms])

    def start(function: Callable[..., object], *arguments: object) -> BaseProcess:
        work = processes.Process(target=function, args=arguments)
        work.start()
        return work

    return start


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """The path of a real data set by name; skips the test where it is absent."""

    def find(name: str) -> Path:
        path = DATA / f"{name}.h5ad"
        if not path.is_file():
            pytest.skip(f"the data set {name} is not there: set DPVAE_DATA to its folder")
        return path

    return find


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    """Shared by all tests: copy before changing."""
    return dpv.make_phantom(n_cells=120)


@pytest.fixture(scope="session")
def quick() -> dpv.TrainingSettings:
    """Settings that train in a second, to something that places better than chance."""
    return dpv.TrainingSettings(
        epochs=30,
        regularisation="light",
        genes=100,
        wide_genes=0,
        members=2,
        checks=0,
        blocks=0,
    )


@pytest.fixture(scope="session")
def hasty(quick: dpv.TrainingSettings) -> dpv.TrainingSettings:
    """Settings for a model whose quality does not matter."""
    return replace(quick, epochs=2, genes=40, hidden=16)


@pytest.fixture(scope="session")
def model(phantom: Phantom, quick: dpv.TrainingSettings) -> dpv.DPVAE:
    """Trained on the phantom; shared by all tests."""
    return dpv.DPVAE(quick).fit(phantom.reference)


@pytest.fixture(scope="session")
def placed(phantom: Phantom, model: dpv.DPVAE) -> ad.AnnData:
    """The phantom's query, placed; shared by all tests: copy before changing."""
    return model.place(phantom.query)


@pytest.fixture(scope="session")
def volume() -> ad.AnnData:
    """A 3-D reference: 200 spots whose 30 genes follow the three axes."""
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 1, (200, 3))
    centres = rng.uniform(0, 1, (30, 3))
    near = np.exp(-4 * ((points[:, None] - centres) ** 2).sum(axis=2))
    reference = ad.AnnData(rng.poisson(40 * near).astype(np.float32))
    reference.var_names = [f"Gene{i}" for i in range(30)]
    reference.obs_names = [f"spot{i}" for i in range(200)]
    reference.obsm["spatial"] = 300 * points
    return reference


@pytest.fixture
def few_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of a report and printed figures are coarse: to draw them finely takes seconds."""
    monkeypatch.setattr("napari_dpvae.report.html.DOTS_PER_INCH", 20)
    monkeypatch.setattr("napari_dpvae.figure.figure.DOTS_PER_INCH", 20)


@pytest.fixture
def refuses() -> Refuses:
    """``with refuses(match):`` bad input ends in a DataError whose one sentence matches."""

    @contextmanager
    def check(match: str) -> Iterator[None]:
        with pytest.raises(dpv.DataError, match=match) as caught:
            yield
        said = str(caught.value)
        assert "\n" not in said
        assert 20 < len(said) < 500

    return check
