"""Virtual in situ: genes of placed cells, drawn on the tissue with their error."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import napari_dpvae as dpv
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.expression.normalise import log_expression

Refuses = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def noisy() -> ad.AnnData:
    """20,000 placed cells whose one gene is 5 everywhere, with a deviation of 1."""
    rng = np.random.default_rng(0)
    cells = ad.AnnData(rng.normal(5.0, 1.0, (20_000, 1)))
    cells.var_names = ["Flat"]
    cells.obsm["spatial"] = rng.uniform(0, 100, (20_000, 2))
    return cells


def test_a_spatial_gene_comes_out_where_the_reference_measured_it(
    phantom: Phantom, placed: ad.AnnData, model: dpv.DPVAE
) -> None:
    genes = model.genes[:5]
    virtual = dpv.virtual_expression(placed, genes, at=phantom.reference)
    measured = log_expression(phantom.reference, genes).toarray()
    assert virtual.obs_names.equals(phantom.reference.obs_names)
    for i in range(len(genes)):
        assert np.corrcoef(virtual.X[:, i], measured[:, i])[0, 1] > 0.6


def test_the_standard_error_is_that_of_the_mean(noisy: ad.AnnData) -> None:
    rng = np.random.default_rng(1)
    virtual = dpv.virtual_expression(noisy, ["Flat"], at=rng.uniform(0, 100, (500, 2)))
    errors = (virtual.X - 5.0) / virtual.layers["standard_error"]
    assert 0.9 < errors.std() < 1.2
    assert virtual.layers["standard_error"].mean() == pytest.approx(1 / np.sqrt(15), rel=0.1)


def test_cells_in_doubt_say_less_and_cells_outside_nothing(noisy: ad.AnnData) -> None:
    at = np.array([[50.0, 50.0]])
    sure = dpv.virtual_expression(noisy, ["Flat"], at=at).X
    wrong = noisy.copy()
    wrong.obsm["spatial"][:7] = at
    wrong.X[:7] = 100.0
    wrong.obs["dpvae_radius"] = np.where(np.arange(20_000) < 7, 200.0, 1.0)
    assert abs(dpv.virtual_expression(wrong, ["Flat"], at=at).X - sure) < 1.0
    wrong.obs["dpvae_status"] = pd.Categorical(["outside"] * 7 + ["placed"] * 19_993)
    wrong.obs["dpvae_radius"] = 1.0
    assert abs(dpv.virtual_expression(wrong, ["Flat"], at=at).X - sure) < 1.0


def test_cells_weigh_by_their_radius_and_the_reach() -> None:
    cells = ad.AnnData(np.array([[1.5], [4.5], [100.5]]))
    cells.var_names = ["Gene"]
    cells.obsm["spatial"] = np.array([[0.0, 0.0], [4.0, 0.0], [50.0, 0.0]])
    cells.obs["dpvae_radius"] = [0.0, 2.0, 0.0]
    virtual = dpv.virtual_expression(cells, ["Gene"], at=np.array([[1.0, 0.0]]), neighbours=2)
    # The reach is 3: they weigh 1/9 and 1/13.
    share = np.array([13, 9]) / 22
    mean = share @ [1.5, 4.5]
    spread = share @ (np.array([1.5, 4.5]) - mean) ** 2
    error = np.sqrt(spread / (1 / (share**2).sum() - 1))
    assert virtual.obs["dpvae_reach"].tolist() == [3.0]
    assert virtual.X[0, 0] == pytest.approx(mean)
    assert virtual.layers["standard_error"][0, 0] == pytest.approx(error)
    cells.obs["dpvae_radius"] = np.nan
    virtual = dpv.virtual_expression(cells, ["Gene"], at=np.array([[1.0, 0.0]]), neighbours=2)
    assert virtual.X[0, 0] == pytest.approx(3.0)


def test_two_cells_that_belong_are_enough_and_one_is_not(
    noisy: ad.AnnData, refuses: Refuses
) -> None:
    at = np.array([[50.0, 50.0]])
    assert dpv.virtual_expression(noisy[:2], ["Flat"], at=at).X == pytest.approx(
        noisy.X[:2].mean(), abs=1e-6
    )
    with refuses("Fewer than two"):
        dpv.virtual_expression(noisy[:1], ["Flat"], at=at)


def test_the_reach_tells_where_no_cell_was_placed(noisy: ad.AnnData) -> None:
    virtual = dpv.virtual_expression(noisy, ["Flat"], at=np.array([[50.0, 50.0], [500.0, 50.0]]))
    near, far = virtual.obs["dpvae_reach"]
    assert near < 10 < 390 < far


@pytest.fixture
def sections(noisy: ad.AnnData) -> ad.AnnData:
    """Spots of A and B at the same places; the cells were placed in A."""
    noisy.uns["dpvae"] = {"frame": "A", "section_key": "slice"}
    spots = ad.AnnData(np.zeros((20, 1)), obs=pd.DataFrame({"slice": list("AB") * 10}))
    spots.obs_names = [f"spot{i}" for i in range(20)]
    spots.obsm["spatial"] = np.repeat(np.random.default_rng(2).uniform(0, 100, (10, 2)), 2, axis=0)
    return spots


@pytest.mark.parametrize("kind", [str, "category"])
def test_no_cell_lies_in_another_section(
    noisy: ad.AnnData, sections: ad.AnnData, kind: type | str
) -> None:
    sections.obs["slice"] = sections.obs["slice"].astype(kind)
    virtual = dpv.virtual_expression(noisy, ["Flat"], at=sections)
    here = (sections.obs["slice"] == "A").to_numpy()
    alone = dpv.virtual_expression(noisy, ["Flat"], at=sections[here])
    for values, known in (
        (virtual.X, alone.X),
        (virtual.layers["standard_error"], alone.layers["standard_error"]),
        (virtual.obs["dpvae_reach"].to_numpy(), alone.obs["dpvae_reach"].to_numpy()),
    ):
        np.testing.assert_array_equal(values[here], known)
        assert np.isfinite(known).all() and np.isnan(values[~here]).all()


def test_places_that_name_no_section_are_taken_as_the_frame_s(
    noisy: ad.AnnData, sections: ad.AnnData
) -> None:
    for at in (sections.obsm["spatial"], ad.AnnData(obsm={"spatial": sections.obsm["spatial"]})):
        assert np.isfinite(dpv.virtual_expression(noisy, ["Flat"], at=at).X).all()
    noisy.uns["dpvae"] = {"frame": "", "section_key": ""}
    assert np.isfinite(dpv.virtual_expression(noisy, ["Flat"], at=sections).X).all()


def test_an_unknown_gene_is_named(noisy: ad.AnnData, refuses: Refuses) -> None:
    with refuses("no gene 'Bump'"):
        dpv.virtual_expression(noisy, ["Bump"], at=np.zeros((1, 2)))


def test_nothing_is_drawn_from_cells_that_all_lie_outside(
    noisy: ad.AnnData, refuses: Refuses
) -> None:
    noisy.obs["dpvae_status"] = pd.Categorical(["outside"] * 20_000)
    with refuses("nothing to draw from"):
        dpv.virtual_expression(noisy, ["Flat"], at=np.zeros((1, 2)))


def test_proteins_are_mapped_like_genes(phantom: Phantom, placed: ad.AnnData) -> None:
    cells = placed.copy()
    gene = cells.var_names[0]
    cells.obsm["protein"] = pd.DataFrame(
        {"CD3": log_expression(cells, [gene]).toarray().ravel()}, index=cells.obs_names
    )
    virtual = dpv.virtual_expression(cells, ["CD3 (protein)", gene], at=phantom.reference)
    np.testing.assert_allclose(virtual.X[:, 0], virtual.X[:, 1], rtol=1e-5)
    cells.obsm["protein"] = cells.obsm["protein"].iloc[::-1].set_index(cells.obs_names)
    other = dpv.virtual_expression(cells, ["CD3 (protein)"], at=phantom.reference)
    assert not np.allclose(other.X[:, 0], virtual.X[:, 0], rtol=1e-2)
