"""Folders of instruments that spatialdata-io reads: it is an extra, as it brings much."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import anndata as ad

from napari_dpvae.data.formats.spatialdata_store import from_spatialdata
from napari_dpvae.errors import DataError


class Platform(NamedTuple):
    """An instrument whose folder is known by some of its files."""

    name: str
    marks: tuple[tuple[str, ...], ...]
    """Patterns of files: for one of the tuples, all must be there."""
    reader: str
    """Function of ``spatialdata_io``."""
    options: dict[str, Any]
    """What is not needed is not read."""


PLATFORMS = (
    Platform(
        "Xenium",
        (("experiment.xenium",), ("cell_feature_matrix.h5", "cells.*")),
        "xenium",
        {
            "cells_boundaries": False,
            "nucleus_boundaries": False,
            "cells_labels": False,
            "nucleus_labels": False,
            "transcripts": False,
            "cells_as_circles": True,
        },
    ),
    Platform(
        "MERSCOPE",
        (("cell_by_gene*.csv", "cell_metadata*.csv"),),
        "merscope",
        {"transcripts": False},
    ),
    Platform(
        "CosMx",
        (("*exprMat_file.csv*", "*metadata_file.csv*"),),
        "cosmx",
        {"transcripts": False},
    ),
    Platform("Slide-seq (Curio)", (("*cluster_assignment.txt", "*.h5ad"),), "curio", {}),
    Platform("Stereo-seq", (("*.cellbin.gef",), ("02.count", "04.tissuecut"),), "stereoseq", {}),
)  # fmt: skip


def platform_of(folder: Path) -> Platform | None:
    """The platform that a folder is of, if any."""
    for platform in PLATFORMS:
        for marks in platform.marks:
            if all(any(folder.glob(pattern)) for pattern in marks):
                return platform
    return None


def read_platform(folder: Path) -> ad.AnnData:
    """Read the cells of an instrument's folder, with their places and images.

    Raises
    ------
    DataError
        When spatialdata-io is not installed, or cannot read the folder.
    """
    platform = platform_of(folder)
    assert platform is not None
    try:
        import spatialdata_io
    except ImportError as error:
        raise DataError(
            f"Cannot read {folder}: it is a {platform.name} folder, for which spatialdata-io is "
            "needed: install it with 'pip install \"napari-dpvae[platforms]\"'."
        ) from error
    read: Callable[..., Any] = getattr(spatialdata_io, platform.reader)
    return from_spatialdata(read(folder, **platform.options), folder)
