"""Where a file keeps its counts: in ``X``, a layer or ``raw``."""

from __future__ import annotations

import logging
from typing import Any

import anndata as ad

from napari_dpvae.data.formats.modalities import genes_alone
from napari_dpvae.data.structure import check_structure
from napari_dpvae.data.values import (
    COUNTS,
    INVERSES,
    WORDS,
    Kind,
    expression_kind,
    stored_values,
)
from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)

LIKELY = ("counts", "raw_counts", "raw", "count", "umi", "umis", "spliced_counts", "matrix")
"""Layers that hold counts where others may as well."""
RAW, X = "raw", "X"
"""Names that stand for ``raw`` and ``X`` where no layer is called so."""
ZEROS, BINARY = "only zeros", "only zeros and ones"


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
    held = what_is_held(cells.X)
    found = None if held is None else _better_elsewhere(cells)
    if found is None:
        return cells
    where, kind = found
    logger.warning(
        "X holds %s: the %s in %s are used instead; name the layer 'X' to use X.",
        held,
        WORDS[kind],
        f".{RAW}" if where == RAW and where not in cells.layers else f"the layer '{where}'",
    )
    return with_expression(cells, where)


def what_is_held(x: Any) -> str | None:
    """Words for what is no counts; None for counts, and for what is no number.

    Parameters
    ----------
    x
        (n, g) matrix, in memory or backed by a file; None where there is none.
    """
    if x is None:
        return "nothing"
    if not _is_numeric(x):
        return None
    kind = expression_kind(x)
    if kind not in COUNTS:
        return f"values that are not counts ({kind})"
    largest = max((float(v.max(initial=0)) for v in stored_values(x)), default=0.0)
    return {0.0: ZEROS, 1.0: BINARY}.get(largest)


def counts_elsewhere(cells: ad.AnnData) -> str | None:
    """The layer with counts, or ``raw`` if that has them; None where neither does."""
    found = _better_elsewhere(cells)
    return found[0] if found is not None and found[1] in COUNTS else None


def tell_of_counts(cells: ad.AnnData, what: str) -> None:
    """Warn that X holds no counts and something else does: cells in memory are taken as they are.

    Parameters
    ----------
    cells
        Checked.
    what
        Whose, for the sentence.
    """
    if cells.raw is None and not len(cells.layers):
        return
    held = what_is_held(cells.X)
    found = None if held is None else _better_elsewhere(cells)
    if found is not None:
        where, kind = found
        source = "raw.X" if where == RAW and where not in cells.layers else f"layers['{where}']"
        logger.warning(
            "%s holds %s in X, and %s in %s, which are not used: put them into X to use them.",
            what,
            held,
            WORDS[kind],
            source,
        )


def _better_elsewhere(cells: ad.AnnData) -> tuple[str, Kind] | None:
    """The layer or raw with counts, and their kind; else what counts can be taken back from."""
    layers = sorted(cells.layers, key=lambda name: (name.lower() not in LIKELY, name))
    matrices = {str(name): cells.layers[name] for name in layers}
    if cells.raw is not None:
        matrices.setdefault(RAW, cells.raw.X)
    kinds = {name: kind for name, x in matrices.items() if (kind := _kind(x, name)) is not None}
    wanted: list[Kind] = [*COUNTS]
    if cells.X is not None and _kind(cells.X, "X") in ("scaled", "normalised"):
        wanted += INVERSES
    return next(((name, kind) for w in wanted for name, kind in kinds.items() if kind == w), None)


def _kind(x: object, name: str) -> Kind | None:
    """Of what can be expression; None for zeros and ones alone, and for what is no number."""
    check_structure(x, "The file", name)
    if not _is_numeric(x) or what_is_held(x) in (ZEROS, BINARY):
        return None
    return expression_kind(x)


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
    return genes_alone(found, "raw")
