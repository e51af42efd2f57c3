"""Where a file keeps its counts: in ``X``, a layer or ``raw``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import anndata as ad

from napari_dpvae.data.formats.modalities import genes_alone
from napari_dpvae.data.values import (
    COUNTS,
    INVERSES,
    WORDS,
    Held,
    Kind,
    what_is_held,
)
from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)

LIKELY = ("counts", "raw_counts", "raw", "count", "umi", "umis", "spliced_counts", "matrix")
"""Layers that hold counts where others may as well."""
RAW, X = "raw", "X"
"""Names that stand for ``raw`` and ``X`` where no layer is called so."""
LAYERS = "layers/"
"""Begins the names of layers in a file."""
ZEROS, BINARY = "only zeros", "only zeros and ones"


def named_layers(cells: ad.AnnData) -> dict[str, Any]:
    """Matrices beside ``X``, which is itself a layer, by the name None, from anndata 0.13 on."""
    return {name: x for name, x in cells.layers.items() if name is not None}


def with_expression(cells: ad.AnnData, layer: str | None) -> ad.AnnData:
    """The cells with the expression that is asked for in ``X``.

    Parameters and errors are those of :func:`chosen_matrix`.
    """
    chosen = chosen_matrix(_matrices(cells), layer)
    if chosen == f"{RAW}/{X}":
        return _with_raw(cells)
    if chosen != X:
        cells.X = cells.layers[chosen.removeprefix(LAYERS)].copy()
    return cells


def chosen_matrix(matrices: Mapping[str, Any], layer: str | None) -> str:
    """The name of the matrix that holds the expression that is asked for.

    Parameters
    ----------
    matrices
        Those of cells, in memory or in a file, by their names in it: ``X``, ``layers/…``,
        ``raw/X``.
    layer
        A layer, or ``raw`` for ``.raw``, or ``X`` for X as it is. If not given, X where it holds
        counts; else counts of a layer or of raw, if there are any, which is said.

    Raises
    ------
    DataError
        When there is no such layer.
    """
    if layer is None:
        return _with_counts(matrices)
    for name in (f"{LAYERS}{layer}", {RAW: f"{RAW}/{X}", X: X}.get(layer, "")):
        if name in matrices:
            return name
    has_raw = f" There is a .raw: name it '{RAW}'." if f"{RAW}/{X}" in matrices else ""
    names = (name.removeprefix(LAYERS) for name in matrices if name.startswith(LAYERS))
    layers = ", ".join(names) or "none"
    raise DataError(f"There is no layer '{layer}': the layers are {layers}.{has_raw}")


def _matrices(cells: ad.AnnData) -> dict[str, Any]:
    found = {X: cells.X, **{LAYERS + str(name): x for name, x in named_layers(cells).items()}}
    return found if cells.raw is None else {**found, f"{RAW}/{X}": cells.raw.X}


def _with_counts(matrices: Mapping[str, Any]) -> str:
    found = _better_than_x(matrices)
    if found is None:
        return X
    held, name, kind = found
    logger.warning(
        "X holds %s: the %s in %s are used instead; name the layer 'X' to use X.",
        held,
        WORDS[kind],
        f"the layer '{name.removeprefix(LAYERS)}'" if name.startswith(LAYERS) else f".{RAW}",
    )
    return name


def counts_elsewhere(cells: ad.AnnData) -> str | None:
    """The layer with counts, or ``raw`` if that has them; None where neither does."""
    found = _better_elsewhere(_matrices(cells), _held(cells.X))
    if found is None or found[1] not in COUNTS:
        return None
    return found[0].removeprefix(LAYERS) if found[0].startswith(LAYERS) else RAW


def tell_of_counts(cells: ad.AnnData, what: str) -> None:
    """Warn that X holds no counts and something else does: cells in memory are taken as they are.

    Parameters
    ----------
    cells
        Checked.
    what
        Whose, for the sentence.
    """
    if cells.raw is None and not named_layers(cells):
        return
    found = _better_than_x(_matrices(cells))
    if found is not None:
        held, name, kind = found
        layer = name.removeprefix(LAYERS)
        logger.warning(
            "%s holds %s in X, and %s in %s, which are not used: put them into X to use them.",
            what,
            held,
            WORDS[kind],
            "raw.X" if layer == name else f"layers['{layer}']",
        )


def _better_than_x(matrices: Mapping[str, Any]) -> tuple[str, str, Kind] | None:
    """What X holds, in words, if something else is better: its name, and its kind."""
    held = _held(matrices.get(X))
    said = "nothing" if matrices.get(X) is None else None if held is None else _in_words(held)
    found = None if said is None else _better_elsewhere(matrices, held)
    return None if said is None or found is None else (said, *found)


def _better_elsewhere(matrices: Mapping[str, Any], own: Held | None) -> tuple[str, Kind] | None:
    """The layer or raw with counts, and their kind; else what counts can be taken back from.

    The latter where X, of which is given what it holds, has neither.
    """

    def last(name: str) -> tuple[bool, bool, str]:
        layer = name.removeprefix(LAYERS)
        return layer == name, layer.lower() not in LIKELY, layer

    names = sorted((name for name in matrices if name != X), key=last)
    kinds = {name: kind for name in names if (kind := _kind(matrices[name])) is not None}
    wanted: list[Kind] = [*COUNTS]
    if own is not None and own.kind in ("scaled", "normalised"):
        wanted += INVERSES
    return next(((name, kind) for w in wanted for name, kind in kinds.items() if kind == w), None)


def _kind(x: object) -> Kind | None:
    """Of what can be expression; None for zeros and ones alone, and for what is no number."""
    held = _held(x)
    return None if held is None or _in_words(held) in (ZEROS, BINARY) else held.kind


def _held(x: Any) -> Held | None:
    """What a matrix holds; None where it is no numbers, or not there."""
    is_numeric = getattr(getattr(x, "dtype", None), "kind", "") in tuple("iuf")
    return what_is_held(x) if is_numeric else None


def _in_words(held: Held) -> str | None:
    """What is no counts; None for counts."""
    if held.kind not in COUNTS:
        return f"values that are not counts ({held.kind})"
    return {0.0: ZEROS, 1.0: BINARY}.get(held.largest)


def _with_raw(cells: ad.AnnData) -> ad.AnnData:
    """Cells by the genes of ``raw``, which are often more; what is known of the cells stays."""
    found = cells.raw.to_adata()
    for name, values in cells.obsp.items():
        found.obsp[name] = values
    return genes_alone(found, "raw")
