"""What must not change a placement, as properties."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

import napari_dpvae as dpv
from napari_dpvae.data.phantom import Phantom

few = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
seeds = st.integers(0, 2**32 - 1)
FORMS = {
    "csr": sparse.csr_matrix,
    "csc": sparse.csc_matrix,
    "csr_array": sparse.csr_array,
    "csc_array": sparse.csc_array,
    "dense": lambda x: x.toarray(),
    "dense by columns": lambda x: np.asfortranarray(x.toarray()),
}
TYPES = ("uint16", "int32", "int64", "float16", "float32", "float64", ">f4", ">i4")


def assert_alike(found: ad.AnnData, expected: ad.AnnData) -> None:
    """Up to rounding: the same cells lie at the same places, with the same regions."""
    found = found[expected.obs_names]
    np.testing.assert_allclose(found.obsm["spatial"], expected.obsm["spatial"], atol=0.05)
    radii = expected.obs["dpvae_radius"]
    np.testing.assert_allclose(found.obs["dpvae_radius"], radii, rtol=1e-3)
    assert list(found.obs["dpvae_status"]) == list(expected.obs["dpvae_status"])


@few
@given(seed=seeds)
def test_the_order_of_cells_and_genes(
    phantom: Phantom, model: dpv.DPVAE, placed: ad.AnnData, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    query = phantom.query
    mixed = query[rng.permutation(query.n_obs), rng.permutation(query.n_vars)].copy()
    assert_alike(model.place(mixed), placed)


@few
@given(form=st.sampled_from(sorted(FORMS)), kind=st.sampled_from(TYPES))
def test_how_the_matrix_is_stored(
    phantom: Phantom, model: dpv.DPVAE, placed: ad.AnnData, form: str, kind: str
) -> None:
    query = phantom.query.copy()
    x = FORMS[form](query.X)
    if isinstance(x, np.ndarray):
        x = x.astype(kind)
    elif kind not in ("float16", ">f4", ">i4"):
        # scipy has no others.
        x = x.astype(kind)
    query.X = x
    assert_alike(model.place(query), placed)


@few
@given(seed=seeds, n=st.integers(1, 60))
def test_genes_that_are_silent_and_unknown(
    phantom: Phantom, model: dpv.DPVAE, placed: ad.AnnData, seed: int, n: int
) -> None:
    query = phantom.query
    silent = ad.AnnData(sparse.csr_matrix((query.n_obs, n), dtype=np.float32))
    silent.obs_names, silent.var_names = query.obs_names, [f"Silent{i}" for i in range(n)]
    more = ad.concat([query, silent], axis="var", merge="first")
    order = np.random.default_rng(seed).permutation(more.n_vars)
    assert_alike(model.place(more[:, order].copy()), placed)


@pytest.fixture(scope="module")
def spots(phantom: Phantom) -> ad.AnnData:
    """Cells of the reference's own platform: spots themselves."""
    return phantom.reference.copy()


@pytest.fixture(scope="module")
def placed_spots(model: dpv.DPVAE, spots: ad.AnnData) -> ad.AnnData:
    """All of them."""
    return model.place(spots)


@few
@given(seed=seeds, n=st.integers(40, 300))
def test_cells_of_the_platform_do_not_depend_on_others(
    model: dpv.DPVAE, spots: ad.AnnData, placed_spots: ad.AnnData, seed: int, n: int
) -> None:
    chosen = np.random.default_rng(seed).choice(spots.n_obs, n, replace=False)
    assert_alike(model.place(spots[chosen].copy()), placed_spots[chosen])


@few
@given(seed=seeds)
def test_cells_that_are_there_twice(
    model: dpv.DPVAE, spots: ad.AnnData, placed_spots: ad.AnnData, seed: int
) -> None:
    chosen = np.random.default_rng(seed).choice(spots.n_obs, 100, replace=False)
    twice = spots[np.r_[chosen, chosen]].copy()
    twice.obs_names_make_unique()
    found = model.place(twice)
    np.testing.assert_allclose(found.obsm["spatial"][:100], found.obsm["spatial"][100:], atol=1e-3)
    assert_alike(found[:100], placed_spots[chosen])


@few
@given(chunk=st.integers(1, 200))
def test_how_many_cells_are_read_at_once(
    phantom: Phantom, model: dpv.DPVAE, placed: ad.AnnData, chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("napari_dpvae.expression.aligned.CHUNK", chunk)
        assert_alike(model.place(phantom.query), placed)


def test_threads(phantom: Phantom, model: dpv.DPVAE, placed: ad.AnnData) -> None:
    before = torch.get_num_threads()
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            assert_alike(model.place(phantom.query), placed)
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="module")
def framed(phantom: Phantom, hasty: dpv.TrainingSettings) -> Callable[..., ad.AnnData]:
    """Cells placed by a model of the same spots in another frame and unit, brought back."""

    @cache
    def place(unit: float, by: float) -> ad.AnnData:
        reference = phantom.reference.copy()
        reference.obsm["spatial"] = reference.obsm["spatial"] * unit + [by, -by / 3]
        settings = replace(hasty, blocks=1, mask="radius", radius=3.0)
        cells = dpv.DPVAE(settings).fit(reference).place(phantom.query)
        cells.obsm["spatial"] = (cells.obsm["spatial"] - [by, -by / 3]) / unit
        cells.obs["dpvae_radius"] /= unit
        return cells

    return place


@pytest.mark.parametrize(
    ("unit", "by"), [(1, 1e5), (1, -1e7), (1, 1e8), (0.37, 0), (1e-3, 0), (1e4, 1e9)]
)
def test_frame_and_unit(framed: Callable[..., ad.AnnData], unit: float, by: float) -> None:
    """Spots of a grid have neighbours that are equally near: which come first must not change."""
    assert_alike(framed(unit, by), framed(1, 0))


def test_a_file_between_training_and_its_use(
    phantom: Phantom, model: dpv.DPVAE, placed: ad.AnnData, tmp_path: Path
) -> None:
    model.save(tmp_path / "m.safetensors")
    loaded = dpv.DPVAE.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(
        loaded.place(phantom.query).obsm["spatial"], placed.obsm["spatial"]
    )
    tuned = [
        start.fine_tune(phantom.reference, phantom.query, epochs=1).place(phantom.query)
        for start in (model, loaded)
    ]
    np.testing.assert_array_equal(tuned[0].obsm["spatial"], tuned[1].obsm["spatial"])
    again = tmp_path / "again.safetensors"
    loaded.save(again)
    assert again.read_bytes() == (tmp_path / "m.safetensors").read_bytes()


def test_properties_see_a_change(phantom: Phantom, model: dpv.DPVAE, placed: ad.AnnData) -> None:
    mixed = phantom.query.copy()
    mixed.X = mixed.X[::-1]
    with pytest.raises(AssertionError):
        assert_alike(model.place(mixed), placed)
