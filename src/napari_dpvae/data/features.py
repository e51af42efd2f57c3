"""What of cells can be drawn and mapped beside genes: proteins, hashtags, chromatin and others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from napari_dpvae.data.formats.modalities import MODALITIES
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.values import holds_counts

LOGGED, AS_THEY_ARE = "log1p counts", "values"
"""Units of such features."""


def other_features(cells: ad.AnnData) -> list[str]:
    """Names of the features beside genes, each with its kind, such as ``CD3 (Antibody Capture)``.

    Parameters
    ----------
    cells
        With features of other kinds in ``obsm``, and their names in ``uns["modalities"]`` or in the
        columns of a table.
    """
    return [f"{name} ({_words(key)})" for key, names, _ in _kinds(cells) for name in names]


def has_feature(cells: ad.AnnData, feature: str | None) -> bool:
    """Whether cells have a gene, or a feature of another kind, of this name."""
    return feature in cells.var_names or _found(cells, feature) is not None


def other_values(cells: ad.AnnData, feature: str) -> tuple[np.ndarray, str] | None:
    """Values (n,) float64 of a feature beside genes, and their unit; None where there is none.

    Counts become ``log1p``; others stay as they are.
    """
    found = _found(cells, feature)
    if found is None:
        return None
    x, column = found
    values = x[:, [column]]
    values = np.asarray(values.toarray() if sparse.issparse(values) else values, np.float64).ravel()
    if holds_counts(x) and (values >= 0).all():
        return np.log1p(values), LOGGED
    return values, AS_THEY_ARE


def _found(cells: ad.AnnData, feature: str | None) -> tuple[Any, int] | None:
    """The matrix and the column of a feature."""
    match = re.fullmatch(r"(.+) \((.+)\)", feature or "")
    for key, names, x in _kinds(cells) if match else ():
        if match is not None and _words(key) == match[2]:
            there = np.flatnonzero(names == match[1])
            if len(there):
                return x, int(there[0])
    return None


def _kinds(cells: ad.AnnData) -> Iterator[tuple[str, np.ndarray, Any]]:
    """Each kind: its entry of ``obsm``, the names of its features, and their values."""
    named = cells.uns.get(MODALITIES, {})
    for key, x in cells.obsm.items():
        if isinstance(x, pd.DataFrame) and key != SPATIAL:
            numbers = x.select_dtypes("number")
            yield key, numbers.columns.to_numpy(str), numbers.to_numpy()
        elif key in named and len(named[key]) == np.shape(x)[1]:
            yield key, np.asarray(named[key]).astype(str), x


def _words(key: str) -> str:
    return key.replace("_", " ")
