"""Cells without their matrices, or with the same: large ones are not copied as a whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anndata as ad
import h5py
from scipy import sparse

from napari_dpvae.data.backed import Stored, is_backed
from napari_dpvae.data.counts import LAYERS, RAW, X, named_layers
from napari_dpvae.data.rows import AT_ONCE
from napari_dpvae.errors import DataError

PACKED_TOGETHER = 250_000
"""Values that are packed together."""


def without_matrices(cells: ad.AnnData) -> tuple[ad.AnnData, dict[str, Stored]]:
    """Cells whose matrices are empty, and those that they had, by their names in a file.

    The cells themselves, and none, where their matrix is not in a file.
    """
    if not is_backed(cells):
        return cells, {}
    matrices = {X: cells.X, **{LAYERS + name: x for name, x in named_layers(cells).items()}}
    if cells.raw is not None:
        matrices[f"{RAW}/{X}"] = cells.raw.X
    return _beside(cells, _empty), matrices


def with_same_matrices(cells: ad.AnnData) -> ad.AnnData:
    """Cells to which entries can be added, with the matrices of others, which are not copied.

    Where there are 100,000 of them a copy takes as much memory as the query, and seconds.
    """
    return _beside(cells, lambda x: x)


def _beside(cells: ad.AnnData, matrix: Callable[[Any], Any]) -> ad.AnnData:
    """Cells with the same entries, and what is made of each of their matrices."""
    parts: dict[str, Any] = {
        name: dict(getattr(cells, name)) for name in ("uns", "obsm", "varm", "obsp", "varp")
    }
    parts["layers"] = {name: matrix(x) for name, x in named_layers(cells).items()}
    if (raw := cells.raw) is not None:
        parts["raw"] = {"X": matrix(raw.X), "var": raw.var, "varm": dict(raw.varm)}
    return ad.AnnData(matrix(cells.X), obs=cells.obs, var=cells.var, **parts)


def _empty(x: Stored) -> sparse.csr_matrix:
    return sparse.csr_matrix(x.shape, dtype=x.dtype)


def copy_matrices(matrices: dict[str, Stored], group: Any) -> None:
    """Put matrices in place of the empty ones of a file.

    Parameters
    ----------
    matrices
        By their names in it.
    group
        Of the cells, in an HDF5 file or a zarr store.
    """
    for name, x in matrices.items():
        del group[name]
        if isinstance(x, ad.abc.CSRDataset):
            made = group.create_group(name)
            made.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
            made.attrs["shape"] = [int(length) for length in x.shape]
            for part in ("data", "indices", "indptr"):
                _copy(x.group[part], made, part)
        else:
            made = _copy(x, group, name)
            made.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})


def _copy(source: Any, group: Any, name: str) -> Any:
    """An array, by as many of its rows at a time as there is room for."""
    rows = max(AT_ONCE // max(source.size // max(source.shape[0], 1), 1), 1)
    most = PACKED_TOGETHER if source.ndim == 1 else PACKED_TOGETHER**0.5
    how: dict[str, Any] = {"shape": source.shape, "dtype": source.dtype}
    if source.size:
        how["chunks"] = tuple(min(length, int(most)) for length in source.shape)
    if isinstance(group, h5py.Group):
        made = group.create_dataset(name, **how, compression="gzip" if source.size else None)
    else:
        made = group.create_array(name, **how)
    for start in range(0, source.shape[0], rows):
        made[start : start + rows] = _part(source, slice(start, start + rows))
    return made


def _part(source: Any, rows: slice) -> Any:
    """Some rows; what cannot be read is said of the file it is in, not of the one being written."""
    try:
        return source[rows]
    except Exception as error:
        # Codecs fail in many ways on a damaged file.
        path = source.file.filename if isinstance(source, h5py.Dataset) else source.store_path
        raise DataError(
            f"Cannot read {path}: {source.name} in it is damaged ({error}): copy it again."
        ) from error
