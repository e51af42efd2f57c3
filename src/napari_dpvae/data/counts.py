"""Where a file keeps its counts: in ``X``, a layer or ``raw``."""

from __future__ import annotations

import logging

import anndata as ad

from napari_dpvae.data.structure import check_structure
from napari_dpvae.data.values import COUNTS, expression_kind, stored_values
from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)

LIKELY = ("counts", "raw_counts", "raw", "count", "umi", "umis", "spliced_counts", "matrix")
"""Layers that hold counts where others may as well."""
RAW, X = "raw", "X"
"""Names that stand for ``raw`` and ``X`` where no layer is called so."""


def with_expression(cells: ad.AnnData, layer: str | None) -> ad.AnnData:
    """The cells with the expression that is asked for in ``X``.

    Parameters
    ----------
    cells
        As read.
    layer
        A layer, or ``raw`` for ``.raw``, or ``X`` for X as it is. If not given, X where it holds
        counts; else counts of a layer or of raw, if there are any, which is said.

    Raises
    ------
    DataError
        When there is no such layer.
    """
    if layer is None:
        return _with_counts(cells)
    if layer in cells.layers:
        return _with_layer(cells, layer)
    if layer == RAW and cells.raw is not None:
        return _with_raw(cells)
    if layer == X:
        return cells
    has_raw = " There is a .raw: name it 'raw'." if cells.raw is not None else ""
    layers = ", ".join(cells.layers) or "none"
    raise DataError(f"There is no layer '{layer}': the layers are {layers}.{has_raw}")


def _with_counts(cells: ad.AnnData) -> ad.AnnData:
    held = _what_x_holds(cells)
    where = None if held is None else counts_elsewhere(cells)
    if where is None:
        return cells
    logger.warning(
        "X holds %s: the counts in %s are used instead; name the layer 'X' to use X.",
        held,
        f".{RAW}" if where == RAW and where not in cells.layers else f"the layer '{where}'",
    )
    return with_expression(cells, where)


def _what_x_holds(cells: ad.AnnData) -> str | None:
    """Words for what is no counts; None for counts, and for what is no number."""
    if cells.X is None:
        return "nothing"
    if not _is_numeric(cells.X):
        return None
    kind = expression_kind(cells.X)
    if kind not in COUNTS:
        return f"values that are not counts ({kind})"
    return None if cells.X.size and any(v.any() for v in stored_values(cells.X)) else "only zeros"


def counts_elsewhere(cells: ad.AnnData) -> str | None:
    """The layer with counts, or ``raw`` if that has them; None where neither does."""
    layers = sorted(cells.layers, key=lambda name: (name.lower() not in LIKELY, name))
    for name in layers:
        if _are_counts(cells.layers[name], f"the layer '{name}'"):
            return str(name)
    if cells.raw is not None and _are_counts(cells.raw.X, "raw"):
        return RAW
    return None


def _are_counts(x: object, where: str) -> bool:
    check_structure(x, "The file", where)
    return _is_numeric(x) and expression_kind(x) == "counts" and bool(x.sum() > 0)  # type: ignore


def _is_numeric(x: object) -> bool:
    return getattr(getattr(x, "dtype", None), "kind", "") in tuple("iuf")


def _with_layer(cells: ad.AnnData, layer: str) -> ad.AnnData:
    cells.X = cells.layers[layer].copy()
    return cells


def _with_raw(cells: ad.AnnData) -> ad.AnnData:
    """Cells by the genes of ``raw``, which are often more; what is known of the cells stays."""
    found = cells.raw.to_adata()
    for name, values in cells.obsp.items():
        found.obsp[name] = values
    return found
