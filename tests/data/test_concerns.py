"""Reasons to look twice at the data, in plain words."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from napari_dpvae.data.concerns import concerns, concerns_of_query
from napari_dpvae.data.read import read_query, read_reference


@pytest.fixture
def pair(phantom: Any) -> tuple[ad.AnnData, ad.AnnData]:
    return phantom.reference.copy(), phantom.query.copy()


def with_places(cells: ad.AnnData) -> ad.AnnData:
    reference = cells.copy()
    reference.obsm["spatial"] = np.arange(2.0 * cells.n_obs).reshape(-1, 2)
    return reference


def test_a_good_pair_raises_none(dataset: Any) -> None:
    c2, c3 = (read_reference(dataset(f"breast_her2st_{name}")) for name in ("C2", "C3"))
    assert concerns(c2) == concerns(c2, c3) == []


def test_a_reference_without_counts_or_image(pair: tuple[ad.AnnData, ad.AnnData]) -> None:
    reference, _ = pair
    reference = reference[:50].copy()
    del reference.uns["spatial"]
    reference.X = sparse.csr_matrix(np.log1p(reference.X.toarray()))
    said = concerns(reference)
    assert len(said) == 3
    for part, words in zip(said, ("50 spots", "no image", "no counts"), strict=True):
        assert words in part


def test_a_volume_is_not_blamed_for_having_no_image(volume: ad.AnnData) -> None:
    (said,) = concerns(volume)
    assert "Only 30 genes" in said


def test_names_that_differ_by_case_are_told_from_names_that_differ(
    pair: tuple[ad.AnnData, ad.AnnData],
) -> None:
    reference, query = pair
    query.var_names = [name.upper() for name in query.var_names]
    matched, species = concerns(reference, query)
    assert "300 of 300 genes are matched" in matched and "case" in matched
    assert "orthologs is safer (napari-dpvae place --gene-table)" in species
    query.var_names = [f"ENSG{i}" for i in range(query.n_vars)]
    (said,) = concerns(reference, query)
    assert "Only 0 genes" in said and "Ensembl" in said
    assert "napari-dpvae place --gene-table takes a table of names" in said


def test_a_shallow_query_and_one_of_another_unit(pair: tuple[ad.AnnData, ad.AnnData]) -> None:
    reference, query = pair
    reference.X = reference.X * 50
    (said,) = concerns(reference, query)
    assert "shallow" in said
    query.X = query.X * 0.37
    (said,) = concerns(reference, query)
    assert "reference holds counts and the query normalised values" in said
    said = concerns(with_places(query), reference)[-1]
    assert "reference holds normalised values and the query counts" in said


def test_the_real_dissociated_query(dataset: Any) -> None:
    reference = read_reference(dataset("drosophila_embryo_BDTNP3D"))
    query = read_query(dataset("drosophila_embryo_scRNA_Karaiskos"))
    (said,) = concerns(reference)
    assert "normalised" in said
    (said,) = concerns(reference, query)
    assert "query counts" in said


def test_sections_that_lie_on_one_another_are_told(phantom: Any) -> None:
    one, two = phantom.reference.copy(), phantom.reference.copy()
    two.obs_names = "other" + two.obs_names
    both = ad.concat({"a": one, "b": two}, label="library_id", uns_merge="first")
    (said,) = concerns(both)
    assert "642 of 642 spots have the same coordinates" in said and "'library_id'" in said
    assert concerns(both, section_key="library_id") == []
    both.obsm["spatial"][321:] += 3.0
    (said,) = concerns(both)
    assert "'library_id' may name sections" in said
    both.obsm["spatial"][321:] += [10_000.0, 0.0]
    assert not [said for said in concerns(both) if "section" in said], "drawn side by side"


def test_fields_of_view_with_coordinates_of_their_own_are_told(phantom: Any) -> None:
    cells = phantom.reference[:320].copy()
    cells.obs["fov"] = np.arange(320) // 80
    cells.obsm["spatial"] = np.tile(cells.obsm["spatial"][:80], (4, 1))
    said = concerns(cells)
    assert any("same coordinates" in sentence and "'fov'" in sentence for sentence in said)


def test_a_volume_in_one_plane_and_spots_far_away(phantom: Any) -> None:
    cells = phantom.reference.copy()
    cells.obsm["spatial"][7] = 1e6
    assert any("1 spots lie far" in said for said in concerns(cells))
    cells.obsm["spatial"] = np.c_[phantom.reference.obsm["spatial"], np.ones(321)]
    assert any("one plane" in said for said in concerns(cells))


def test_counts_that_are_elsewhere_and_counts_with_fractions(phantom: Any) -> None:
    cells = phantom.reference.copy()
    cells.layers["umi"] = cells.X.copy()
    cells.X = cells.X.log1p()
    (said,) = concerns(cells)
    assert "logarithms" in said and "in 'umi'" in said
    cells.X = cells.layers["umi"].multiply(
        np.random.default_rng(0).uniform(0.7, 1, cells.shape)
    ).tocsr()  # fmt: skip
    (said,) = concerns(cells)
    assert "fractions" in said


def test_an_image_without_its_scale_is_told_from_none(phantom: Any) -> None:
    reference = phantom.reference.copy()
    (entry,) = reference.uns["spatial"].values()
    del entry["scalefactors"]
    (said,) = concerns(reference)
    assert "no scale factor" in said


def test_many_spots_at_one_place(phantom: Any) -> None:
    reference = phantom.reference.copy()
    reference.obsm["spatial"][:30] = 0
    assert any("30 spots have the same place (0, 0)" in said for said in concerns(reference))


def test_images_of_several_sections_that_nothing_tells_apart(phantom: Any) -> None:
    reference = phantom.reference.copy()
    (entry,) = reference.uns["spatial"].values()
    reference.uns["spatial"] = {"one": entry, "two": entry}
    assert any("2 sections (one, two)" in said for said in concerns(reference))
    reference.obs["slide"] = ["one"] * 200 + ["two"] * (reference.n_obs - 200)
    assert not any("2 sections (one, two)" in said for said in concerns(reference))


def test_zeros_and_ones_are_named(pair: tuple[ad.AnnData, ad.AnnData]) -> None:
    reference, query = pair
    query.X = (query.X > 0).astype(np.float32)
    assert any("The query holds only zeros and ones" in said for said in concerns(reference, query))


def test_spots_beside_the_tissue_of_their_image(phantom: Any) -> None:
    reference = phantom.reference.copy()
    (entry,) = reference.uns["spatial"].values()
    pixels = np.full((400, 500, 3), 240, np.uint8)
    pixels[20:90, 400:480] = 100
    entry["images"] = {"hires": pixels}
    (said,) = concerns(reference)
    assert "of the spots lie on tissue" in said


@pytest.mark.parametrize("off", [0, False, "False", 0.0])
def test_spots_beside_the_tissue_are_counted(phantom: Any, off: Any) -> None:
    reference = phantom.reference.copy()
    reference.obs["in_tissue"] = [off] * 7 + [1] * (reference.n_obs - 7)
    (said,) = concerns(reference)
    assert said.startswith("7 of 321 spots lie beside the tissue")
    reference.obs["in_tissue"] = 1
    assert concerns(reference) == []


def test_placed_cells_are_no_reference_of_measured_places(placed: ad.AnnData) -> None:
    said = concerns(placed)
    assert "that a model has placed" in said[0]
    measured = placed.copy()
    del measured.uns["dpvae"]
    assert concerns(measured) == said[1:]


def test_a_query_by_itself_is_looked_at_too(pair: tuple[ad.AnnData, ad.AnnData]) -> None:
    _, query = pair
    assert concerns_of_query(query) == []
    query.X = query.X.log1p()
    (said,) = concerns_of_query(query)
    assert "holds no counts but" in said


def test_two_units_that_are_no_counts_are_told(pair: tuple[ad.AnnData, ad.AnnData]) -> None:
    reference, query = pair
    reference.X, query.X = reference.X.log1p(), query.X.power(0.3)
    assert any("bring both to counts, or to the same unit" in s for s in concerns(reference, query))


def test_spots_whose_axes_are_swapped_are_told(pair: tuple[ad.AnnData, ad.AnnData]) -> None:
    reference, _ = pair
    entry = reference.uns["spatial"]["phantom"]
    entry["images"]["hires"] = entry["images"]["hires"].transpose(1, 0, 2)
    assert any("are x and y swapped?" in said for said in concerns(reference))
