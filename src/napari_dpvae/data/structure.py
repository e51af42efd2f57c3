"""Whether a sparse matrix is what it says: looked at before anything else touches it."""

from __future__ import annotations

from typing import Any

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae.errors import DataError


def check_structure(x: Any, what: str, where: str = "X") -> None:
    """Refuse a sparse matrix whose indices or pointers do not fit its shape.

    Libraries written in C take them on trust: a single wrong number ends the process.

    Parameters
    ----------
    x
        Anything; only sparse matrices are looked at.
    what, where
        Whose, and which of its matrices, for the sentence.

    Raises
    ------
    DataError
        With what does not fit.
    """
    if not sparse.issparse(x):
        return
    if x.format not in ("csr", "csc"):
        raise DataError(
            f"{what} has a sparse matrix of the kind {x.format} in {where}: "
            "turn it into rows with .tocsr() first."
        )
    try:
        # The arrays are compared with each other first: the full check of scipy trusts in that.
        _check_pointers(x.indptr, len(x.indices), len(x.data))
        x.check_format(full_check=True)
    except (ValueError, IndexError) as error:
        reason = str(error).strip().rstrip(".")
        raise DataError(
            f"{what} has a sparse matrix in {where} that is damaged ({reason}): "
            "write the file again from its source."
        ) from error


def check_matrices(cells: ad.AnnData, what: str) -> None:
    """:func:`check_structure` of every matrix of an AnnData, and each value stored once.

    Duplicate entries are summed in place, which is what they mean.
    """
    for where, x in _matrices(cells):
        check_structure(x, what, where)
        if sparse.issparse(x) and not x.has_canonical_format:
            x.sum_duplicates()


def _matrices(cells: ad.AnnData) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = [("X", cells.X)]
    if cells.raw is not None:
        found.append(("raw", cells.raw.X))
    for name in ("layers", "obsm", "varm", "obsp", "varp"):
        found += [(f"{name}['{key}']", x) for key, x in getattr(cells, name).items()]
    return found


def _check_pointers(pointers: np.ndarray, n_indices: int, n_data: int) -> None:
    if n_indices != n_data:
        raise ValueError("it has not as many indices as values")
    pointers = pointers.astype(np.int64)
    if pointers[0] != 0 or pointers[-1] > n_data or (np.diff(pointers) < 0).any():
        raise ValueError("its row pointers do not rise from 0 to the number of values")
