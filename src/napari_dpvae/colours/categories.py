"""Columns of ``obs`` as colours: which can be drawn, and the colours of categories."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex, to_rgba, to_rgba_array

MOST_CATEGORIES = 200
"""More kinds than this are names of cells, not categories."""
MISSING = np.array([0.55, 0.55, 0.55, 1.0], np.float32)
"""The colour of cells that have no category."""


def drawable_columns(data: Sequence[ad.AnnData]) -> list[str]:
    """Names of the columns that hold numbers or categories, in the order of the data."""
    names = (
        str(name)
        for cells in data
        for name, column in cells.obs.items()
        if is_numeric(column) or column.nunique() <= MOST_CATEGORIES
    )
    return list(dict.fromkeys(names))


def is_numeric(column: pd.Series) -> bool:
    """Whether a column is drawn on a colour scale."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def category_colours(data: Sequence[ad.AnnData], key: str) -> dict[str, np.ndarray]:
    """The colour, (4,) RGBA, of each category: scanpy's where it has chosen, else of its palette.

    Parameters
    ----------
    data
        Those whose column it is; the first that knows a colour decides.
    key
        The column.
    """
    chosen: dict[str, np.ndarray | None] = {}
    for cells in data:
        names = category_names(cells.obs[key])
        own = cells.uns.get(f"{key}_colors")
        known = own is not None and len(own) >= len(names)
        for i, name in enumerate(names):
            if chosen.get(name) is None:
                chosen[name] = np.array(to_rgba(str(own[i]))) if known else None
    palette = _palette(len(chosen))
    return {
        name: palette[i] if colour is None else colour
        for i, (name, colour) in enumerate(chosen.items())
    }


def keep_colours(data: Sequence[ad.AnnData], key: str, colours: dict[str, np.ndarray]) -> None:
    """Write the colours of categories where scanpy and squidpy look for them."""
    for cells in data:
        names = category_names(cells.obs[key])
        cells.uns[f"{key}_colors"] = [to_hex(tuple(colours[name])) for name in names]


def category_names(column: pd.Series) -> list[str]:
    """The categories of a column as text, in their order."""
    return [str(name) for name in column.astype("category").cat.categories]


def category_codes(column: pd.Series, names: Sequence[str]) -> np.ndarray:
    """(n,) the place of each cell's category among the names; -1 where it has none."""
    categories = column.astype("category").cat
    places = pd.Index(names).get_indexer(pd.Index(category_names(column)))
    codes = categories.codes.to_numpy().astype(int)
    found: np.ndarray = np.append(places, -1)[codes]
    return found


def _palette(n: int) -> np.ndarray:
    """(n, 4) colours that can be told apart, as scanpy chooses them."""
    from scanpy.plotting.palettes import default_20, default_28, default_102

    for palette in (default_20, default_28, default_102):
        if n <= len(palette):
            return to_rgba_array(palette[:n])
    return np.resize(to_rgba_array(default_102), (n, 4))
