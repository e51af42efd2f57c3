"""The AnnData that open layers carry, ours and napari-spatialdata's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import anndata as ad
from napari.layers import Layer


def layer_tables(layers: Iterable[Layer]) -> list[tuple[str, ad.AnnData]]:
    """Each AnnData once, with the name of the layer that has it.

    Parameters
    ----------
    layers
        ``metadata["adata"]`` is one, or ``metadata["sdata"]`` a SpatialData that has some.
    """
    found: dict[int, tuple[str, ad.AnnData]] = {}
    for layer in layers:
        for name, cells in _tables(layer):
            found.setdefault(id(cells), (name, cells))
    return list(found.values())


def _tables(layer: Layer) -> Iterator[tuple[str, ad.AnnData]]:
    cells = layer.metadata.get("adata")
    if isinstance(cells, ad.AnnData):
        yield layer.name, cells
    # Asked by its attribute: SpatialData takes seconds to import, and may not be there.
    for name, table in getattr(layer.metadata.get("sdata"), "tables", {}).items():
        yield f"{layer.name}: {name}", table
