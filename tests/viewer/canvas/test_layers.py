"""AnnData to napari layers: frames, flips, images."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pytest

from napari_dpvae.viewer.canvas.layers import (
    image_layers,
    placed_layer,
    reference_layer,
    to_napari,
)


def test_x_right_y_down_becomes_row_column() -> None:
    np.testing.assert_array_equal(to_napari(np.array([[1.0, 2.0]])), [[2.0, 1.0]])
    np.testing.assert_array_equal(to_napari(np.array([[1.0, 2.0, 3.0]])), [[3.0, 2.0, 1.0]])


def test_spots_lie_on_the_tissue_of_the_image(phantom: Any) -> None:
    ((image, options, _),) = image_layers(phantom.reference)
    data, _, _ = reference_layer(phantom.reference)
    row, column = np.round(data / np.asarray(options["scale"])).astype(int).T
    inside = (row < image.shape[0]) & (column < image.shape[1])
    # The glass around the tissue is nearly white, the tissue is stained.
    light = image[row[inside], column[inside]].mean(axis=1)
    assert inside.mean() > 0.99
    assert (light < 235).mean() > 0.9
    assert np.median(image[:20].mean(axis=2)) > 235


def test_lowres_image_serves_where_there_is_no_hires(phantom: Any) -> None:
    reference = phantom.reference.copy()
    entry = reference.uns["spatial"]["phantom"]
    reference.uns["spatial"] = {
        "phantom": {
            "images": {"lowres": entry["images"]["hires"][::2, ::2] / 255.0},
            "scalefactors": {"tissue_lowres_scalef": 0.1},
        }
    }
    ((image, options, kind),) = image_layers(reference)
    assert kind == "image"
    assert options["scale"] == (10.0, 10.0)
    assert image.max() <= 1.0


def test_no_image_is_no_error_and_a_volume_shows_none(phantom: Any) -> None:
    flat = ad.AnnData(np.ones((4, 2)), obsm={"spatial": np.random.default_rng(0).random((4, 2))})
    assert image_layers(flat) == []
    volume = phantom.reference.copy()
    volume.obsm["spatial"] = np.pad(volume.obsm["spatial"], ((0, 0), (0, 1)))
    assert image_layers(volume) == []


def test_points_know_their_cells(phantom: Any, model: Any) -> None:
    placed = model.place(phantom.query)
    data, options, _ = placed_layer(placed, phantom.reference)
    assert data.shape == (placed.n_obs, 2)
    assert options["features"]["cell"].tolist() == placed.obs_names.tolist()
    assert set(options["features"].columns) == {"cell", "status", "radius"}
    assert options["metadata"]["adata"] is placed


def test_more_cells_than_the_tissue_has_room_for_are_drawn_smaller(
    placed: Any, phantom: Any
) -> None:
    def size(times: int) -> float:
        many = ad.concat([placed] * times)
        many.obs_names_make_unique()
        return float(placed_layer(many, phantom.reference)[1]["size"])

    few, times = size(1), 30
    n = times * placed.n_obs
    assert n > 9 * phantom.reference.n_obs
    assert size(times) == pytest.approx(few * 3 * (phantom.reference.n_obs / n) ** 0.5)
