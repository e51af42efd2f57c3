"""What the tests share: real data where there is some, a phantom, and a model trained on it."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

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
Said = Callable[[Path, float], tuple[bytes, bool]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For workers of xdist: a file's tests share its fixtures; windows must not fight for focus."""
    for item in items:
        windows = "viewer" in item.path.parts
        item.add_marker(pytest.mark.xdist_group("viewer" if windows else item.path.name))


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
