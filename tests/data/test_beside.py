"""An image file of its own under the spots, by a scale or an affine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_dpvae import read_reference
from napari_dpvae.data.beside import as_matrix
from napari_dpvae.data.formats import pictures
from napari_dpvae.data.images import best_image, spot_size

DOT = (300, 180)
"""(column, row) of a dark square in the whole image."""


@pytest.fixture
def pixels() -> np.ndarray:
    found = np.full((480, 640, 3), 235, np.uint8)
    found[DOT[1] - 4 : DOT[1] + 4, DOT[0] - 4 : DOT[0] + 4] = 10
    return found


@pytest.fixture
def reference(phantom: Any, tmp_path: Path) -> Path:
    phantom.reference.write_h5ad(tmp_path / "r.h5ad")
    return tmp_path / "r.h5ad"


def write_pyramid(pixels: np.ndarray, path: Path) -> None:
    with tifffile.TiffWriter(path, ome=path.name.endswith(".ome.tif")) as file:
        options = {"photometric": "rgb", "tile": (64, 64)}
        file.write(pixels, subifds=2, **options)
        for step in (2, 4):
            file.write(pixels[::step, ::step], subfiletype=1, **options)


def write_ome_zarr(pixels: np.ndarray, path: Path) -> None:
    group = zarr.open_group(path, mode="w", zarr_format=2)
    planes = np.moveaxis(pixels, 2, 0)
    for i, step in enumerate((1, 2, 4)):
        group[str(i)] = planes[:, ::step, ::step]
    group.attrs["multiscales"] = [
        {
            "axes": [{"name": name} for name in "cyx"],
            "datasets": [{"path": str(i)} for i in range(3)],
        }
    ]


WRITERS = {
    "i.png": lambda pixels, path: Image.fromarray(pixels).save(path),
    "i.tif": lambda pixels, path: tifffile.imwrite(path, pixels),
    "grey.tif": lambda pixels, path: tifffile.imwrite(path, pixels[..., 0]),
    "16bit.tif": lambda pixels, path: tifffile.imwrite(path, pixels.astype(np.uint16) * 257),
    "planes.tif": lambda pixels, path: tifffile.imwrite(
        path, np.moveaxis(pixels, 2, 0), photometric="minisblack", metadata={"axes": "CYX"}
    ),
    "pyramid.tif": write_pyramid,
    "i.ome.tif": write_pyramid,
    "i.ome.zarr": write_ome_zarr,
}


def assert_dot_lies_at(found: Any, there: tuple[float, float], size: float) -> None:
    (entry,) = found.uns["spatial"].values()
    shown = best_image(entry)
    assert shown is not None
    image, side = shown
    grey = np.asarray(image, float)
    grey = grey if grey.ndim == 2 else grey[..., :3].mean(axis=2)
    row, column = np.argwhere(grey < (grey.min() + grey.max()) / 2).mean(axis=0) + 0.5
    np.testing.assert_allclose([column * side, row * side], there, atol=size)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("largest", [4000, 200])
def test_images_of_every_kind_lie_where_they_belong(
    reference: Path,
    pixels: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    largest: int,
) -> None:
    monkeypatch.setattr(pictures, "LARGEST_SIDE", largest)
    WRITERS[name](pixels, tmp_path / name)
    found = read_reference(reference, image=tmp_path / name, image_affine=5.0)
    assert_dot_lies_at(found, (DOT[0] * 5.0, DOT[1] * 5.0), size=20)
    (entry,) = found.uns["spatial"].values()
    assert max(entry["images"]["hires"].shape[:2]) <= largest


def test_an_affine_turns_and_moves(
    reference: Path, pixels: np.ndarray, tmp_path: Path, phantom: Any
) -> None:
    Image.fromarray(pixels).save(tmp_path / "i.png")
    matrix = np.array([[0.0, -4.0, 2000.0], [4.0, 0.0, 100.0], [0, 0, 1]])
    there = tuple((matrix @ [*DOT, 1])[:2])
    (tmp_path / "a.csv").write_text("\n".join(",".join(map(str, row)) for row in matrix))
    for affine in (matrix, matrix[:2], tmp_path / "a.csv", "0,-4,2000,4,0,100"):
        found = read_reference(reference, image=tmp_path / "i.png", image_affine=affine)
        assert_dot_lies_at(found, there, size=4)
    assert spot_size(found) == spot_size(phantom.reference), "spots keep their size"


def test_what_is_no_image_or_no_affine_is_refused(
    reference: Path, pixels: np.ndarray, tmp_path: Path, refuses: Any
) -> None:
    Image.fromarray(pixels).save(tmp_path / "i.png")
    with refuses("no whole image"):
        read_reference(reference, image=reference)
    (tmp_path / "damaged.tif").write_bytes(b"II*\x00" + b"\x00" * 40)
    with refuses("no whole TIFF"):
        read_reference(reference, image=tmp_path / "damaged.tif")
    with refuses("no OME-Zarr image"):
        read_reference(reference, image=tmp_path)
    with refuses("no file or folder"):
        read_reference(reference, image=tmp_path / "nowhere.png")
    with refuses("far off, by its affine"):
        read_reference(reference, image=tmp_path / "i.png", image_affine=[1, 0, -1e6, 0, 1, 0])
    for wrong in ("one", [1, 2], 0, np.zeros((3, 3)), [1, 0, np.nan, 0, 1, 0]):
        with refuses("affine .* give the side of a pixel"):
            as_matrix(wrong)
