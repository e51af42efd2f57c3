"""Write results so that no half-written file ever replaces a good one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anndata as ad
import pandas as pd

from napari_dpvae.data.keys import LIKENESS, RADIUS, SPATIAL, STATUS
from napari_dpvae.errors import DataError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A scratch path beside ``path`` to write to; it takes the name of ``path`` on success.

    Raises
    ------
    DataError
        When the folder is not there or cannot be written.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise DataError(f"Cannot write {target}: the folder {target.parent} does not exist.")
    try:
        handle, name = tempfile.mkstemp(
            dir=target.parent, prefix=f".{target.stem}-", suffix=target.suffix
        )
    except OSError as error:
        raise DataError(f"Cannot write {target}: {error.strerror}.") from error
    os.close(handle)
    scratch = Path(name)
    try:
        yield scratch
        # mkstemp makes files private; give the result the permissions any new file has.
        umask = os.umask(0)
        os.umask(umask)
        scratch.chmod(0o666 & ~umask)
        scratch.replace(target)
    finally:
        scratch.unlink(missing_ok=True)


def write_placed(placed: ad.AnnData, path: str | Path) -> None:
    """Write placed cells as ``.h5ad``, or as ``.csv`` with one row a barcode.

    Raises
    ------
    DataError
        For another suffix, or a folder that cannot be written.
    """
    suffix = Path(path).suffix
    if suffix not in (".h5ad", ".csv"):
        raise DataError(f"Cannot write {path}: give it the suffix .h5ad or .csv.")
    with replacing(path) as scratch:
        if suffix == ".csv":
            placement_table(placed).to_csv(scratch)
        else:
            placed.write_h5ad(scratch, compression="gzip")


def placement_table(placed: ad.AnnData) -> pd.DataFrame:
    """Coordinates, radius and status of every placed cell, indexed by barcode."""
    coordinates = placed.obsm[SPATIAL]
    axes = ["x", "y", "z"][: coordinates.shape[1]]
    table = pd.DataFrame(coordinates, index=placed.obs_names, columns=axes)
    table.index.name = "barcode"
    return table.join(placed.obs[[RADIUS, LIKENESS, STATUS]])
