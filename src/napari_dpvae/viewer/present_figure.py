"""The figure of what a session shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

from napari_dpvae.figure import draw_figure

if TYPE_CHECKING:
    from napari_dpvae.viewer.session import Session


def present_figure(session: Session, microns_per_unit: float | None = None) -> Figure:
    """Draw what a session shows, from its data.

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
        session.reference,
        gene=colouring.gene,
        column=colouring.column,
        limits=colouring.limits,
        colormap=colouring.colormap,
        statuses=look.statuses,
        hidden=colouring.hidden,
        side_by_side=look.arrangement == "side by side",
        microns_per_unit=microns_per_unit,
    )
