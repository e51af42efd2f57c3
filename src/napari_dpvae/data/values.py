"""What the values of an expression matrix are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple, TypeAlias

import anndata as ad
import numpy as np
from scipy import sparse

Matrix: TypeAlias = np.ndarray | sparse.spmatrix
Kind: TypeAlias = Literal[
    "counts", "counts with fractions", "log1p", "log2", "log10", "square roots", "normalised",
    "scaled",
]  # fmt: skip

COUNTS: tuple[Kind, ...] = ("counts", "counts with fractions")
WORDS: dict[Kind, str] = {
    "log1p": "logarithms (log1p)",
    "log2": "binary logarithms (log2)",
    "log10": "decimal logarithms (log10)",
    "square roots": "square roots",
    "scaled": "scaled values (some are negative)",
    "normalised": "normalised values",
    "counts with fractions": "counts with fractions",
    "counts": "counts",
}
LARGEST_COUNT = 1e9
"""No cell has so many molecules of a gene: a value beyond is wrong."""
SAMPLE = 100
"""Rows that are looked at to tell one kind of fractions from another."""
FEW = 500_000
"""Values of a part, where parts are worked on one after the other."""
CHUNK = 4_000_000
"""Values looked at at once: bounds memory."""
MOSTLY = 0.5
"""Counts with fractions may be whole in this share, whatever their size."""
BEYOND_LOGARITHMS = 30.0
"""No logarithm of a count is larger: the binary one of a thousand million is 30."""
HEAVY_TAIL = 5.0
"""The largest of many counts is more than this many times their mean."""
EVEN = 3e-3
"""Share that sums of rows differ by that were brought to one depth, with rounding."""
MOST_ROWS = 0.8
"""Share of the rows that must agree on what their values are."""
FEW_VALUES, LARGEST_SMALLEST = 5, 100
"""The smallest count of a row that is tried, where it has few values and where it has many."""
NEARLY_ALL = 0.98
"""Share of the rows whose largest value is below what is taken for the largest of all."""
FEW_ROWS = 30
"""Rows whose values are compared with multiples."""
ROUNDED = 1e4
"""Larger multiples are not looked at."""
NEAR = 0.02
"""How near a multiple must be to a whole number."""
FIRST = 12
"""Values of a row that are compared before all of them are."""

INVERSES: dict[Kind, Callable[[np.ndarray], np.ndarray]] = {
    "log1p": np.expm1,
    "log2": lambda x: np.exp2(x) - 1,
    "log10": lambda x: 10.0**x - 1,
    "square roots": np.square,
}
"""What undoes each kind; counts times one number for each cell are left."""


class Held(NamedTuple):
    """What a matrix holds."""

    kind: Kind
    largest: float
    """Of its values, if none is negative."""


def holds_counts(x: Matrix) -> bool:
    """Whether a matrix holds counts: whole, or with fractions after removal of ambient RNA."""
    return expression_kind(x) in COUNTS


def expression_kind(x: Matrix) -> Kind:
    """What kind of expression a matrix holds: see :func:`what_is_held`."""
    return what_is_held(x).kind


def what_is_held(x: Matrix) -> Held:
    """What kind of expression a matrix holds, and its largest value.

    Counts have no negative value and no fractions. With fractions they are told from normalised
    values by their rows: those that were brought to one depth have one sum, or are multiples of
    their smallest value, as they are or once a logarithm is undone; counts with fractions are
    neither, and reach further than logarithms do.

    Parameters
    ----------
    x
        (n, g) numbers, sparse (CSR or CSC) or dense, in memory or backed by a file; parts of a
        value that is stored twice are summed.
    """
    x = canonical(x)
    whole, stored, largest = 0, 0, 0.0
    for values in stored_values(x):
        if values.size and values.min() < 0:
            return Held("scaled", np.nan)
        largest = max(largest, float(values.max(initial=0)))
        nonzero = int(np.count_nonzero(values))
        stored += nonzero
        whole += int(np.count_nonzero(values == np.floor(values))) - (values.size - nonzero)
    if whole == stored:
        return Held("counts", largest)
    with np.errstate(over="ignore"):
        # What is no logarithm is tried for one.
        return Held(_kind_of_fractions(_sample(x), whole / stored), largest)


def canonical(x: Matrix) -> Matrix:
    """The same matrix with each value stored once; itself where that is so."""
    if isinstance(x, np.ndarray) or not sparse.issparse(x):
        return x
    if x.format not in ("csr", "csc"):
        return x.tocsr()
    if x.has_canonical_format:
        return x
    x = x.copy()
    x.sum_duplicates()
    return x


def depths(x: Matrix) -> np.ndarray:
    """(n,) sum of each row, float64 whatever the type of the values."""
    return np.asarray(x.sum(axis=1, dtype=np.float64), float).ravel()


def dense(x: Matrix) -> np.ndarray:
    """The matrix as a float64 array."""
    full: Any = x if isinstance(x, np.ndarray) else x.toarray()
    return np.asarray(full, dtype=np.float64)


def n_stored(x: Any) -> int:
    """How many values a matrix holds, in memory or in a file."""
    if isinstance(x, ad.abc.CSRDataset):
        return int(x.group["data"].shape[0])
    return int(x.nnz if sparse.issparse(x) else np.prod(x.shape))


def _rows_of(x: Any, values: int) -> int:
    """How many rows hold about so many values; one at least."""
    return max(values * x.shape[0] // max(n_stored(x), 1), 1)


def stored_values(x: Matrix) -> Iterator[np.ndarray]:
    """Stored values in chunks; those of a file have duplicates summed."""
    if not isinstance(x, np.ndarray) and sparse.issparse(x):
        for start in range(0, len(x.data), CHUNK):
            yield x.data[start : start + CHUNK]
        return
    rows = _rows_of(x, CHUNK)
    for start in range(0, x.shape[0], rows):
        part: Any = x[start : start + rows]
        if sparse.issparse(part):
            part.sum_duplicates()
            part = part.data
        yield np.asarray(part)


def few_rows(x: Any, rows: slice | np.ndarray = slice(None)) -> Iterator[Matrix]:
    """Some rows (m, G) of a matrix, a few at a time, at least once; those of a file in one read.

    Each part has some :data:`FEW` values. More do not stay in the processor's cache, and are had
    from the system each time, which may let nothing else run for a quarter of a second.
    """
    if not (sparse.issparse(x) or isinstance(x, np.ndarray)):
        x, rows = x[rows], slice(None)
    which = range(x.shape[0])[rows] if isinstance(rows, slice) else rows
    at_once = _rows_of(x, FEW)
    for start in range(0, max(len(which), 1), at_once):
        part = which[start : start + at_once]
        yield x[part.start : part.stop] if isinstance(part, range) else x[part]


def _sample(x: Matrix) -> list[np.ndarray]:
    """The nonzero values of some rows that have fractions, spread evenly."""
    found: list[np.ndarray] = []
    rows = np.unique(np.linspace(0, x.shape[0] - 1, min(10 * SAMPLE, x.shape[0])).astype(int))
    part = x[rows]
    part = sparse.csr_matrix(part) if sparse.issparse(part) else np.asarray(part)
    for row in range(part.shape[0]):
        values = part[[row]].data if sparse.issparse(part) else part[row]
        values = np.asarray(values[values != 0], np.float64)
        if (values != np.floor(values)).any():
            found.append(values)
        if len(found) == SAMPLE:
            break
    return found


def _kind_of_fractions(rows: list[np.ndarray], whole: float) -> Kind:
    if not rows:
        # Fractions so rare that no row of the sample has one.
        return "counts with fractions"
    # Of nearly all rows: one wrong value must not change what all are taken for.
    largest = float(np.quantile([row.max() for row in rows], NEARLY_ALL, method="lower"))
    if whole < MOSTLY and _are_even(rows):
        return "normalised"
    multiples = _are_multiples(rows)
    for kind, inverse in INVERSES.items():
        # The squares of multiples are multiples as well.
        if largest < 2 * BEYOND_LOGARITHMS and not (multiples and kind == "square roots"):
            if _are_scaled_counts([inverse(row) for row in rows], whole):
                return kind
    if whole >= MOSTLY:
        return "counts with fractions"
    if multiples:
        return "normalised"
    values = np.concatenate(rows)
    mean = float(values[values <= largest].mean())
    if largest >= BEYOND_LOGARITHMS and largest > HEAVY_TAIL * mean:
        return "counts with fractions"
    return "normalised"


def _are_scaled_counts(rows: list[np.ndarray], whole: float) -> bool:
    """Whether rows look like counts, each times a number of its own."""
    return _are_multiples(rows) or (whole < MOSTLY and _are_even(rows))


def _are_even(rows: list[np.ndarray]) -> bool:
    """Whether most rows have one sum."""
    sums = np.array([row.sum() for row in rows])
    middle = np.median(sums)
    return len(rows) > 1 and bool(np.mean(np.abs(sums - middle) < EVEN * middle) > MOST_ROWS)


def _are_multiples(rows: list[np.ndarray]) -> bool:
    """Whether the values of most rows are multiples of the smallest, or of a part of it."""
    telling = [row / row.min() for row in rows[:FEW_ROWS] if np.ptp(row) > 0 and row.min() > 0]
    if not telling:
        return False
    return float(np.mean([_is_multiple(row) for row in telling])) > MOST_ROWS


def _is_multiple(ratios: np.ndarray) -> bool:
    """Whether all ratios to the smallest value are those of whole numbers to a small one.

    The more values there are, the larger the smallest count may be without a fit by chance. Large
    ratios are left out: their rounding is as wide as a unit. Where most are, the row says nothing.
    """
    if np.mean(ratios < ROUNDED) < MOSTLY:
        return False
    smallest = np.arange(1, FEW_VALUES if len(np.unique(ratios)) < FEW_VALUES else LARGEST_SMALLEST)
    # Some values rule most counts out.
    smallest = smallest[_make_whole(smallest, ratios[:FIRST])]
    return bool(_make_whole(smallest, ratios).any())


def _make_whole(counts: np.ndarray, ratios: np.ndarray) -> np.ndarray:
    """Which counts make whole numbers of all ratios, but for those that become large."""
    multiples = np.minimum(counts[:, None] * ratios, ROUNDED)
    return np.abs(multiples - np.round(multiples)).max(axis=1, initial=0) < NEAR
