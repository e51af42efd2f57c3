"""The figure of what a session shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anndata as ad
from matplotlib.figure import Figure

from napari_dpvae.data.images import libraries
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.figure.figure import draw_figure
from napari_dpvae.viewer.canvas.section_layout import frame_section

if TYPE_CHECKING:
    from napari_dpvae.viewer.state.session import Session


def present_figure(session: Session, microns_per_unit: float | None = None) -> Figure:
    """Draw what a session shows, from its data; of several sections that which cells lie in.

    Parameters
    ----------
    session
        From :func:`napari_dpvae.session`.
    microns_per_unit
        For a scale bar in micrometres; else it is in coordinate units.

    Raises
    ------
    DataError
        For a volume, or when there is nothing to draw.
    """
    colouring, look = session.colouring, session.look
    return draw_figure(
        session.placed,
        _frame(session),
        gene=None if colouring.genes else colouring.gene,
        genes=colouring.genes,
        column=colouring.column,
        limits={name: colouring.limits_of(name) for name in colouring.genes} or colouring.limits,
        colormap=colouring.colormap,
        statuses=look.statuses,
        hidden=colouring.hidden,
        side_by_side=look.arrangement == "side by side",
        places=look.places,
        uncertainty=look.uncertainty,
        microns_per_unit=microns_per_unit,
    )


def _frame(session: Session) -> ad.AnnData | None:
    """The reference's section that cells are placed in, with its image alone."""
    reference, frame = session.reference, frame_section(session)
    if reference is None or frame is None:
        return reference
    section = reference[reference.obs[session.section_key].astype(str) == frame].copy()
    images = libraries(section)
    if frame in images:
        section.uns[SPATIAL] = {frame: images[frame]}
    return section
