"""Two or three genes at once: each has a colour, and where they are together these add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from napari_dpvae.errors import DataError

COLOURS = {
    2: {"magenta": (1.0, 0.0, 1.0), "green": (0.0, 1.0, 0.0)},
    3: {"red": (1.0, 0.0, 0.0), "green": (0.0, 1.0, 0.0), "blue": (0.0, 0.0, 1.0)},
}
"""By how many genes there are: all at their fullest make white. Two can be told apart by those who
see no red or no green."""
MOST = max(COLOURS)


def blendable(genes: Iterable[str]) -> tuple[str, ...]:
    """Two or three genes as they are given, or none.

    Raises
    ------
    DataError
        For others.
    """
    found = tuple(genes) if isinstance(genes, Iterable) and not isinstance(genes, str) else (genes,)
    texts = all(isinstance(gene, str) for gene in found)
    if found and not (texts and len(set(found)) == len(found) in COLOURS):
        raise DataError(
            f"{', '.join(map(str, found))[:60]} cannot be blended: give two or three different "
            "genes."
        )
    return found


def gene_colours(genes: Sequence[str]) -> dict[str, tuple[str, np.ndarray]]:
    """The colour of each gene, by name and as (4,) RGBA."""
    chosen = COLOURS[len(genes)].items()
    return {
        gene: (name, np.array([*rgb, 1.0])) for gene, (name, rgb) in zip(genes, chosen, strict=True)
    }


def in_words(genes: Sequence[str]) -> str:
    """Which gene has which colour."""
    return " · ".join(f"{gene} {name}" for gene, (name, _) in gene_colours(genes).items())


def blended(
    values: Sequence[np.ndarray | None], limits: Sequence[tuple[float, float]]
) -> np.ndarray | None:
    """(n, 4) colours, where each gene adds its own, from none at its lower limit to all of it.

    Parameters
    ----------
    values
        (n,) of each gene; None where it was not measured, which adds nothing, as NaN does.
    limits
        Ends of each gene's scale.

    Returns
    -------
    numpy.ndarray or None
        NaN where no gene has a value; None where none was measured.
    """
    known = [own for own in values if own is not None]
    if not known:
        return None
    colours = np.zeros((len(known[0]), 4))
    colours[:, 3] = 1.0
    for own, (low, high), rgb in zip(values, limits, COLOURS[len(values)].values(), strict=True):
        if own is not None:
            share = np.nan_to_num(np.clip((own - low) / (high - low), 0, 1))
            colours[:, :3] += share[:, None] * rgb
    colours[np.isnan(known).all(axis=0)] = np.nan
    found: np.ndarray = np.minimum(colours, 1.0)
    return found
