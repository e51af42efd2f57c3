"""Images as programs hold them, and whether spots lie on them."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
import pytest

from napari_dpvae.data.concerns import concerns
from napari_dpvae.data.images import best_image, image_of, image_sizes, libraries, spot_size

SHAPE = (40, 60)


@pytest.fixture
def colour() -> np.ndarray:
    image = np.full((*SHAPE, 3), 230, np.uint8)
    image[5:9, 10:20] = [200, 40, 90]
    return image


def entry(image: Any, factor: Any = 0.2) -> dict[str, Any]:
    return {"images": {"hires": image}, "scalefactors": {"tissue_hires_scalef": factor}}


FORMS = {
    "channels first": lambda x: np.moveaxis(x, 2, 0),
    "a plane of one": lambda x: x[None],
    "a plane of one, channels first": lambda x: np.moveaxis(x, 2, 0)[None],
    "transparent": lambda x: np.dstack([x, np.full(SHAPE, 255, np.uint8)]),
    "16 bit": lambda x: x.astype(np.uint16) * 257,
    "12 bit": lambda x: x.astype(np.uint16) * 16,
    "8 bit in 16": lambda x: x.astype(np.uint16),
    "8 bit in integers": lambda x: x.astype(np.int64),
    "floats to 255": lambda x: x.astype(float),
    "floats to 1": lambda x: x / 255,
    "a list": lambda x: x.tolist(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_an_image_of_any_form_has_its_colours(colour: np.ndarray, form: Any) -> None:
    image, size = best_image(entry(form(colour)))
    assert size == 5.0
    assert image.shape[:2] == SHAPE and image.shape[2] in (3, 4)
    values = image[6, 12, :3] * (255 if image.dtype.kind == "f" else 1)
    np.testing.assert_allclose(values, [200, 40, 90], atol=2)


@pytest.mark.parametrize(
    "form",
    [
        lambda x: x[..., 0],
        lambda x: x[..., :1],
        lambda x: x[..., :2],
        lambda x: np.moveaxis(x[..., :1], 2, 0),
        lambda x: x[..., 0] > 220,
        lambda x: x[..., 0].astype(np.uint16) * 257,
        lambda x: np.where(x[..., 0] > 220, np.nan, 0.5),
    ],
)
def test_grey_images(colour: np.ndarray, form: Any) -> None:
    image, _ = best_image(entry(form(colour)))
    assert image.shape == SHAPE and image.dtype != bool


@pytest.mark.parametrize("image", [None, "picture.png", np.array("x"), np.zeros((0, 3)), {}])
def test_what_is_no_image(image: Any) -> None:
    assert best_image(entry(image)) is None


@pytest.mark.parametrize(
    ("uns", "names"),
    [
        ({"is_single": True, "lib": {"images": {}}}, ["lib"]),
        (np.ones((5, 2)), []),
        ("text", []),
        (None, []),
        ({"version": "1.0", 3: {}}, ["3"]),
    ],
)
def test_what_else_is_in_uns_is_passed_over(phantom: Any, uns: Any, names: list[str]) -> None:
    cells = phantom.reference.copy()
    cells.uns["spatial"] = uns
    assert list(libraries(cells)) == names
    assert image_sizes(cells) == {}
    assert spot_size(cells) > 0
    assert any("no image" in said for said in concerns(cells))


@pytest.mark.parametrize("factor", [np.array([0.2]), np.float32(0.2), "0.2", [0.2]])
def test_scale_factors_of_any_form(colour: np.ndarray, factor: Any) -> None:
    assert best_image(entry(colour, factor))[1] == pytest.approx(5.0)


@pytest.mark.parametrize("factor", [None, np.nan, 0.0, -1.0, np.array([]), "large", {}])
def test_scale_factors_that_are_none(colour: np.ndarray, factor: Any) -> None:
    assert best_image(entry(colour, factor)) is None
    assert best_image({"images": {"hires": colour}, "scalefactors": None}) is None


def test_the_full_image_alone_needs_no_factor(colour: np.ndarray) -> None:
    assert best_image({"images": {"fullres": colour}})[1] == 1.0


@pytest.fixture
def half(phantom: Any) -> ad.AnnData:
    """Tissue in a corner of its image."""
    cells = phantom.reference.copy()
    image = np.full((300, 300, 3), 240, np.uint8)
    places = cells.obsm["spatial"] * 0.5
    for x, y in (places * 0.2).astype(int):
        image[y : y + 12, x : x + 12] = [150, 60, 120]
    cells.obsm["spatial"] = places
    cells.uns["spatial"] = {"lib": entry(image)}
    return cells


def about_image(cells: ad.AnnData) -> list[str]:
    return [said for said in concerns(cells) if "image" in said]


def test_spots_on_their_tissue_raise_no_concern(half: ad.AnnData) -> None:
    assert about_image(half) == []


@pytest.mark.parametrize(
    ("move", "said"),
    [
        (lambda xy: xy * 12 + 4000, "full-resolution pixels"),
        (lambda xy: xy * 0.1, "array indices"),
        (lambda xy: xy * [1, -1], "does y point up"),
        (lambda xy: np.c_[xy[:, 0], 1500 - xy[:, 1]], "does y point up"),
    ],
)
def test_spots_off_their_tissue_are_told(half: ad.AnnData, move: Any, said: str) -> None:
    half.obsm["spatial"] = move(half.obsm["spatial"])
    (found,) = about_image(half)
    assert said in found


def test_an_image_of_any_name_that_has_a_scale_factor() -> None:
    pixels = np.zeros((4, 6, 3), np.uint8)
    entry = {"images": {"he": pixels}, "scalefactors": {"tissue_he_scalef": 0.5}}
    found = best_image(entry)
    assert found is not None and found[1] == 2.0
    entry["scalefactors"] = {"tissue_hires_scalef": 0.5}
    assert best_image(entry) is None


def test_an_image_without_a_name_is_that_of_one_library(colour: np.ndarray) -> None:
    cells = ad.AnnData(np.ones((2, 2)), uns={"spatial": entry(colour)})
    assert best_image(libraries(cells)["library"])[1] == 5.0


def test_libraries_without_images_have_none() -> None:
    assert best_image({"images": None}) is None
    assert image_of({"images": ["hires"]}) is None
    assert image_of({"images": {"hires": "hires.png"}}, "hires") is None


def test_the_size_of_spots_that_are_not_stated_follows_their_distance() -> None:
    places = 100.0 * np.stack(np.meshgrid(np.arange(50), np.arange(50)), axis=-1).reshape(-1, 2)
    cells = ad.AnnData(np.ones((2500, 1)), obsm={"spatial": places})
    measured = spot_size(cells)
    assert measured == pytest.approx(70)
    many = ad.AnnData(np.ones((250_000, 1), np.float32))
    many.obsm["spatial"] = np.random.default_rng(0).uniform(0, 500, (250_000, 2))
    assert spot_size(many) == pytest.approx(0.7, rel=0.01)
