"""Which columns of a table are x, y and z, by their names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LIKELIEST = (
    "x",
    "spatial_x",
    "x_centroid",
    "centroid_x",
    "center_x",
    "x_center",
    "centerx_global_px",
    "x_global_px",
    "x_slide_mm",
    "pxl_col_in_fullres",
    "imagecol",
    "pixel_x",
    "x_pixel",
    "x_coord",
    "coord_x",
)
"""Columns with x that are taken before others, in lower case."""
UNLIKELY = re.compile(r"array|grid|local|fov|min|max|^col|^image_?0")
"""Indices of an array, places within a field of view, and the sides of boxes: the last resort."""
NO_PLACE = re.compile(r"umap|tsne|t-sne|pca|phate|latent|diffmap|mds|harmony|embed|draw_graph|vae")
"""Coordinates of embeddings, which are no places."""
AXES = (
    (re.compile("x"), ("x", "y", "z")),
    (re.compile("column|col"), ("", "row")),
    (re.compile("1$"), ("1", "2", "3")),
)
"""What stands for the first axis in a name, and what for the others."""
NUMBERED = re.compile(r"spatial|coord|pos|sdim")
"""Names of axes that are numbered; so are many columns that are no axes."""


def find_axes(names: Iterable[object]) -> list[list[str]]:
    """Columns that are x and y, and maybe z: one choice where it is clear, or all that may be.

    Parameters
    ----------
    names
        Of the columns of a table.
    """
    there: dict[str, str] = {}
    for name in names:
        there.setdefault(str(name).lower(), str(name))
    found = {axes[0]: [there[axis] for axis in axes] for axes in _pairs(there)}
    for name in LIKELIEST:
        if name in found:
            return [found[name]]
    likely = [axes for name, axes in found.items() if not UNLIKELY.search(name)]
    return likely or list(found.values())


def _pairs(names: Iterable[str]) -> Iterator[list[str]]:
    """Names that differ only by what stands for the axis."""
    there = set(names)
    for name in names:
        if NO_PLACE.search(name):
            continue
        for first, axes in AXES:
            if axes[0] == "1" and not NUMBERED.search(name):
                continue
            for match in first.finditer(name):
                others = [name[: match.start()] + axis + name[match.end() :] for axis in axes[1:]]
                if others[0] in there:
                    yield [name, *(other for other in others if other in there)]
