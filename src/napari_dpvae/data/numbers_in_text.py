"""Numbers that stand as text: pandas ends the process at some exponents, as of 1e2147483648."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

PANDAS = tuple(int(part) for part in pd.__version__.split(".")[:2])
FLOATS: dict[str, Any] = {} if PANDAS >= (3, 1) else {"float_precision": "round_trip"}
"""How ``read_csv`` is to read numbers: by Python's way, which knows no such exponent.

From pandas 3.1 on it is the only one, and need not be asked for."""
BEYOND = re.compile(r"e[+-]?\d{5,}", re.IGNORECASE)
"""An exponent that no number of a computer has."""


def to_numbers(column: pd.Series) -> pd.Series:
    """``pandas.to_numeric`` without its crash; NaN where there is no number."""
    values = column.astype(object)
    beyond = [isinstance(v, str | bytes) and bool(BEYOND.search(str(v))) for v in values]
    return pd.to_numeric(values.mask(beyond), errors="coerce")
