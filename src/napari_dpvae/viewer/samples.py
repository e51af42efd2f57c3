"""The phantom in napari's File > Open Sample."""

from __future__ import annotations

from napari_dpvae.data.phantom import read_phantom
from napari_dpvae.viewer.canvas.layers import LayerData, opened_layers


def phantom_layers() -> list[LayerData]:
    """Histology and spots of the phantom; the dock takes them as its reference if it is open."""
    return opened_layers(read_phantom().reference, "phantom spots")
