"""The phantom in napari's File > Open Sample."""

from __future__ import annotations

from napari_dpvae.data.phantom import read_phantom
from napari_dpvae.viewer.canvas.layers import LayerData, image_layers, reference_layer


def phantom_layers() -> list[LayerData]:
    """Histology and spots of the phantom; the dock takes the spots' layer as a reference."""
    reference = read_phantom().reference
    return [*image_layers(reference), reference_layer(reference)]
