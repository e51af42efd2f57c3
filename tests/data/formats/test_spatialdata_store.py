"""SpatialData stores: places from shapes, points, labels and obsm, with their images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from spatialdata import SpatialData
from spatialdata.models import Image2DModel, Labels2DModel, PointsModel, ShapesModel, TableModel
from spatialdata.transformations import Affine, Identity, Scale, set_transformation

from napari_dpvae import read_placed, read_query, read_reference
from napari_dpvae.data.formats import spatialdata_store
from napari_dpvae.data.formats.spatialdata_store import from_spatialdata
from napari_dpvae.data.images import best_image, spot_size
from napari_dpvae.data.spatial_data import write_spatialdata


@pytest.fixture
def spots(phantom: Any) -> ad.AnnData:
    return phantom.reference.copy()


def table_of(spots: ad.AnnData, ids: np.ndarray | None = None) -> ad.AnnData:
    """Its places are not in it."""
    table = ad.AnnData(spots.X.copy(), obs=spots.obs[[]].copy(), var=spots.var.copy())
    table.obs["region"] = pd.Categorical(["spots"] * spots.n_obs)
    table.obs["instance"] = np.arange(spots.n_obs) if ids is None else ids
    return TableModel.parse(table, region="spots", region_key="region", instance_key="instance")


def image_of(spots: ad.AnnData, transformation: Any, **kwargs: Any) -> Any:
    pixels = np.moveaxis(spots.uns["spatial"]["phantom"]["images"]["hires"], 2, 0)
    return Image2DModel.parse(
        pixels, dims=("c", "y", "x"), transformations={"global": transformation}, **kwargs
    )


def circles(spots: ad.AnnData, scale: float = 1.0) -> Any:
    middles = [shapely.Point(*place) for place in spots.obsm["spatial"] / scale]
    frame = gpd.GeoDataFrame({"geometry": middles, "radius": 20.0})[::-1]
    transformation = Identity() if scale == 1 else Scale([scale, scale], axes=("x", "y"))
    return ShapesModel.parse(frame, transformations={"global": transformation})


def points(spots: ad.AnnData) -> Any:
    return PointsModel.parse(
        np.asarray(spots.obsm["spatial"]), transformations={"global": Identity()}
    )


@pytest.mark.parametrize("element", [circles, points, lambda spots: circles(spots, 4.0)])
def test_places_of_a_region(spots: ad.AnnData, tmp_path: Path, element: Any) -> None:
    image = image_of(spots, Scale([5.0, 5.0], axes=("x", "y")))
    data = {"spots": element(spots), "table": table_of(spots), "tissue": image}
    SpatialData.init_from_elements(data).write(tmp_path / "s.zarr")
    found = read_reference(tmp_path / "s.zarr")
    np.testing.assert_allclose(found.obsm["spatial"], spots.obsm["spatial"], atol=1e-6)
    np.testing.assert_array_equal(found.X.toarray(), spots.X.toarray())
    pixels, size = best_image(found.uns["spatial"]["tissue"])
    np.testing.assert_array_equal(pixels, spots.uns["spatial"]["phantom"]["images"]["hires"])
    assert size == pytest.approx(5.0)
    assert spot_size(found) > 0
    if "radius" in data["spots"]:
        assert round(spot_size(found), 6) in (40.0, 160.0)
    assert read_query(tmp_path / "s.zarr").n_obs == spots.n_obs


def test_places_of_labels(spots: ad.AnnData, tmp_path: Path) -> None:
    labels = np.zeros((40, 60), np.int32)
    for i in range(24):
        row, column = divmod(i, 6)
        labels[row * 10 : row * 10 + 6, column * 10 : column * 10 + 4] = i + 1
    part = spots[:24].copy()
    element = Labels2DModel.parse(
        labels, dims=("y", "x"), transformations={"global": Scale([2.0, 2.0], axes=("x", "y"))}
    )
    data = {"spots": element, "table": table_of(part, np.arange(1, 25))}
    SpatialData.init_from_elements(data).write(tmp_path / "s.zarr")
    found = read_reference(tmp_path / "s.zarr").obsm["spatial"]
    np.testing.assert_allclose(found[7], [2 * (10 + 2), 2 * (10 + 3)], atol=1.01)


def test_a_pyramid_and_an_image_that_is_turned(
    spots: ad.AnnData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    turned = Affine([[0, -1, 9], [1, 0, 0], [0, 0, 1]], ("x", "y"), ("x", "y"))
    data = {
        "spots": circles(spots),
        "table": table_of(spots),
        "tissue": image_of(spots, Scale([5.0, 5.0], axes=("x", "y")), scale_factors=[2, 2]),
        "stain": image_of(spots, turned),
    }
    SpatialData.init_from_elements(data).write(tmp_path / "s.zarr")
    found = read_reference(tmp_path / "s.zarr")
    assert list(found.uns["spatial"]) == ["tissue"]
    assert best_image(found.uns["spatial"]["tissue"])[0].shape == (380, 480, 3)
    assert "stain lies where coordinates are negative" in caplog.text


def test_a_store_without_a_table_is_refused(
    spots: ad.AnnData, tmp_path: Path, refuses: Any
) -> None:
    SpatialData.init_from_elements({"spots": circles(spots)}).write(tmp_path / "s.zarr")
    with refuses("has no table"):
        read_reference(tmp_path / "s.zarr")


def test_our_own_store_is_read_as_both(phantom: Any, placed: ad.AnnData, tmp_path: Path) -> None:
    write_spatialdata(placed, tmp_path / "s.zarr", phantom.reference)
    again = read_placed(tmp_path / "s.zarr")
    assert again.obs_names.tolist() == placed.obs_names.tolist()
    np.testing.assert_allclose(again.obsm["spatial"], placed.obsm["spatial"])
    assert again.uns["dpvae"]["model"] == placed.uns["dpvae"]["model"]
    assert again.obs["dpvae_status"].tolist() == placed.obs["dpvae_status"].tolist()
    reference = read_reference(tmp_path / "s.zarr")
    np.testing.assert_allclose(reference.obsm["spatial"], phantom.reference.obsm["spatial"])
    stated = phantom.reference.uns["spatial"]["phantom"]["scalefactors"]["spot_diameter_fullres"]
    for cells in (again, reference):
        assert spot_size(cells) == pytest.approx(stated)
        image, size = best_image(cells.uns["spatial"]["phantom"])
        assert image.shape == (380, 480, 3) and size == pytest.approx(5.0)


def test_a_table_whose_elements_are_gone_keeps_its_own_places(
    spots: ad.AnnData, tmp_path: Path
) -> None:
    table = table_of(spots)
    table.obsm["spatial"] = np.asarray(spots.obsm["spatial"])
    SpatialData.init_from_elements({"table": table}).write(tmp_path / "s.zarr")
    found = read_reference(tmp_path / "s.zarr")
    np.testing.assert_allclose(found.obsm["spatial"], spots.obsm["spatial"])


TURNED = np.array([[4.0, -3.0, 700.0], [3.0, 4.0, -100.0], [0, 0, 1]])


@pytest.mark.parametrize(
    "matrix",
    [
        np.array([[5.0, 0, 250], [0, 5, 100], [0, 0, 1]]),
        np.array([[5.0, 0, 0], [0, -5, 1000], [0, 0, 1]]),
        np.array([[6.0, 0, 0], [0, 4, 0], [0, 0, 1]]),
        TURNED,
    ],
    ids=["moved", "y up", "stretched", "turned"],
)
def test_an_image_with_an_affine_lies_under_its_spots(
    spots: ad.AnnData, tmp_path: Path, matrix: np.ndarray
) -> None:
    pixels = np.full((200, 200, 3), 240, np.uint8)
    pixels[120:124, 60:64] = 0
    there = (matrix @ [62, 122, 1])[:2]
    element = Image2DModel.parse(
        np.moveaxis(pixels, 2, 0),
        dims=("c", "y", "x"),
        transformations={"global": Affine(matrix, ("x", "y"), ("x", "y"))},
    )
    data = {"spots": circles(spots), "table": table_of(spots), "tissue": element}
    SpatialData.init_from_elements(data).write(tmp_path / "s.zarr")
    found = best_image(read_reference(tmp_path / "s.zarr").uns["spatial"]["tissue"])
    assert found is not None
    image, size = found
    row, column = np.argwhere(image[..., 0] < 120).mean(axis=0) + 0.5
    np.testing.assert_allclose([column * size, row * size], there, atol=size)


def test_of_several_tables_the_one_called_table_or_the_largest_is_read(
    spots: ad.AnnData, caplog: pytest.LogCaptureFixture
) -> None:
    part = table_of(spots)[:10].copy()
    data = SpatialData.init_from_elements({"spots": circles(spots), "bins": table_of(spots)})
    data["few"] = part
    assert from_spatialdata(data, "here").n_obs == spots.n_obs
    assert "here has several tables: bins is read and few are not" in caplog.text
    data["table"] = part
    assert from_spatialdata(data, "here").n_obs == 10


def test_regions_that_lie_in_different_systems_are_refused(
    spots: ad.AnnData, refuses: Any, caplog: pytest.LogCaptureFixture
) -> None:
    table = table_of(spots)
    half = np.where(np.arange(spots.n_obs) % 2, "spots", "others")
    alone = ad.AnnData(table.X, obs=table.obs.assign(region=pd.Categorical(half)), var=table.var)
    regions = TableModel.parse(
        alone, region=["spots", "others"], region_key="region", instance_key="instance"
    )
    elements = {"spots": circles(spots), "others": circles(spots), "table": regions}
    data = SpatialData.init_from_elements(elements)
    found = from_spatialdata(data, "here")
    np.testing.assert_allclose(found.obsm["spatial"], spots.obsm["spatial"])
    set_transformation(data["others"], {"aligned": Identity()}, set_all=True)
    with refuses("have no coordinate system in common"):
        from_spatialdata(data, "here")


def test_an_image_of_another_system_is_not_shown_and_lone_tables_are_told(
    spots: ad.AnnData, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = image_of(spots, Scale([5.0, 5.0], axes=("x", "y")))
    set_transformation(elsewhere, {"aligned": Identity()}, set_all=True)
    data = {"spots": circles(spots), "table": table_of(spots), "tissue": elsewhere}
    assert "spatial" not in from_spatialdata(SpatialData.init_from_elements(data), "here").uns
    alone = SpatialData.init_from_elements({"table": ad.AnnData(spots.X, spots.obs, spots.var)})
    from_spatialdata(alone, "here")
    assert "its table 'table' says of no shapes that they are its cells" in caplog.text


def test_of_a_pyramid_too_large_the_coarsest_level_is_taken(
    spots: ad.AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = Scale([5.0, 5.0], axes=("x", "y"))
    data = {
        "spots": circles(spots),
        "table": table_of(spots),
        "tissue": image_of(spots, scale, scale_factors=[2, 2]),
    }
    whole = SpatialData.init_from_elements(data)
    for most, width in ((250, 240), (10, 120)):
        monkeypatch.setattr(spatialdata_store, "LARGEST_SIDE", most)
        pixels, size = best_image(from_spatialdata(whole, "here").uns["spatial"]["tissue"])
        assert pixels.shape[1] == width
        assert size == pytest.approx(5 * 480 / width)
