"""File > Save Selected Layer of placed cells."""

from __future__ import annotations

from typing import Any

import anndata as ad

from napari_dpvae.data.keys import DPVAE
from napari_dpvae.data.write import write_placed
from napari_dpvae.errors import DataError


def write_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write the cells that a layer is of, with their expression, places and provenance.

    Parameters
    ----------
    path
        Its suffix says the format, as for :func:`napari_dpvae.write_placed`.
    data, attributes
        Of the layer, as napari hands them over.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    DataError
        When it is no layer of placed cells, or they cannot be written.
    """
    cells = attributes.get("metadata", {}).get("adata")
    if not isinstance(cells, ad.AnnData) or DPVAE not in cells.uns:
        raise DataError(
            f"The layer {attributes.get('name', '')} is not of placed cells: choose the layer "
            "'placed cells', or another suffix."
        )
    write_placed(cells, path)
    return [path]
