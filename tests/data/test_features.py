"""Proteins and other features beside genes: their names and values."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from napari_dpvae.data.features import has_feature, other_features, other_values
from napari_dpvae.data.formats.modalities import add_modality


@pytest.fixture
def cells() -> ad.AnnData:
    found = ad.AnnData(np.ones((4, 2), np.float32))
    found.var_names = ["CD3", "CD4"]
    counts = sparse.csr_matrix([[0, 9], [1, 0], [2, 0], [3, 5]])
    add_modality(found, "Antibody Capture", counts, pd.Index(["CD3", "CD(4)"]))
    found.obsm["protein"] = pd.DataFrame(
        {"CD8": [0.5, -1, 0, 2], "text": "a"}, index=found.obs_names
    )
    found.obsm["spatial"] = pd.DataFrame({"x": [0.0] * 4, "y": 1.0}, index=found.obs_names)
    found.obsm["X_pca"] = np.ones((4, 2))
    return found


def test_their_names_say_their_kind(cells: ad.AnnData) -> None:
    names = ["CD3 (Antibody Capture)", "CD(4) (Antibody Capture)", "CD8 (protein)"]
    assert other_features(cells) == names
    assert all(has_feature(cells, name) for name in [*names, "CD3"])
    assert not any(has_feature(cells, name) for name in ("CD8", "CD3 (protein)", "a (b)", None))


def test_counts_become_logarithms_and_others_stay(cells: ad.AnnData) -> None:
    values, unit = other_values(cells, "CD3 (Antibody Capture)")
    np.testing.assert_allclose(values, np.log1p([0, 1, 2, 3]))
    assert unit == "log1p counts"
    values, unit = other_values(cells, "CD8 (protein)")
    np.testing.assert_array_equal(values, [0.5, -1, 0, 2])
    assert unit == "values"
    assert other_values(cells, "CD3") is None
