"""The layout of a reference: sections, the frame and its image, pairs given by the user."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from napari_dpvae import DPVAE, TrainingSettings
from napari_dpvae.data.layout import Layout
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.network.pairs import make_pairs

Refuses = Callable[[str], AbstractContextManager[None]]


@pytest.fixture
def reference(phantom: Phantom) -> ad.AnnData:
    cells = phantom.reference.copy()
    cells.obs["slice"] = ["small" if i % 3 == 0 else "large" for i in range(cells.n_obs)]
    return cells


def test_the_largest_section_is_the_frame_unless_one_is_named(reference: ad.AnnData) -> None:
    names = reference.obs["slice"].to_numpy()
    for frame, expected in (("", "large"), ("small", "small")):
        layout = Layout.read(reference, "slice", frame)
        np.testing.assert_array_equal(layout.sections == layout.frame, names == expected)


def test_cells_are_placed_in_the_frame_that_is_named(
    reference: ad.AnnData, hasty: TrainingSettings
) -> None:
    model = DPVAE(hasty, frame="small").fit(reference, section_key="slice")
    small = reference.obsm["spatial"][(reference.obs["slice"] == "small").to_numpy()]
    np.testing.assert_array_equal(model.trained.coordinates, small)


def test_the_image_is_that_of_the_frame(reference: ad.AnnData) -> None:
    reference.uns["spatial"] = {"large": {"images": {}}, "small": {"images": {}}}
    assert list(Layout.read(reference, "slice", "small").image) == ["small"]
    assert list(Layout.read(reference, "slice", "large").image) == ["large"]


def test_a_frame_that_is_not_there_is_named(reference: ad.AnnData, refuses: Refuses) -> None:
    with refuses("no section 'other': it has large, small"):
        Layout.read(reference, "slice", "other")
    with refuses("needs the obs column"):
        Layout.read(reference, None, "small")


def test_pairs_of_the_user_reach_the_distance_term(
    reference: ad.AnnData, hasty: TrainingSettings
) -> None:
    n = reference.n_obs
    few = sparse.random_array((n, n), density=0.02, rng=np.random.default_rng(0))
    reference.obsp["few"] = few.tocsr()
    reference.obsp["same"] = sparse.csr_array(np.ones((n, n)))
    hashes = {
        key: DPVAE(hasty, mask="given", pairs_key=key).fit(reference).trained.model_hash()
        for key in ("few", "same")
    }
    assert hashes["few"] != hashes["same"]
    # All pairs, given: the places are those of the mask of all pairs, but for the order of batches.
    given, usual = (
        DPVAE(hasty, batch_size=4096, **mask).fit(reference).trained.members[0].latents
        for mask in ({"mask": "given", "pairs_key": "same"}, {})
    )
    np.testing.assert_allclose(given, usual, atol=0.05)


def test_pairs_that_cannot_be_used_are_refused(reference: ad.AnnData, refuses: Refuses) -> None:
    n = reference.n_obs
    with refuses("no obsp\\['graph'\\]"):
        Layout.read(reference, pairs_key="graph")
    for value in (-1.0, np.nan, 0.0):
        reference.obsp["graph"] = sparse.csr_array(np.full((n, n), value))
        with refuses("finite and not negative"):
            Layout.read(reference, pairs_key="graph")


def test_spots_of_no_known_section_are_in_none_together(reference: ad.AnnData) -> None:
    names = np.where(np.arange(reference.n_obs) < 20, None, "a")
    reference.obs["slice"] = pd.Categorical(names)
    sections = Layout.read(reference, "slice").sections
    assert len(np.unique(sections[:20])) == 20
    block = make_pairs(TrainingSettings(), reference.obsm["spatial"], sections).block(np.arange(25))
    assert block is not None
    assert not block[:20].fill_diagonal_(0).any()


def test_spots_of_no_section_have_a_distance_to_no_other(phantom: Phantom) -> None:
    reference = phantom.reference.copy()
    reference.obs["slice"] = pd.Categorical([np.nan] * 20 + ["a"] * 301)
    layout = Layout.read(reference, "slice")
    assert len(set(layout.sections[:20])) == 20
    assert (layout.sections[20:] == layout.frame).all()
