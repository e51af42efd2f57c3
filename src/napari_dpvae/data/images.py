"""Images and sizes that a reference carries, as squidpy and scanpy write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import anndata as ad
import numpy as np

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.geometry.spacing import spot_distance

MOST_MEASURED = 50_000
"""Neighbours of more spots take seconds to find: they are taken to lie evenly."""
RESOLUTIONS = ("hires", "lowres", "fullres")
"""Of images, the likeliest to be of use first."""
MOST_CHANNELS = 16
"""A first axis that is longer is no axis of channels."""


def libraries(cells: ad.AnnData) -> dict[str, dict[str, Any]]:
    """Copies of the libraries of ``uns["spatial"]``, without what else programs put there.

    Parameters
    ----------
    cells
        Spots, or placed cells.
    """
    entries = cells.uns.get(SPATIAL, {})
    if not isinstance(entries, Mapping):
        return {}
    if isinstance(entries.get("images"), Mapping) and "scalefactors" in entries:
        # One library without a name, as some converters leave it.
        entries = {"library": entries}
    return {
        str(name): _clean(entry) for name, entry in entries.items() if isinstance(entry, Mapping)
    }


def _clean(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A library whose images are pixels and whose scale factors are numbers."""
    images, factors = (entry.get(name) for name in ("images", "scalefactors"))
    images = images if isinstance(images, Mapping) else {}
    factors = factors if isinstance(factors, Mapping) else {}
    pixels = {str(name).replace(".", "_"): _pixels(image) for name, image in images.items()}
    numbers = {str(name): scale_factor(entry, name) for name in factors}
    return {
        **entry,
        "images": {name: image for name, image in pixels.items() if image is not None},
        "scalefactors": {name: value for name, value in numbers.items() if value is not None},
    }


def _pixels(image: Any) -> np.ndarray | None:
    """An array of numbers that files hold; None for what is no image."""
    if image is None or isinstance(image, str | bytes | Mapping):
        return None
    try:
        pixels = np.asarray(image)
    except ValueError:
        # Rows of different lengths.
        return None
    return pixels if pixels.dtype.kind in "uifb" and 0 < pixels.nbytes <= 8 * pixels.size else None


def scale_factor(entry: Mapping[str, Any], name: str) -> float | None:
    """A scale factor of a library, as a number or as an array of one; None without it."""
    factors = entry.get("scalefactors")
    value = factors.get(name) if isinstance(factors, Mapping) else None
    try:
        factor = float(np.ravel(np.asarray(value, float))[0])
    except (TypeError, ValueError, IndexError):
        return None
    return factor if np.isfinite(factor) and factor > 0 else None


def best_image(entry: Any) -> tuple[np.ndarray, float] | None:
    """The finest image of a library that has a scale factor, with its pixels' size.

    Parameters
    ----------
    entry
        Of ``uns["spatial"]``.

    Returns
    -------
    image, size
        (rows, columns) or (rows, columns, 3 or 4), of 8 bits or floats up to 1 where it is in
        colour, and the side of a pixel in coordinate units. None without one.
    """
    for resolution in _resolutions(entry):
        factor = scale_factor(entry, f"tissue_{resolution}_scalef")
        if factor is None and resolution == "fullres":
            factor = 1.0
        image = image_of(entry, resolution)
        if factor is not None and image is not None:
            return image, 1.0 / factor
    return None


def image_of(entry: Any, *resolutions: str) -> np.ndarray | None:
    """The first image of a library that can be drawn, of any resolution if none is named."""
    images = entry.get("images") if isinstance(entry, Mapping) else None
    if not isinstance(images, Mapping):
        return None
    found = (_drawable(images.get(name)) for name in resolutions or _resolutions(entry))
    return next((image for image in found if image is not None), None)


def _resolutions(entry: Any) -> list[str]:
    """What images are called, the usual names first."""
    images = entry.get("images") if isinstance(entry, Mapping) else None
    others = images if isinstance(images, Mapping) else ()
    return [*RESOLUTIONS, *(str(name) for name in others if name not in RESOLUTIONS)]


def _drawable(image: Any) -> np.ndarray | None:
    """Pixels as napari and matplotlib take them; None for what is no image."""
    found = _pixels(image)
    if found is None:
        return None
    pixels = _channels_last(found)
    if pixels.ndim == 3 and pixels.shape[2] not in (3, 4):
        pixels = pixels[..., 0]
    if pixels.ndim not in (2, 3) or min(pixels.shape[:2]) < 2:
        return None
    if pixels.dtype == bool:
        return pixels.astype(np.uint8) * 255
    return pixels if pixels.dtype == np.uint8 else _in_range(pixels)


def _channels_last(pixels: np.ndarray) -> np.ndarray:
    """(rows, columns, channels): some programs put the channels first, or an axis of one plane."""
    while pixels.ndim > 3 and 1 in pixels.shape:
        pixels = pixels.squeeze(axis=pixels.shape.index(1))
    if pixels.ndim != 3:
        return pixels
    first, last = pixels.shape[0], pixels.shape[2]
    if first <= MOST_CHANNELS and first < min(pixels.shape[1:]) and last not in (3, 4):
        return np.moveaxis(pixels, 0, 2)
    return pixels


def _in_range(pixels: np.ndarray) -> np.ndarray:
    """8 bits from 12 or 16, and floats up to 1 from up to 255; grey ones keep their own range."""
    if pixels.ndim == 2 and pixels.dtype.kind != "f":
        return pixels
    values = np.nan_to_num(pixels.astype(np.float32), posinf=0.0, neginf=0.0)
    largest = float(values.max(initial=0.0))
    if pixels.dtype.kind == "f" and largest <= 1:
        return np.clip(values, 0, 1).astype(pixels.dtype)
    top = next((top for top in (255.0, 4095.0, 65535.0) if largest <= top), largest)
    values = np.clip(values / top, 0, 1)
    if pixels.dtype.kind == "f":
        return values
    whole: np.ndarray = np.round(values * 255).astype(np.uint8)
    return whole


def image_sizes(reference: ad.AnnData) -> dict[str, np.ndarray]:
    """(2,) width and height of each library's image, in the reference's coordinates."""
    found = {name: best_image(entry) for name, entry in libraries(reference).items()}
    return {
        name: np.array(image[0].shape[1::-1]) * image[1]
        for name, image in found.items()
        if image is not None
    }


def spot_size(cells: ad.AnnData) -> float:
    """Diameter of a spot in coordinate units: as stated, else a share of the spot distance."""
    for entry in libraries(cells).values():
        diameter = scale_factor(entry, "spot_diameter_fullres")
        if diameter is not None:
            return diameter
    coordinates = np.asarray(cells.obsm[SPATIAL], float)
    if len(coordinates) > MOST_MEASURED:
        extent = np.ptp(coordinates, axis=0)
        return 0.7 * float((extent.prod() / len(coordinates)) ** (1 / len(extent))) or 1.0
    share = 0.7 if coordinates.shape[1] == 2 else 1.0
    return share * spot_distance(np.unique(coordinates, axis=0)) or 1.0
