"""Open references, queries and placed cells from files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import anndata as ad

from napari_dpvae.data.checks import check_expression, check_query, check_reference
from napari_dpvae.data.keys import DPVAE, SPATIAL
from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)


def read_reference(
    path: str | Path, *, layer: str | None = None, section_key: str | None = None
) -> ad.AnnData:
    """Open and check a reference.

    Parameters
    ----------
    path
        An ``.h5ad`` file, or a Space Ranger folder (its ``outs``).
    layer
        Layer with the raw counts; ``X`` by default.
    section_key
        Column of ``obs`` with the section of each spot, when there are several.

    Returns
    -------
    anndata.AnnData
        Counts in ``X``, coordinates in ``obsm["spatial"]``.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    path = _existing(path)
    reference = _open(path, _read_space_ranger if path.is_dir() else _read_h5ad)
    reference = _with_layer(reference, layer)
    check_reference(reference, section_key)
    return reference


def read_query(path: str | Path, *, layer: str | None = None) -> ad.AnnData:
    """Open and check a query.

    Parameters
    ----------
    path
        An ``.h5ad`` file, a 10x ``.h5`` file, or a folder with a 10x ``matrix.mtx``.
    layer
        Layer with the raw counts; ``X`` by default.

    Returns
    -------
    anndata.AnnData
        Counts in ``X``.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    path = _existing(path)
    if path.name.startswith("matrix.mtx"):
        path = path.parent
    readers: dict[str, Callable[[Path], ad.AnnData]] = {".h5ad": _read_h5ad, ".h5": _read_10x_h5}
    if path.is_dir():
        reader: Callable[[Path], ad.AnnData] | None = _read_10x_mtx
    else:
        reader = readers.get(path.suffix)
    if reader is None:
        raise DataError(f"Cannot read {path}: give a .h5ad file, a 10x .h5 file or a 10x folder.")
    query = _with_layer(_open(path, reader), layer)
    check_query(query)
    return query


def read_placed(path: str | Path) -> ad.AnnData:
    """Open cells that were placed before.

    Raises
    ------
    DataError
        When the file is not there or holds no placed cells.
    """
    placed = _open(_existing(path), _read_h5ad)
    if DPVAE not in placed.uns or SPATIAL not in placed.obsm:
        raise DataError(f"{path} holds no placed cells: make it with place.")
    check_expression(placed, str(path))
    return placed


def _existing(path: str | Path) -> Path:
    found = Path(path).expanduser()
    if not found.exists():
        raise DataError(f"There is no file or folder {path}.")
    return found


def _open(path: Path, reader: Callable[[Path], ad.AnnData]) -> ad.AnnData:
    try:
        return reader(path)
    except DataError:
        raise
    except MemoryError:
        raise
    except Exception as error:
        # Readers fail in many ways on a damaged file; a person needs the file and the reason.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"Cannot read {path}: {reason}") from error


def _read_h5ad(path: Path) -> ad.AnnData:
    if path.suffix != ".h5ad":
        raise DataError(f"Cannot read {path}: it is not an .h5ad file.")
    return ad.read_h5ad(path)


def _read_space_ranger(path: Path) -> ad.AnnData:
    import squidpy as sq

    outs = path / "outs"
    folder = outs if outs.is_dir() else path
    if not list(folder.glob("*feature_bc_matrix.h5")):
        raise DataError(
            f"{path} is not a Space Ranger folder: it has no filtered_feature_bc_matrix.h5."
        )
    reference = sq.read.visium(folder)
    return _unique_genes(reference)


def _read_10x_h5(path: Path) -> ad.AnnData:
    import scanpy as sc

    return _unique_genes(sc.read_10x_h5(path))


def _read_10x_mtx(path: Path) -> ad.AnnData:
    import scanpy as sc

    return _unique_genes(sc.read_10x_mtx(path))


def _unique_genes(cells: ad.AnnData) -> ad.AnnData:
    """10x files name some genes twice (one symbol, two identifiers): number the later ones."""
    if not cells.var_names.is_unique:
        logger.warning(
            "%d genes share a name with another and were numbered.",
            int(cells.var_names.duplicated().sum()),
        )
        cells.var_names_make_unique()
    return cells


def _with_layer(cells: ad.AnnData, layer: str | None) -> ad.AnnData:
    if layer is None:
        return cells
    if layer not in cells.layers:
        layers = ", ".join(cells.layers) or "none"
        raise DataError(f"There is no layer '{layer}': the layers are {layers}.")
    cells.X = cells.layers[layer].copy()
    return cells
