"""The phantom: reproducible, within the contract, and with a truth worth finding."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_dpvae.data.checks import check_query, check_reference
from napari_dpvae.data.phantom import (
    CELL_TYPES,
    LIBRARY,
    SPACING,
    Phantom,
    make_phantom,
    read_phantom,
    sample_folder,
    write_phantom,
)
from napari_dpvae.geometry.domain import spot_distance


def test_the_same_seed_grows_the_same_tissue(phantom: Phantom) -> None:
    again = make_phantom(n_cells=120)
    assert (again.reference.X != phantom.reference.X).nnz == 0
    assert (again.query.X != phantom.query.X).nnz == 0
    pd.testing.assert_frame_equal(again.truth, phantom.truth)


def test_another_seed_grows_another(phantom: Phantom) -> None:
    other = make_phantom(1, n_cells=120)
    assert not other.truth.equals(phantom.truth)
    assert (other.reference.X != phantom.reference.X).nnz > 0


def test_it_passes_the_checks(phantom: Phantom) -> None:
    check_reference(phantom.reference)
    check_query(phantom.query)
    assert phantom.query.shape == (120, phantom.reference.n_vars)
    assert phantom.query.var_names.equals(phantom.reference.var_names)
    assert phantom.query.obs["cell_type"].isin(CELL_TYPES).all()


def test_the_query_knows_nothing_of_its_places(phantom: Phantom) -> None:
    assert "spatial" not in phantom.query.obsm
    assert phantom.truth.index.equals(phantom.query.obs_names)
    assert list(phantom.truth.columns) == ["x", "y"]


def test_cells_lie_in_the_tissue_that_the_spots_cover(phantom: Phantom) -> None:
    spots = phantom.reference.obsm["spatial"]
    assert spot_distance(spots) == pytest.approx(SPACING)
    gaps = np.linalg.norm(phantom.truth.to_numpy()[:, None] - spots, axis=2).min(axis=1)
    assert gaps.max() < 1.5 * SPACING


def test_the_image_shows_tissue_where_the_spots_are(phantom: Phantom) -> None:
    entry = phantom.reference.uns["spatial"][LIBRARY]
    image, scale = entry["images"]["hires"], entry["scalefactors"]["tissue_hires_scalef"]
    assert image.dtype == np.uint8
    column, row = (phantom.reference.obsm["spatial"] * scale).astype(int).T
    under_spots = image[row, column].mean()
    assert image[:5, :5].mean() > 230 > under_spots


def test_sizes_are_as_asked() -> None:
    small = make_phantom(n_cells=7, n_genes=31, cells_per_spot=2)
    assert small.query.shape == (7, 31)
    assert small.reference.n_vars == 31
    assert len(small.truth) == 7


def test_files_come_back_as_written(
    phantom: Phantom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_phantom(phantom, tmp_path / "new" / "folder")
    monkeypatch.setattr(
        "napari_dpvae.data.phantom.sample_folder", lambda: tmp_path / "new" / "folder"
    )
    back = read_phantom()
    assert (back.reference.X != phantom.reference.X).nnz == 0
    np.testing.assert_allclose(back.truth, phantom.truth, atol=0.01)
    image = back.reference.uns["spatial"][LIBRARY]["images"]["hires"]
    np.testing.assert_array_equal(
        image, phantom.reference.uns["spatial"][LIBRARY]["images"]["hires"]
    )


def test_the_shipped_phantom_can_be_read() -> None:
    shipped = read_phantom()
    check_reference(shipped.reference)
    assert shipped.truth.index.equals(shipped.query.obs_names)
    assert (sample_folder() / "phantom_truth.csv").is_file()
