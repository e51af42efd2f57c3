"""Genes that the reference lacks, on its spots: drawn from the placed cells around each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anndata as ad
import numpy as np
from psygnal import Signal

from napari_dpvae.analysis.virtual import virtual_expression
from napari_dpvae.data.features import has_feature
from napari_dpvae.errors import DataError
from napari_dpvae.viewer.canvas.background import in_background

if TYPE_CHECKING:
    from napari_dpvae.viewer.state.session import Session

Of = tuple[ad.AnnData, ad.AnnData]
"""The reference and the placed cells."""
MOST_KEPT = 50
"""Genes whose values are kept."""


class VirtualGenes:
    """Values of such genes; asked for the first time they are worked out in the background.

    ``ready`` follows when there are new ones.

    Parameters
    ----------
    session
        Whose placed cells and reference they are of.
    """

    ready = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[str, np.ndarray | None] = {}
        session.reference_changed.connect(self._forget)
        session.placed_changed.connect(self._forget)

    def values(self, gene: str) -> np.ndarray | None:
        """(n,) on the reference's spots; None while there are none."""
        reference, placed = self._session.reference, self._session.placed
        if gene in self._known or reference is None or placed is None:
            return self._known.get(gene)
        if has_feature(reference, gene) or not has_feature(placed, gene):
            return None
        self._known = dict(list(self._known.items())[-MOST_KEPT:])
        # Asked again before it is there, it waits.
        self._known[gene] = None

        def keep(values: np.ndarray | None) -> None:
            self._keep((reference, placed), gene, values)

        in_background(_drawn_from, placed, reference, gene, then=keep)
        return None

    def _keep(self, of: Of, gene: str, values: np.ndarray | None) -> None:
        now = (self._session.reference, self._session.placed)
        if values is not None and all(a is b for a, b in zip(of, now, strict=True)):
            self._known[gene] = values
            self.ready.emit()

    def _forget(self) -> None:
        self._known = {}


def _drawn_from(placed: ad.AnnData, reference: ad.AnnData, gene: str) -> np.ndarray | None:
    """(n,) of a gene; None when no placed cell belongs to the reference."""
    try:
        virtual = virtual_expression(placed, [gene], at=reference)
    except DataError:
        return None
    return np.asarray(virtual.X, float).ravel()
