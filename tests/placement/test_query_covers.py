"""A query that covers the whole tissue is centred by its own means, a part of it is not."""

from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from napari_dpvae import DPVAE, TrainingSettings, place_file
from napari_dpvae.analysis.outcome import standardised_how
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.evaluation.metrics import localisation_errors


@pytest.fixture(scope="module")
def section(phantom: Phantom) -> ad.AnnData:
    """The spots as if of another section: each gene is caught a little better or worse."""
    rng = np.random.default_rng(0)
    spots = phantom.reference.copy()
    efficiency = rng.uniform(0.3, 1.0, spots.n_vars)
    caught = rng.binomial(spots.X.toarray().astype(int), efficiency)
    spots.X = sparse.csr_matrix(caught.astype(np.float32))
    return spots


def error(placed: ad.AnnData, spots: ad.AnnData) -> float:
    return float(localisation_errors(spots.obsm["spatial"], placed.obsm["spatial"]).mean())


def test_own_statistics_mend_the_shift_of_a_section(model: DPVAE, section: ad.AnnData) -> None:
    part, whole = (model.place(section, query_covers=covers) for covers in ("part", "whole"))
    assert part.uns["dpvae"]["standardised_by"] == "reference"
    assert error(whole, section) < 0.95 * error(part, section)


def test_a_section_that_covers_the_tissue_is_told_by_its_cells(
    model: DPVAE, section: ad.AnnData
) -> None:
    part, any_ = (model.place(section, query_covers=covers) for covers in ("part", "any"))
    about = any_.uns["dpvae"]
    assert about["taken_to_cover"] == "whole"
    assert about["own_means"] > 0.8
    assert f"{about['own_means']:.0%}" in standardised_how(about)
    assert error(any_, section) < 0.95 * error(part, section)


def test_a_large_section_in_a_file_is_told_by_some_of_its_cells(
    model: DPVAE, section: ad.AnnData, tmp_path: Path
) -> None:
    large = ad.concat([section] * 14, index_unique="-")
    large.write_h5ad(tmp_path / "large.h5ad")
    placed = place_file(model, tmp_path / "large.h5ad", tmp_path / "placed.h5ad")
    assert placed.uns["dpvae"]["own_means"] > 0.8
    few = model.place(section)
    off = np.linalg.norm(placed.obsm["spatial"][:321] - few.obsm["spatial"], axis=1)
    assert np.quantile(off, 0.99) < 20


def test_strangers_in_a_section_have_no_say_in_its_means(model: DPVAE, section: ad.AnnData) -> None:
    rng = np.random.default_rng(0)
    strange = section[: section.n_obs // 5].copy()
    strange.X = strange.X[:, rng.permutation(section.n_vars)]
    mixed = ad.concat([section, strange], index_unique="-")
    alone, beside = model.place(section), model.place(mixed)
    assert beside.uns["dpvae"]["standardised_by"] == "reference"
    assert error(beside[: section.n_obs], section) < 1.1 * error(alone, section)


def test_random_cells_of_the_reference_are_placed_as_by_themselves(
    phantom: Phantom, model: DPVAE
) -> None:
    some = phantom.reference[::2].copy()
    part, any_ = (model.place(some, query_covers=covers) for covers in ("part", "any"))
    assert any_.uns["dpvae"]["own_means"] == 0
    np.testing.assert_array_equal(part.obsm["spatial"], any_.obsm["spatial"])


def test_regions_are_wider_where_means_differ_beyond_chance(
    phantom: Phantom, section: ad.AnnData, quick: TrainingSettings
) -> None:
    model = DPVAE(quick, members=4, blocks=1).fit(phantom.reference)
    whole, half = phantom.reference, phantom.reference.obsm["spatial"][:, 0] < 1000
    for cells, shifted in ((whole[::2], False), (section, True), (whole[half], True)):
        by_itself, any_ = (model.place(cells.copy(), query_covers=c) for c in ("part", "any"))
        assert by_itself.uns["dpvae"]["shift"] == 0
        shift = any_.uns["dpvae"]["shift"]
        assert shift > 0.8 if shifted else shift == 0
        wider = [
            np.median(any_.obs[key] / by_itself.obs[key])
            for key in ("dpvae_radius", "dpvae_radius_wide")
        ]
        assert wider[0] > 1.1 if shifted else wider[0] == 1
        assert wider[1] == pytest.approx(1, abs=0.05)
        # By its own means a section's cells are read otherwise.
        assert wider[1] == 1 or any_.uns["dpvae"]["own_means"] > 0


@pytest.mark.parametrize("axis", [0, 1])
def test_a_part_of_the_tissue_is_not_spread_out(
    phantom: Phantom, model: DPVAE, section: ad.AnnData, axis: int
) -> None:
    at = phantom.reference.obsm["spatial"][:, axis]
    half = section[at < np.median(at)].copy()
    part, any_, whole = (model.place(half, query_covers=c) for c in ("part", "any", "whole"))
    assert any_.uns["dpvae"]["own_means"] == 0
    np.testing.assert_array_equal(part.obsm["spatial"], any_.obsm["spatial"])
    assert 1.2 * error(any_, half) < error(whole, half)


def test_few_cells_have_no_statistics_of_their_own(model: DPVAE, section: ad.AnnData) -> None:
    few = section[:20].copy()
    part, any_, whole = (model.place(few, query_covers=c) for c in ("part", "any", "whole"))
    for other in (any_, whole):
        np.testing.assert_array_equal(part.obsm["spatial"], other.obsm["spatial"])


def test_a_tuned_model_keeps_the_statistics_for_a_part_of_its_query(
    phantom: Phantom, model: DPVAE, section: ad.AnnData
) -> None:
    tuned = model.fine_tune(phantom.reference, section, epochs=5)
    placed = tuned.place(section)
    plain = model.place(section, query_covers="part")
    assert error(placed, section) < 0.9 * error(plain, section)
    part = tuned.place(section[:40].copy())
    np.testing.assert_allclose(part.obsm["spatial"], placed.obsm["spatial"][:40], rtol=1e-4)


def test_a_tissue_in_a_line_has_an_extent_along_it_alone(phantom: Phantom) -> None:
    line = phantom.reference.copy()
    line.obsm["spatial"][:, 1] = 0
    model = DPVAE(epochs=5, regularisation="light", wide_genes=0, members=2, checks=0, blocks=0)
    rng = np.random.default_rng(0)
    other = line.copy()
    other.X = sparse.csr_matrix(rng.binomial(other.X.toarray().astype(int), 0.7).astype(np.float32))
    placed = model.fit(line).place(other)
    assert np.isfinite(placed.obsm["spatial"]).all()
    np.testing.assert_array_equal(placed.obsm["spatial"][:, 1], 0)
