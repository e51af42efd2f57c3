"""Tables, lists and pictures as HTML."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from html import escape
from io import BytesIO
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

DOTS_PER_INCH = 110
"""Sharp on a screen; a page with six pictures stays within a few MB."""


def facts(rows: Mapping[str, Any]) -> str:
    """Names and values, a row each."""
    cells = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(words(value))}</td></tr>"
        for name, value in rows.items()
    )
    return f'<div class="scroll"><table>{cells}</table></div>' if cells else ""


def table(frame: pd.DataFrame) -> str:
    """A data frame with its index as the first column."""
    head = "".join(f'<th class="number">{escape(str(name))}</th>' for name in frame.columns)
    body = "".join(
        f"<tr><th>{escape(str(name))}</th>"
        + "".join(f'<td class="number">{escape(words(value))}</td>' for value in row)
        + "</tr>"
        for name, row in zip(frame.index, frame.to_numpy(object), strict=True)
    )
    return f'<div class="scroll"><table><tr><th></th>{head}</tr>{body}</table></div>'


def warnings(sentences: Iterable[str]) -> str:
    """Sentences that are not to be overlooked; nothing where there are none."""
    items = "".join(f"<li>⚠ {escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="warnings">{items}</ul>' if items else ""


def paragraph(text: str) -> str:
    """Plain text."""
    return f"<p>{escape(text)}</p>"


def picture(figure: Figure, caption: str, *, wide: bool = False) -> str:
    """A figure, embedded as PNG, with words for those who do not see it; maybe over all columns."""
    held = BytesIO()
    figure.savefig(held, format="png", dpi=DOTS_PER_INCH, bbox_inches="tight")
    data = base64.b64encode(held.getvalue()).decode()
    text = escape(caption)
    return (
        f'<figure{" class=wide" * wide}><img alt="{text}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text}</figcaption></figure>"
    )


def words(value: Any) -> str:
    """A value as a person reads it."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{value:,}"
    if isinstance(value, Real):
        return "–" if np.isnan(float(value)) else f"{value:.4g}"
    return str(value)
