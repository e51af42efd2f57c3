"""Where the sections of a reference are drawn, so that none hides another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_dpvae.data.images import image_sizes
from napari_dpvae.data.keys import SPATIAL

if TYPE_CHECKING:
    from napari_dpvae.viewer.state.session import Session

GAP = 1.03
"""Of the largest section's extent, from one section to the next."""


def frame_section(session: Session) -> str | None:
    """The section that cells are placed in: the model's, else the largest; None for one alone."""
    reference, key, model = session.reference, session.section_key, session.model
    if reference is None or key is None:
        return None
    named = model.settings.frame if model is not None else ""
    sizes = reference.obs[key].astype(str).value_counts()
    return named if named in sizes.index else str(sizes.index[0])


def laid_out(session: Session) -> dict[str, np.ndarray]:
    """How far each section of the reference is moved, (2,); empty for a single one or a volume."""
    reference, frame = session.reference, frame_section(session)
    if reference is None or frame is None or reference.obsm[SPATIAL].shape[1] != 2:
        return {}
    coordinates = np.asarray(reference.obsm[SPATIAL], float)
    sections = reference.obs[session.section_key]
    return section_shifts(section_boxes(coordinates, sections, image_sizes(reference)), frame)


def section_boxes(
    coordinates: np.ndarray, sections: pd.Series, images: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """The corners, (2, 2), of what is drawn of each section: its spots and its image.

    Parameters
    ----------
    coordinates
        (n, 2) of the spots.
    sections
        (n,) the section of each.
    images
        (2,) width and height of the images that sections have, which begin at the origin.
    """
    names = sections.astype(str).to_numpy()
    boxes = {}
    for name in pd.unique(names):
        spots = coordinates[names == name]
        corners = [spots.min(axis=0), spots.max(axis=0)]
        if name in images:
            corners += [np.zeros(2), images[name]]
        boxes[name] = np.array([np.min(corners, axis=0), np.max(corners, axis=0)])
    return boxes


def section_shifts(boxes: dict[str, np.ndarray], frame: str) -> dict[str, np.ndarray]:
    """How far each section is moved: not at all, or into rows when some lie on each other.

    Parameters
    ----------
    boxes
        The corners of each section, (2, 2).
    frame
        The section that cells are placed in: it stays where it is.

    Returns
    -------
    dict
        (2,) for each section, in coordinate units.
    """
    if not _overlap(list(boxes.values())):
        return {name: np.zeros(2) for name in boxes}
    first = frame if frame in boxes else next(iter(boxes))
    order = [first, *(name for name in boxes if name != first)]
    slot = GAP * np.max([high - low for low, high in boxes.values()], axis=0)
    columns = int(np.ceil(np.sqrt(len(order))))
    corner = boxes[first][0]
    return {
        name: corner + slot * [i % columns, i // columns] - boxes[name][0]
        for i, name in enumerate(order)
    }


def _overlap(boxes: list[np.ndarray]) -> bool:
    """Whether any two boxes, (2, 2) each, share a place."""
    return any(
        bool((a[0] < b[1]).all() and (b[0] < a[1]).all())
        for i, a in enumerate(boxes)
        for b in boxes[:i]
    )
