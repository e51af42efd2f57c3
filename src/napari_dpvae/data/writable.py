"""What a file cannot hold, brought to what it can, with a word about each."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

logger = logging.getLogger(__name__)

INDEX = "_index"
"""The name that files give to an index."""


def writable(cells: ad.AnnData) -> ad.AnnData:
    """The cells as a file can hold them; themselves where it can hold all.

    Columns of mixed types become text; names that a file cannot hold are changed; entries of
    ``uns`` and others that cannot be written are left out. Each is said.

    Parameters
    ----------
    cells
        To be written as ``.h5ad`` or ``.zarr``.
    """
    found = cells.copy()
    for what in ("obs", "var"):
        setattr(found, what, _table(getattr(found, what), what))
    for what in ("obsm", "varm", "layers", "obsp", "varp"):
        _clean_arrays(getattr(found, what), what)
    uns = _clean(dict(found.uns), "uns")
    found.uns = uns if isinstance(uns, dict) else {}
    if found.raw is not None:
        raw = found.raw.to_adata()
        raw.var = _table(raw.var, "raw.var")
        found.raw = raw
    return found


def _table(table: pd.DataFrame, what: str) -> pd.DataFrame:
    table = table.copy()
    # Files hold names as plain text, and each column once.
    table.index = table.index.astype(object)
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()].unique()
        logger.warning(
            "The %s columns %s are there more than once: numbered.", what, _list([*twice])
        )
        table.columns = ad.utils.make_index_unique(table.columns.astype(str))
    table = _named(table, what)
    for name in [*table.columns]:
        if _can_be_written(table[[name]]):
            continue
        text = table[name].astype(object).where(table[name].notna(), None)
        table[name] = pd.Series(
            [None if value is None else str(value) for value in text], table.index, dtype=object
        )
        logger.warning(
            "The %s column '%s' has values of several kinds: it is written as text.", what, name
        )
        if not _can_be_written(table[[name]]):
            table[name] = table[name].fillna("").astype(str)
    return table


def _named(table: pd.DataFrame, what: str) -> pd.DataFrame:
    """The table with names of columns, and of its index, that a file can hold."""
    table = table.rename_axis(index=_index_name(table))
    names = {name: _name(name, set(table.columns)) for name in table.columns}
    changed = [name for name, new in names.items() if name != new]
    if changed:
        logger.warning(
            "The %s columns %s are renamed: files cannot hold such names.", what, _list(changed)
        )
    return table.rename(columns=names)


def _index_name(table: pd.DataFrame) -> str | None:
    name = table.index.name
    unfit = name is None or name in table or name == INDEX or "/" in str(name)
    return None if unfit else str(name)


def _name(name: object, taken: set[Any]) -> str:
    """A name without ``/``, which stands for a group within a group in a file; and not empty."""
    new = str(name).replace("/", "_") or "unnamed"
    if new == INDEX:
        new = "index_column"
    while new != name and new in taken:
        new += "_"
    return new


def _clean_arrays(arrays: Any, what: str) -> None:
    """Of all but X, which is a layer without a name from anndata 0.13 on."""
    for key in [key for key in arrays if key is not None]:
        values = arrays.pop(key)
        if isinstance(values, pd.DataFrame):
            values = _named(values, f"{what}['{key}']")
        if not (_is_plain(values) or sparse.issparse(values) or _can_be_written(values)):
            logger.warning("%s['%s'] cannot be written and is left out.", what, key)
            continue
        arrays[_name(key, {*arrays, key})] = values


def _clean(value: Any, where: str) -> Any:
    """The same without what cannot be written; None where nothing is left."""
    if isinstance(value, Mapping):
        kept = {}
        for key, entry in value.items():
            inner = _clean(entry, f"{where}['{key}']")
            if inner is not _NOTHING:
                kept[_name(key, set(value))] = inner
        return kept
    if isinstance(value, pd.DataFrame):
        value = _named(value, where)
    if _is_plain(value) or _can_be_written(value):
        return value
    logger.warning("%s cannot be written and is left out.", where)
    return _NOTHING


_NOTHING = object()


def _is_plain(value: Any) -> bool:
    return (
        isinstance(value, str | bool | int | float | np.number)
        or value is None
        or (isinstance(value, np.ndarray) and value.dtype.kind in "iufb")
    )


def _can_be_written(value: Any) -> bool:
    """Whether anndata can write it: tried in memory, as its rules are many."""
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        try:
            ad.io.write_elem(file, "x", value)
        except Exception:  # noqa: BLE001 - whatever the library raises, it cannot be written
            return False
    return True


def _list(names: list[Any]) -> str:
    return ", ".join(map(str, names[:5])) + (", …" if len(names) > 5 else "")
