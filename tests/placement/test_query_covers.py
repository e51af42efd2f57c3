"""A query that covers the whole tissue may be standardised by its own statistics."""

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from napari_dpvae import DPVAE
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
    plain, whole = (model.place(section, query_covers=covers) for covers in ("any", "whole"))
    assert plain.uns["dpvae"]["standardised_by"] == "reference"
    assert error(whole, section) < 0.95 * error(plain, section)


def test_a_part_of_the_tissue_is_spread_out_if_taken_for_the_whole(
    phantom: Phantom, model: DPVAE
) -> None:
    x = phantom.reference.obsm["spatial"][:, 0]
    left = phantom.reference[x < np.median(x)].copy()
    plain, whole = (model.place(left, query_covers=covers) for covers in ("any", "whole"))
    assert 1.2 * error(plain, left) < error(whole, left)


def test_few_cells_have_no_statistics_of_their_own(model: DPVAE, section: ad.AnnData) -> None:
    few = section[:20].copy()
    plain, whole = (model.place(few, query_covers=covers) for covers in ("any", "whole"))
    np.testing.assert_array_equal(plain.obsm["spatial"], whole.obsm["spatial"])


def test_a_tuned_model_keeps_the_statistics_for_a_part_of_its_query(
    phantom: Phantom, model: DPVAE, section: ad.AnnData
) -> None:
    tuned = model.fine_tune(phantom.reference, section, epochs=5)
    placed = tuned.place(section)
    assert error(placed, section) < 0.9 * error(model.place(section), section)
    part = tuned.place(section[:40].copy())
    np.testing.assert_allclose(part.obsm["spatial"], placed.obsm["spatial"][:40], rtol=1e-4)
