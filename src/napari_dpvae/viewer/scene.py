"""Keeps a viewer's layers in step with its session."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

import anndata as ad
import numpy as np
from napari.layers import Layer, Points

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.viewer.colours import Expression, colour_limits, recolour
from napari_dpvae.viewer.layers import LayerData, image_layers, placed_points, reference_points

if TYPE_CHECKING:
    from napari import Viewer

    from napari_dpvae.viewer.session import Session

PLAIN = "#9fb4c7"
"""The colour of points that show no gene."""
VOLUME_ANGLES = (10.0, -35.0, 60.0)
"""How a volume is seen first: from above and aside, so that its depth shows."""


class Scene:
    """Histology, reference spots and placed cells of a session, coloured alike.

    A layer that a person deletes stays deleted until the data are
    set again.

    Parameters
    ----------
    viewer
        Where to draw.
    session
        What to draw.
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        # Sessions are kept by viewer: holding the viewer here would keep both for ever.
        self._viewer = ref(viewer)
        self._session = session
        self._reference = _Drawn()
        self._placed = _Drawn()
        session.reference_changed.connect(self._draw_reference)
        session.placed_changed.connect(self._draw_placed)
        session.colouring_changed.connect(self._recolour)

    def _draw_reference(self, reference: ad.AnnData | None) -> None:
        data: list[LayerData] = []
        if reference is not None:
            data = [*image_layers(reference), reference_points(reference)]
        self._reference = self._replace(self._reference, reference, data)
        viewer = self._viewer()
        if viewer is not None and reference is not None:
            dims = reference.obsm[SPATIAL].shape[1]
            viewer.dims.ndisplay = dims
            viewer.reset_view()
            if dims == 3:
                viewer.scene.camera.angles = VOLUME_ANGLES

    def _draw_placed(self, placed: ad.AnnData | None) -> None:
        data = [] if placed is None else [placed_points(placed, self._session.reference)]
        self._placed = self._replace(self._placed, placed, data)

    def _replace(self, old: _Drawn, cells: ad.AnnData | None, data: list[LayerData]) -> _Drawn:
        """Take the old layers away and draw the new ones, coloured."""
        viewer = self._viewer()
        if viewer is None:
            return _Drawn()
        for layer in old.layers:
            if layer in viewer.layers:
                viewer.layers.remove(layer)
        layers = [Layer.create(*entry) for entry in data]
        new = _Drawn(layers, None if cells is None else Expression(cells))
        self._colour([new, self._placed if old is self._reference else self._reference])
        viewer.layers.extend(layers)
        for layer in layers:
            layer.events.visible.connect(self._recolour)
        return new

    def _recolour(self) -> None:
        self._colour([self._reference, self._placed])

    def _colour(self, drawn: list[_Drawn]) -> None:
        """Colour by the session's gene: one scale for all that are in the same unit."""
        gene = self._session.gene
        values = [None if gene is None else part.values(gene) for part in drawn]
        bars: set[str | None] = set()
        for part, own in zip(drawn, values, strict=True):
            if own is None:
                part.show_plain()
                continue
            alike = [
                others
                for other, others in zip(drawn, values, strict=True)
                if others is not None and other.unit == part.unit
            ]
            part.show(own, colour_limits(*alike), self._session.colormap)
            # One bar serves all that share a scale: that of the first layer in sight.
            part.show_bar(part.visible and part.unit not in bars)
            if part.visible:
                bars.add(part.unit)


class _Drawn:
    """The layers of a reference or of placed cells, and the expression that colours them."""

    def __init__(
        self, layers: list[Layer] | None = None, expression: Expression | None = None
    ) -> None:
        self.layers = layers or []
        self._expression = expression
        self._points = [layer for layer in self.layers if isinstance(layer, Points)]

    @property
    def unit(self) -> str | None:
        return self._expression.unit if self._expression else None

    def values(self, gene: str) -> np.ndarray | None:
        """(n,) of the gene; None where it was not measured."""
        return self._expression.values(gene) if self._expression else None

    def show(self, values: np.ndarray, limits: tuple[float, float], colormap: str) -> None:
        for points in self._points:
            recolour(points, values, limits, colormap)

    @property
    def visible(self) -> bool:
        """Whether any of its points are in sight."""
        return any(points.visible for points in self._points)

    def show_bar(self, visible: bool) -> None:
        """Show or hide the colour bar."""
        for points in self._points:
            points.face_colorbar.visible = visible

    def show_plain(self) -> None:
        """One colour for all: no gene is chosen, or it was not measured here."""
        for points in self._points:
            points.face_color = PLAIN
        self.show_bar(False)
