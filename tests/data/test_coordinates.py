"""Coordinates from where other programs put them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from napari_dpvae import read_reference

Move = Callable[[ad.AnnData, np.ndarray], None]


def in_obsm(name: str, change: Callable[[np.ndarray], Any]) -> Move:
    def move(cells: ad.AnnData, xy: np.ndarray) -> None:
        cells.obsm[name] = change(xy)

    return move


def as_table(cells: ad.AnnData, xy: np.ndarray) -> None:
    cells.obsm["spatial"] = pd.DataFrame(xy[:, ::-1], cells.obs_names, ["imagerow", "imagecol"])


def in_obs(x: str, y: str, form: Callable[[np.ndarray], Any] = np.asarray) -> Move:
    def move(cells: ad.AnnData, xy: np.ndarray) -> None:
        cells.obs[x], cells.obs[y] = form(xy[:, 0]), form(xy[:, 1])

    return move


PLACES = {
    "unsigned": in_obsm("spatial", lambda xy: xy.astype(np.uint32)),
    "integers": in_obsm("spatial", lambda xy: xy.astype(np.int16)),
    "text": in_obsm("spatial", lambda xy: xy.astype(str)),
    "a table": as_table,
    "X_spatial": in_obsm("X_spatial", np.asarray),
    "Spatial": in_obsm("Spatial", np.asarray),
    "coords": in_obsm("coords", np.asarray),
    "a plane": in_obsm("spatial", lambda xy: np.c_[xy, np.full(len(xy), 7.0)]),
    "x and y": in_obs("x", "y"),
    "X and Y as text": in_obs("X", "Y", lambda v: v.astype(str)),
    "centers": in_obs("center_x", "center_y"),
    "centroids": in_obs("x_centroid", "y_centroid"),
    "CosMx": in_obs("CenterX_global_px", "CenterY_global_px"),
    "Seurat": in_obs("imagecol", "imagerow"),
    "array": in_obs("array_col", "array_row"),
    "Giotto": in_obs("sdimx", "sdimy"),
    "of R": in_obs("coord.x", "coord.y"),
    "micrometres": in_obs("x_um", "y_um"),
    "QuPath": in_obs("Centroid X µm", "Centroid Y µm"),
    "numbers that may be missing": in_obs("x", "y", lambda v: pd.array(v, "Int64")),
    "of another name in obsm": in_obsm("spatial_um", np.asarray),
    "x and y among other columns": lambda cells, xy: cells.obsm.__setitem__(
        "spatial",
        pd.DataFrame({"n": 1, "y": xy[:, 1], "x": xy[:, 0], "id": "a"}, cells.obs_names),
    ),
}


@pytest.mark.parametrize("move", PLACES.values(), ids=PLACES)
def test_places_are_found(phantom: Any, tmp_path: Path, move: Move) -> None:
    cells = phantom.reference.copy()
    xy = np.round(cells.obsm.pop("spatial"))
    move(cells, xy)
    cells.write_h5ad(tmp_path / "r.h5ad")
    found = read_reference(tmp_path / "r.h5ad").obsm["spatial"]
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, xy)


def test_spots_without_a_place_are_left_out(
    phantom: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cells = phantom.reference.copy()
    cells.obsm["spatial"][[3, 8]] = [[np.nan, 1], [np.inf, np.inf]]
    cells.write_h5ad(tmp_path / "r.h5ad")
    found = read_reference(tmp_path / "r.h5ad")
    assert found.obs_names.tolist() == cells.obs_names.delete([3, 8]).tolist()
    assert "no place for 2 spots" in caplog.text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (in_obsm("spatial", lambda xy: np.full(xy.shape, "here")), "not numbers"),
        (in_obsm("spatial", lambda xy: np.full(xy.shape, np.nan)), "not finite"),
        (in_obsm("spatial", lambda xy: np.ones((len(xy), 5))), "2 or 3 columns"),
        (in_obsm("spatial", lambda xy: xy * 1e200), "reach .*e.203"),
        (in_obsm("spatial", lambda xy: xy * 1e-200), "span .*e-19"),
        (in_obsm("spatial", lambda xy: xy * 1e-9 + 1e9), "span"),
        (in_obs("kind", "name", lambda v: v.astype(str)), "no coordinates"),
    ],
)
def test_what_is_no_place_is_refused(
    phantom: Any, tmp_path: Path, refuses: Any, change: Move, said: str
) -> None:
    cells = phantom.reference.copy()
    change(cells, cells.obsm.pop("spatial"))
    cells.write_h5ad(tmp_path / "r.h5ad")
    with refuses(said):
        read_reference(tmp_path / "r.h5ad")


def test_the_likeliest_of_several_is_taken(phantom: Any, tmp_path: Path) -> None:
    cells = phantom.reference.copy()
    xy = cells.obsm.pop("spatial")
    for x, y, factor in (
        ("CenterX_local_px", "CenterY_local_px", 0.1),
        ("UMAP_x", "UMAP_y", 7.0),
        ("min_x", "min_y", 0.9),
        ("array_col", "array_row", 0.01),
        ("CenterX_global_px", "CenterY_global_px", 1.0),
    ):
        in_obs(x, y)(cells, factor * xy)
    cells.write_h5ad(tmp_path / "r.h5ad")
    np.testing.assert_allclose(read_reference(tmp_path / "r.h5ad").obsm["spatial"], xy)


def test_places_that_may_be_in_several_columns_are_not_guessed(
    phantom: Any, tmp_path: Path, refuses: Any
) -> None:
    cells = phantom.reference.copy()
    xy = cells.obsm.pop("spatial")
    in_obs("left_x", "left_y")(cells, xy)
    in_obs("right_x", "right_y")(cells, 2 * xy)
    cells.write_h5ad(tmp_path / "r.h5ad")
    with refuses("left_x, left_y or the obs columns right_x, right_y may hold them"):
        read_reference(tmp_path / "r.h5ad")


def test_an_embedding_is_no_place(phantom: Any, tmp_path: Path, refuses: Any) -> None:
    cells = phantom.reference.copy()
    cells.obsm["X_umap"] = cells.obsm["spatial_pca"] = cells.obsm.pop("spatial")
    cells.write_h5ad(tmp_path / "r.h5ad")
    with refuses("no coordinates"):
        read_reference(tmp_path / "r.h5ad")


@pytest.mark.parametrize("missing", ["NA", "", "None", "-"])
def test_text_for_a_place_that_is_not_known(phantom: Any, tmp_path: Path, missing: str) -> None:
    cells = phantom.reference.copy()
    places = cells.obsm["spatial"].astype(str).astype(object)
    places[4] = missing
    cells.obsm["spatial"] = places.astype(str)
    cells.write_h5ad(tmp_path / "r.h5ad")
    assert read_reference(tmp_path / "r.h5ad").n_obs == cells.n_obs - 1


def test_a_third_coordinate_that_is_nowhere_known(phantom: Any, tmp_path: Path) -> None:
    cells = phantom.reference.copy()
    xy = cells.obsm["spatial"].copy()
    cells.obsm["spatial"] = np.c_[xy, np.full(len(xy), np.nan)]
    cells.write_h5ad(tmp_path / "r.h5ad")
    np.testing.assert_array_equal(read_reference(tmp_path / "r.h5ad").obsm["spatial"], xy)


def test_places_that_are_sparse_or_complex_or_no_columns(
    phantom: Any, tmp_path: Path, refuses: Any
) -> None:
    reference, path = phantom.reference.copy(), tmp_path / "r.h5ad"
    xy = reference.obsm["spatial"].copy()
    reference.obsm["spatial"] = sparse.csr_matrix(xy)
    reference.write_h5ad(path)
    np.testing.assert_allclose(read_reference(path).obsm["spatial"], xy)
    reference.obsm["spatial"] = xy + 1j
    reference.write_h5ad(path)
    with refuses("are complex numbers: write them as numbers"):
        read_reference(path)
    named = pd.DataFrame(xy, reference.obs_names, ["first", "second"]).assign(kind="spot")
    reference.obsm["spatial"] = named
    reference.write_h5ad(path)
    np.testing.assert_allclose(read_reference(path).obsm["spatial"], xy)
    del reference.obsm["spatial"]
    reference.obs["x"], reference.obs["y"] = "left", xy[:, 1]
    reference.write_h5ad(path)
    with refuses("has no coordinates"):
        read_reference(path)
