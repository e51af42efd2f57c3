"""Whether spots lie on the tissue of their image, and how they would if they do not."""

from __future__ import annotations

from collections.abc import Iterator

import anndata as ad
import numpy as np

from napari_dpvae.data.images import best_image, libraries
from napari_dpvae.data.keys import SPATIAL

MOSTLY_ON = 0.9
"""Share of spots that lie on an image that is theirs."""
CORNER = 0.3
"""Spots that cover less of an image in both directions are in another unit."""
CLEARLY = 0.15
"""A turned image fits better if so much more of the spots lie on tissue."""
MOSTLY_TISSUE = 0.7
"""Share of spots on tissue where spots and image fit."""
FEW_ON = 0.5
"""Share of spots on tissue below which it is said."""
GLASS = 0.25
"""Share of tissue on the border of an image that shows a whole section."""
UNLIKE = 0.15
"""Pixels are tissue that differ from the image's border by this share of its range."""


def about_image(reference: ad.AnnData) -> Iterator[str]:
    """A sentence where spots do not lie on their image, or on the tissue in it.

    Parameters
    ----------
    reference
        Spots with ``obsm["spatial"]``.
    """
    found = {name: best_image(entry) for name, entry in libraries(reference).items()}
    images = {name: image for name, image in found.items() if image is not None}
    places = np.asarray(reference.obsm[SPATIAL], float)
    if len(images) != 1 or places.shape[1] != 2:
        return
    ((image, size),) = images.values()
    size_yx = np.array(image.shape[:2]) * size
    on = _inside(places, size_yx)
    if on.mean() < MOSTLY_ON:
        advice = "are they in full-resolution pixels, like the image's scale factor"
        if _inside(places * [1, -1], size_yx).mean() > MOSTLY_ON:
            advice = "does y point up? Then turn its sign"
        elif _inside(places[:, ::-1], size_yx).mean() > MOSTLY_ON:
            advice = "are x and y swapped"
        yield f"Only {on.sum()} of {len(places)} spots lie on the image: {advice}?"
        return
    covered = np.ptp(places, axis=0) / size_yx[::-1]
    if (covered < CORNER).all():
        yield (
            f"The spots cover {covered[0]:.0%} of the image's width and {covered[1]:.0%} of its "
            "height: are they in its full-resolution pixels, and not in µm or array indices?"
        )
        return
    yield from _about_tissue(image, places / size)


def _about_tissue(image: np.ndarray, pixels: np.ndarray) -> Iterator[str]:
    tissue = _tissue(image)
    if not 0.02 < tissue.mean() < 0.9:
        return
    height, width = tissue.shape
    here = _on_tissue(tissue, pixels)
    turned = {
        "does y point up": np.c_[pixels[:, 0], height - 1 - pixels[:, 1]],
        "are x and y swapped": pixels[:, ::-1],
    }
    for advice, others in turned.items():
        there = _on_tissue(tissue, others)
        if there > max(here + CLEARLY, MOSTLY_TISSUE):
            yield (
                f"{here:.0%} of the spots lie on tissue in the image, and {there:.0%} would if it "
                f"were turned: {advice}?"
            )
            return
    if here < FEW_ON and _border(tissue).mean() < GLASS:
        yield (
            f"Only {here:.0%} of the spots lie on tissue in the image: are they in its "
            "full-resolution pixels, and is it theirs?"
        )


def _inside(places: np.ndarray, size_yx: np.ndarray) -> np.ndarray:
    """(n,) whether each place is on an image of a height and a width."""
    return np.asarray(((places >= 0) & (places <= size_yx[::-1])).all(axis=1))


def _on_tissue(tissue: np.ndarray, pixels: np.ndarray) -> float:
    columns, rows = np.round(pixels).astype(int).T
    inside = (rows >= 0) & (columns >= 0) & (rows < tissue.shape[0]) & (columns < tissue.shape[1])
    return float(tissue[rows[inside], columns[inside]].sum() / len(pixels))


def _tissue(image: np.ndarray) -> np.ndarray:
    """(rows, columns) whether a pixel is unlike the image's border."""
    grey = np.asarray(image, float)
    grey = grey[..., :3].mean(axis=2) if grey.ndim == 3 else grey
    spread = np.quantile(grey, 0.99) - np.quantile(grey, 0.01)
    result: np.ndarray = np.abs(grey - np.median(_border(grey))) > UNLIKE * max(float(spread), 1e-9)
    return result


def _border(image: np.ndarray) -> np.ndarray:
    """Values of the outermost rows and columns."""
    return np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
