"""Folders of imaging and bead instruments: cells by genes with their places, without the images.

spatialdata-io reads these folders with images, outlines and molecules, and needs all of them to be
there; a store that it made is read with its images. Here the tables are enough, which is what most
people have. Stereo-seq has no tables: it is read by spatialdata-io, an extra.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from napari_dpvae.data.formats.anndata_files import read_h5ad
from napari_dpvae.data.formats.bounds import opened
from napari_dpvae.data.formats.modalities import add_modality
from napari_dpvae.data.formats.spatialdata_store import from_spatialdata
from napari_dpvae.data.formats.tenx import read_tenx_h5, read_tenx_mtx
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.numbers_in_text import FLOATS
from napari_dpvae.errors import DataError

CONTROLS = re.compile(r"^(Blank-|NegPrb|Negative|SystemControl|FalseCode|NegControl)", re.I)
"""Probes of no gene."""


class Platform(NamedTuple):
    """An instrument whose folder is known by some of its files."""

    name: str
    marks: tuple[tuple[str, ...], ...]
    """Patterns of files: for one of the tuples, all must be there."""
    read: Callable[[Path], ad.AnnData]


def platform_of(folder: Path) -> Platform | None:
    """The platform that a folder is of, if any."""
    for platform in PLATFORMS:
        for marks in platform.marks:
            if all(any(folder.glob(pattern)) for pattern in marks):
                return platform
    return None


def read_platform(folder: Path) -> ad.AnnData:
    """Read the cells of an instrument's folder.

    Raises
    ------
    DataError
        When a part is not there.
    """
    platform = platform_of(folder)
    assert platform is not None
    return platform.read(folder)


def _xenium(folder: Path) -> ad.AnnData:
    """10x Xenium: µm."""
    matrix = folder / "cell_feature_matrix"
    if (folder / "cell_feature_matrix.h5").is_file():
        cells = read_tenx_h5(folder / "cell_feature_matrix.h5")
    elif matrix.is_dir():
        cells = read_tenx_mtx(matrix)
    else:
        raise DataError(f"Cannot read {folder}: there is no cell_feature_matrix.h5 in it.")
    about = _table(folder, "cells.parquet", "cells.csv.gz", "cells.csv")
    about.index = pd.Index([_decoded(name) for name in about["cell_id"]])
    return _placed_by(cells, about, ["x_centroid", "y_centroid"], folder)


def _decoded(name: object) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _merscope(folder: Path) -> ad.AnnData:
    """Vizgen MERSCOPE: µm."""
    counts = _table(folder, "*cell_by_gene*.csv", "*cell_by_gene*.csv.gz", index=True)
    about = _table(folder, "*cell_metadata*.csv", "*cell_metadata*.csv.gz", index=True)
    return _placed_by(_of_counts(counts), about, ["center_x", "center_y"], folder)


def _cosmx(folder: Path) -> ad.AnnData:
    """NanoString CosMx: pixels of all fields of view."""
    counts = _of_fields(_table(folder, "*exprMat_file.csv*"))
    about = _of_fields(_table(folder, "*metadata_file.csv*"))
    counts = counts.drop(columns=["fov", "cell_ID", "cell", "cell_id"], errors="ignore")
    return _placed_by(_of_counts(counts), about, ["CenterX_global_px", "CenterY_global_px"], folder)


def _of_fields(table: pd.DataFrame) -> pd.DataFrame:
    """Indexed by field of view and cell; without what lies between cells."""
    table = table[table["cell_ID"] != 0]
    names = table["fov"].astype(str) + "_" + table["cell_ID"].astype(str)
    return table.set_index(pd.Index(names.to_numpy()))


def _curio(folder: Path) -> ad.AnnData:
    """Slide-seq of Curio Seeker: an AnnData with the beads' places."""
    found = sorted(folder.glob("*anndata.h5ad")) or sorted(folder.glob("*.h5ad"))
    return read_h5ad(found[0])


def _stereoseq(folder: Path) -> ad.AnnData:
    try:
        from spatialdata_io import stereoseq
    except ImportError as error:
        raise DataError(
            f"Cannot read {folder}: it is a Stereo-seq folder, for which spatialdata-io is needed: "
            "install it with 'pip install \"napari-dpvae[platforms]\"'."
        ) from error
    # Its square bins are a hundred million, and no cells.
    return from_spatialdata(stereoseq(folder, read_square_bin=False), folder)


PLATFORMS = (
    Platform(
        "Xenium",
        (
            ("experiment.xenium",),
            ("cell_feature_matrix.h5", "cells.*"),
            ("cell_feature_matrix/*", "cells.*"),
        ),
        _xenium,
    ),
    Platform("MERSCOPE", (("*cell_by_gene*.csv*", "*cell_metadata*.csv*"),), _merscope),
    Platform("CosMx", (("*exprMat_file.csv*", "*metadata_file.csv*"),), _cosmx),
    Platform("Slide-seq (Curio)", (("*cluster_assignment.txt", "*.h5ad"),), _curio),
    Platform("Stereo-seq", (("*.cellbin.gef",), ("02.count", "04.tissuecut")), _stereoseq),
)


def _table(folder: Path, *patterns: str, index: bool = False) -> pd.DataFrame:
    """The first file that is there, as a table."""
    found = [path for pattern in patterns for path in sorted(folder.glob(pattern))]
    if not found:
        raise DataError(f"Cannot read {folder}: there is no {patterns[0]} in it.")
    if found[0].suffix == ".parquet":
        return pd.read_parquet(found[0])
    with opened(found[0]) as file:
        table = pd.read_csv(file, index_col=0 if index else None, **FLOATS)
    if index:
        table.index = table.index.astype(str)
    return table


def _of_counts(counts: pd.DataFrame) -> ad.AnnData:
    """Cells by genes; probes of no gene beside them."""
    control = np.array([bool(CONTROLS.match(str(name))) for name in counts.columns])
    x = sparse.csr_matrix(counts.to_numpy(np.float32))
    cells = ad.AnnData(
        sparse.csr_matrix(x[:, ~control]),
        obs=pd.DataFrame(index=counts.index.astype(str)),
        var=pd.DataFrame(index=counts.columns[~control].astype(str)),
    )
    if control.any():
        add_modality(cells, "controls", x[:, control], counts.columns[control])
    return cells


def _placed_by(cells: ad.AnnData, about: pd.DataFrame, axes: list[str], folder: Path) -> ad.AnnData:
    """Cells with their places, and what else the table says of them."""
    lacking = set(axes) - set(about.columns)
    if lacking:
        raise DataError(
            f"Cannot read {folder}: its table of cells lacks {', '.join(sorted(lacking))}."
        )
    known = about[~about.index.duplicated()].reindex(cells.obs_names)
    if known[axes[0]].isna().all():
        raise DataError(
            f"Cannot read {folder}: its counts ({cells.obs_names[0]}) and its table of cells "
            f"({about.index[0]}) do not name the same cells."
        )
    cells.obsm[SPATIAL] = known[axes].to_numpy(float)
    for column in known.columns.difference([*axes, "cell_id"]):
        cells.obs[str(column)] = known[column].to_numpy()
    return cells
