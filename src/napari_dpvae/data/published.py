"""Real tissue that others publish: fetched by squidpy once, and kept on this machine."""

from __future__ import annotations

from pathlib import Path

import anndata as ad

from napari_dpvae.data.read import read_query, read_reference
from napari_dpvae.errors import DataError

SECTIONS = {
    "mouse brain": "V1_Adult_Mouse_Brain",
    "human breast cancer": "V1_Breast_Cancer_Block_A_Section_1",
    "human breast cancer, the next section": "V1_Breast_Cancer_Block_A_Section_2",
    "human lymph node": "V1_Human_Lymph_Node",
}
"""Visium sections of 10x Genomics, each with its H&E, and what squidpy calls them."""
CORTEX = "mouse cortex, dissociated cells"
"""Of squidpy: cells of a part of the mouse brain."""


def published(name: str) -> ad.AnnData:
    """A section or a set of cells by its name; from the network the first time.

    Parameters
    ----------
    name
        One of :data:`SECTIONS`, or :data:`CORTEX`.

    Returns
    -------
    anndata.AnnData
        Checked, as a reference or as a query.

    Raises
    ------
    DataError
        When it is not kept on this machine and cannot be fetched.
    """
    folder = cache()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = _fetched(name, folder)
    except Exception as error:
        # Whatever stands between a machine and the network fails in its own way.
        raise DataError(
            f"The {name} cannot be fetched: is there a connection to the network, and room in "
            f"{folder}? The sample tissue (phantom) needs neither."
        ) from error
    return read_query(path) if name == CORTEX else read_reference(path)


def cache() -> Path:
    """The folder that what was fetched is kept in."""
    import pooch  # type: ignore[import-untyped]

    return Path(pooch.os_cache("napari-dpvae"))


def _fetched(name: str, folder: Path) -> Path:
    """Where it lies, once it is there whole: squidpy looks at its checksum."""
    import squidpy as sq

    if name == CORTEX:
        path = folder / "sc_mouse_cortex.h5ad"
        sq.datasets.sc_mouse_cortex(path)
        return path
    sq.datasets.visium(SECTIONS[name], base_dir=folder)
    return folder / SECTIONS[name]
