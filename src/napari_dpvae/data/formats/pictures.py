"""Image files of their own: PNG and the like, TIFF and OME-TIFF, OME-Zarr; pyramids stay lazy."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_dpvae.data.formats.bounds import check_regular, check_store, opened
from napari_dpvae.errors import DataError

if TYPE_CHECKING:
    from dask.array import Array

LARGEST_SIDE = 4000
"""Pixels of the finest level of an image that is taken: the others stay on the disk."""
LARGEST_IMAGE = 200_000_000
"""Pixels of an image without levels that is held whole."""
TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def read_image(path: Path) -> tuple[np.ndarray, float]:
    """Pixels of an image, none of whose sides is longer than :data:`LARGEST_SIDE`.

    Parameters
    ----------
    path
        A PNG, JPEG or other picture; a TIFF; a folder of OME-Zarr.

    Returns
    -------
    pixels, factor
        (rows, columns[, channels]), and the side of a pixel in those of the whole image.

    Raises
    ------
    DataError
        When it is no image.
    """
    check_regular(path)
    if path.is_dir():
        return _reduced(_zarr_levels(path), path)
    with open(path, "rb") as file:
        tiff = file.read(4) in TIFF
    if tiff:
        return _reduced(_tiff_levels(path), path)
    pixels = read_picture(path)
    every = -(-max(pixels.shape[:2]) // LARGEST_SIDE)
    return pixels[::every, ::every], float(every)


def read_picture(path: Path) -> np.ndarray:
    """Pixels (rows, columns[, 3 or 4]) of an image file, its palette resolved.

    Raises
    ------
    DataError
        When it is no image, or larger than can be held.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with opened(path) as file, Image.open(io.BytesIO(file.read())) as picture:
            if picture.width * picture.height > LARGEST_IMAGE:
                raise DataError(
                    f"Cannot read {path}: its {picture.width:,} x {picture.height:,} pixels are "
                    "too many to be held: give a smaller image, or a TIFF with levels."
                )
            modes = {"P": "RGBA" if "transparency" in picture.info else "RGB", "1": "L", "LA": "L"}
            modes |= {"CMYK": "RGB", "YCbCr": "RGB", "HSV": "RGB", "PA": "RGBA"}
            wanted = modes.get(picture.mode)
            return np.asarray(picture.convert(wanted) if wanted else picture)
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DataError(f"Cannot read {path}: it is no whole image ({error}).") from error


def _tiff_levels(path: Path) -> list[Array]:
    """Each level of a TIFF as (rows, columns[, channels]), none of it read."""
    import dask.array as da
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            levels = [level.axes for level in file.series[0].levels]
        # The store keeps the file open for as long as its pixels may be asked for.
        arrays = [
            da.from_zarr(tifffile.imread(path, aszarr=True, series=0, level=i))
            for i in range(len(levels))
        ]
        return [_as_rows(array, axes) for array, axes in zip(arrays, levels, strict=True)]
    except Exception as error:
        # Its parts are read as they are named: a damaged one fails in many ways.
        raise DataError(f"Cannot read {path}: it is no whole TIFF ({error}).") from error


def _zarr_levels(path: Path) -> list[Array]:
    """Each level of OME-Zarr, of versions 0.4 and 0.5."""
    import dask.array as da
    import zarr

    check_store(path)
    try:
        attributes = dict(zarr.open_group(path, mode="r").attrs)
        about: Any = attributes.get("ome", attributes)
        scales = about["multiscales"][0]
        axes = "".join(axis["name"] for axis in scales.get("axes", ())) or "tczyx"
        names = [str(level["path"]) for level in scales["datasets"]]
        return [_as_rows(da.from_zarr(path / name), axes) for name in names]
    except (KeyError, IndexError, TypeError, ValueError, OSError) as error:
        raise DataError(
            f"Cannot read {path}: it is no OME-Zarr image (it has no 'multiscales')."
        ) from error


def _as_rows(array: Array, axes: Sequence[str]) -> Array:
    """(rows, columns[, channels]); the first of what else there is, such as planes."""
    import dask.array as da

    letters = "".join(axes).lower().replace("s", "c")
    if "y" not in letters or "x" not in letters:
        raise ValueError(f"it has the axes {letters} and not y and x")
    array = array[tuple(slice(None) if letter in "yxc" else 0 for letter in letters)]
    kept = [letter for letter in letters if letter in "yxc"]
    return da.moveaxis(array, [kept.index(letter) for letter in "yxc" if letter in kept],
                       range(len(kept)))  # fmt: skip


def _reduced(levels: list[Array], path: Path) -> tuple[np.ndarray, float]:
    """The finest level that is small enough; every so many pixels where none is."""
    levels = sorted(levels, key=lambda level: -level.shape[0])
    chosen = next((each for each in levels if max(each.shape[:2]) <= LARGEST_SIDE), levels[-1])
    every = -(-max(chosen.shape[:2]) // LARGEST_SIDE)
    try:
        pixels = np.asarray(chosen[::every, ::every])
    except Exception as error:
        # Codecs fail in many ways on a damaged file.
        raise DataError(f"Cannot read {path}: its pixels are damaged ({error}).") from error
    return pixels, levels[0].shape[0] / pixels.shape[0]
