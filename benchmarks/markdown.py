"""Tables as Markdown."""

from __future__ import annotations

import pandas as pd


def table(frame: pd.DataFrame) -> str:
    """A Markdown table of the columns of a frame, its index left out; – where there is no value."""
    told = frame.astype(object).where(frame.notna(), "–")
    rows = [list(frame.columns), ["---"] * frame.shape[1], *told.to_numpy().tolist()]
    return "".join("| " + " | ".join(str(cell) for cell in row) + " |\n" for row in rows)
