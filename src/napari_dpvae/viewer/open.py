"""A viewer's session and what draws it: the one place that ties state and canvas."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import anndata as ad
import napari
from napari import Viewer

from napari_dpvae.colours.blend import blendable
from napari_dpvae.data.checks import check_located, check_reference
from napari_dpvae.data.features import has_feature
from napari_dpvae.errors import DataError
from napari_dpvae.viewer.canvas.error_arrows import ErrorArrows
from napari_dpvae.viewer.canvas.scene import Scene
from napari_dpvae.viewer.state.session import Session

_SESSIONS: WeakKeyDictionary[Viewer, tuple[Session, Scene, ErrorArrows]] = WeakKeyDictionary()
"""With what draws it, which the session's signals hold only weakly."""


def session(viewer: Viewer | None = None) -> Session:
    """The session of a napari viewer: the same objects as its widgets show.

    Parameters
    ----------
    viewer
        The current one if not given.

    Raises
    ------
    RuntimeError
        When there is no viewer.

    Examples
    --------
    In napari's console::

        import napari_dpvae as dpv
        dpv.session(viewer).gene = "ERBB2"
    """
    viewer = viewer if viewer is not None else napari.current_viewer()
    if viewer is None:
        raise RuntimeError("There is no napari viewer: open one with napari.Viewer().")
    # The console hands out a proxy of the viewer, which is another object each time.
    viewer = getattr(viewer, "__wrapped__", viewer)
    if viewer not in _SESSIONS:
        state = Session()
        _SESSIONS[viewer] = (state, Scene(viewer, state), ErrorArrows(viewer, state))
    return _SESSIONS[viewer][0]


def view(
    placed: ad.AnnData | None = None,
    reference: ad.AnnData | None = None,
    *,
    gene: str | None = None,
    genes: Sequence[str] = (),
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
    genes
        Two or three, blended, in place of one.
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
    if placed is not None:
        check_located(placed, "The placed cells")
    if reference is not None:
        check_reference(reference)
    held = [cells for cells in (reference, placed) if cells is not None]
    genes = blendable(genes)
    for name in genes or (gene,):
        if name is not None and not any(has_feature(cells, name) for cells in held):
            raise DataError(f"Neither the reference nor the placed cells have the gene '{name}'.")
    # Refused before there is a window.
    viewer = viewer or napari.Viewer(title="dp-VAE")
    state = session(viewer)
    if reference is not None:
        state.reference = reference
    if placed is not None:
        state.placed = placed
    state.gene = gene or next(iter(state.genes), None)
    if genes:
        state.colouring.genes = genes
    return viewer
