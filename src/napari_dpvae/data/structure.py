"""Whether a sparse matrix is what it says: looked at before anything else touches it."""

from __future__ import annotations

from typing import Any

import anndata as ad
import h5py
import numpy as np
import zarr
from scipy import sparse

from napari_dpvae.data.values import LARGEST_COUNT, stored_values
from napari_dpvae.errors import DataError

INDICES_AT_ONCE = 4_000_000
"""Of a file that are looked at: bounds memory."""

KINDS = (np.ndarray, h5py.Dataset, zarr.Array, ad.abc.CSRDataset, ad.abc.CSCDataset)
"""What is read beside sparse matrices of scipy."""
MOSTLY_WHOLE = 0.99
"""Values of which as many are whole are counts; a negative one among them is wrong."""
FEW_NEGATIVE = 1e-3
"""Share of the values: in what was centred many are negative, and fewer are wrong."""


def check_structure(x: Any, what: str, where: str = "X") -> None:
    """Refuse a sparse matrix whose indices or pointers do not fit its shape.

    Libraries written in C take them on trust: a single wrong number ends the process.

    Parameters
    ----------
    x
        Anything; only sparse matrices are looked at, in memory or backed by a file.
    what, where
        Whose, and which of its matrices, for the sentence.

    Raises
    ------
    DataError
        With what does not fit.
    """
    backed = isinstance(x, ad.abc.CSRDataset | ad.abc.CSCDataset)
    if not (backed or sparse.issparse(x)):
        return
    if x.format not in ("csr", "csc"):
        raise DataError(
            f"{what} has a sparse matrix of the kind {x.format} in {where}: "
            "turn it into rows with .tocsr() first."
        )
    try:
        if backed:
            _check_backed(x)
            return
        # The arrays are compared with each other first: the full check of scipy trusts in that.
        _check_pointers(x.indptr, len(x.indices), len(x.data))
        x.check_format(full_check=True)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        reason = str(error).strip().rstrip(".")
        raise DataError(
            f"{what} has a sparse matrix in {where} that is damaged ({reason}): "
            "write the file again from its source."
        ) from error


def check_matrices(cells: ad.AnnData, what: str) -> None:
    """:func:`check_structure` of every matrix of an AnnData.

    Raises
    ------
    DataError
        With what does not fit, and where.
    """
    for where, x in _matrices(cells):
        check_structure(x, what, where)


def sum_duplicates(cells: ad.AnnData) -> None:
    """Bring every sparse matrix to one entry for each value: duplicates mean their sum."""
    for _, x in _matrices(cells):
        if sparse.issparse(x) and not x.has_canonical_format:
            x.sum_duplicates()


def _matrices(cells: ad.AnnData) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = [("X", cells.X)]
    if cells.raw is not None:
        found.append(("raw", cells.raw.X))
    for name in ("layers", "obsm", "varm", "obsp", "varp"):
        arrays = getattr(cells, name).items()
        # From anndata 0.13 on X is a layer without a name.
        found += [(f"{name}['{key}']", x) for key, x in arrays if key is not None]
    return found


def _check_backed(x: ad.abc.CSRDataset | ad.abc.CSCDataset) -> None:
    """What scipy checks, of what is in a file: its indices a part at a time."""
    lines, across = x.shape if x.format == "csr" else x.shape[::-1]
    pointers, indices, data = (x.group[name] for name in ("indptr", "indices", "data"))
    if any(part.ndim != 1 for part in (pointers, indices, data)):
        raise ValueError("its arrays are no rows of numbers")
    if pointers.dtype.kind not in "iu" or indices.dtype.kind not in "iu":
        raise ValueError("its indices are not whole numbers")
    if pointers.shape[0] != lines + 1:
        raise ValueError("it has not as many pointers as rows or columns")
    _check_pointers(pointers[:], indices.shape[0], data.shape[0])
    for start in range(0, indices.shape[0], INDICES_AT_ONCE):
        part = indices[start : start + INDICES_AT_ONCE]
        if part.min() < 0 or part.max() >= across:
            raise ValueError("its indices go beyond its shape")


def _check_pointers(pointers: np.ndarray, n_indices: int, n_data: int) -> None:
    if n_indices != n_data:
        raise ValueError("it has not as many indices as values")
    pointers = pointers.astype(np.int64)
    if pointers[0] != 0 or pointers[-1] > n_data or (np.diff(pointers) < 0).any():
        raise ValueError("its pointers do not rise from 0 to the number of values")


def check_values(x: Any, what: str) -> None:
    """Refuse values that are no expression, in chunks.

    Parameters
    ----------
    x
        In memory or backed by a file; its structure was checked.
    what
        Whose, for the sentence.

    Raises
    ------
    DataError
        With what is wrong, and what to do.
    """
    if isinstance(x, np.ma.MaskedArray) or not (isinstance(x, KINDS) or sparse.issparse(x)):
        raise DataError(
            f"{what} has X of the type {type(x).__module__}.{type(x).__name__}: turn it into an "
            "array of numpy or a sparse matrix of scipy first (.to_memory())."
        )
    dtype = np.dtype(x.dtype)
    if dtype.kind == "b":
        raise DataError(f"{what} has true and false in X, not numbers: give the counts.")
    if dtype.kind not in "iuf":
        which = "complex numbers" if dtype.kind == "c" else "values"
        raise DataError(f"{what} has {which} in X that are not numbers of molecules: give counts.")
    if not dtype.isnative:
        raise DataError(
            f"{what} has numbers in X whose bytes are in another order ({dtype}): "
            "convert them with .astype(np.float32)."
        )
    bad = negative = whole = stored = 0
    largest = 0.0
    for values in stored_values(x):
        finite = np.isfinite(values)
        bad += int(values.size - np.count_nonzero(finite))
        stored += int(np.count_nonzero(values))
        if bad or not values.size:
            continue
        negative += int(np.count_nonzero(values < 0))
        whole += int(np.count_nonzero((values == np.floor(values)) & (values != 0)))
        largest = max(largest, float(np.abs(values).max()))
    if bad:
        raise DataError(f"{what} has {bad} values in X that are not finite: replace or drop them.")
    if not stored:
        raise DataError(f"{what} has only zeros in X: name the layer that holds the counts.")
    if negative and whole > MOSTLY_WHOLE * stored:
        raise DataError(
            f"{what} has {negative} negative values among the counts in X, which counts cannot "
            "be: correct or drop them."
        )
    if 0 < negative < FEW_NEGATIVE * stored:
        raise DataError(
            f"{what} has {negative} negative values in X among {stored - negative} that are not: "
            "set them to 0, or drop those cells."
        )
    if largest > LARGEST_COUNT:
        raise DataError(
            f"{what} has a value of {largest:.3g} in X, which is more than a count can be: "
            "correct it, or drop that cell."
        )
