"""What the values of an expression matrix are."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

Matrix: TypeAlias = np.ndarray | sparse.spmatrix


def holds_counts(x: Matrix) -> bool:
    """Whether a matrix holds raw counts: no value is negative or has a fraction."""
    values = np.asarray(x.data if sparse.issparse(x) else x)
    return bool(np.all(values >= 0) and np.all(values == np.floor(values)))


def depths(x: Matrix) -> np.ndarray:
    """(n,) sum of each row."""
    return np.asarray(x.sum(axis=1), float).ravel()


def dense(x: Matrix) -> np.ndarray:
    """The matrix as a float64 array."""
    full: Any = x.toarray() if isinstance(x, sparse.spmatrix | sparse.sparray) else x
    return np.asarray(full, dtype=np.float64)
