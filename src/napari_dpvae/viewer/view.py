"""Show placed cells in a napari viewer, from a script or a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anndata as ad

from napari_dpvae.viewer.session import session

if TYPE_CHECKING:
    from napari import Viewer


def view(
    placed: ad.AnnData | None = None,
    reference: ad.AnnData | None = None,
    *,
    gene: str | None = None,
    viewer: Viewer | None = None,
) -> Viewer:
    """Open a viewer with the tissue, the reference's spots and the placed cells.

    Parameters
    ----------
    placed
        From :meth:`napari_dpvae.DPVAE.place`. Its own image is shown if no reference is given.
    reference
        Spots by genes with ``obsm["spatial"]``.
    gene
        Colours spots and cells; the first that both have if not given.
    viewer
        A new one if not given.

    Returns
    -------
    napari.Viewer
        Call :func:`napari.run` to keep it open from a script.

    Raises
    ------
    DataError
        When the gene was not measured.
    """
    import napari

    viewer = viewer or napari.Viewer(title="dp-VAE")
    state = session(viewer)
    if reference is not None:
        state.reference = reference
    if placed is not None:
        state.placed = placed
    state.gene = gene or next(iter(state.genes), None)
    return viewer
