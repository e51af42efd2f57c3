"""The results: one row for each method, case and seed, kept as CSV and told as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import pandas as pd

from benchmarks import markdown

KEYS = ["method", "case", "seed"]


class Told(NamedTuple):
    """How a measure is told in Markdown."""

    title: str
    best: Literal["min", "max"]
    digits: int


MEASURES = {
    "procrustes": Told("Procrustes disparity (0 is the same shape, 1 none)", "min", 3),
    "distance_spearman": Told("Spearman correlation of pairwise distances", "max", 3),
    "knn_overlap": Told("Overlap of the 10 nearest neighbours", "max", 3),
    "median_error_percent": Told("Median error, per cent of the diagonal", "min", 1),
}

COLUMNS = ["method", "version", "case", "seed", "seconds", "cpu_seconds", "peak_mb", "reason"]
"""The first columns; the measures follow."""

HEAD = """# Peers

Other methods on the cases of `benchmarks/cases.py`, measured as ours:
`python -m benchmarks.peers`. Every run and measure is in `peers.csv`.

- `A-B` places section B with A as reference; `-random` and `-block` hold out a fifth of the spots.
- Means over the seeds run (see `peers.csv`); bold is best; – is no result, told under Failures.
- All start from log-normalised counts of the 2,000 genes most variable in the reference, but
  CeLEry (all shared genes) and Tangram (no logarithm), which did better so in a trial.
- Errors between sections that were not registered mean little: there, read the first two tables.
"""


def read_table(path: Path) -> pd.DataFrame:
    """What earlier runs left, empty if nothing."""
    if not path.is_file():
        return pd.DataFrame(columns=[*COLUMNS, *MEASURES])
    return pd.read_csv(path)


def with_rows(
    table: pd.DataFrame, rows: list[dict[str, object]], keys: Sequence[str] = KEYS
) -> pd.DataFrame:
    """The table with rows added; a row of the same keys gives way."""
    columns = list(dict.fromkeys([*table.columns, *(key for row in rows for key in row)]))
    joined = pd.DataFrame(table.to_dict("records") + rows, columns=columns)
    return joined.drop_duplicates(keys, keep="last", ignore_index=True)


def write_table(table: pd.DataFrame, path: Path) -> None:
    """As CSV, and as Markdown beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False, float_format="%.5g")
    path.with_suffix(".md").write_text(_markdown(table))


def _markdown(table: pd.DataFrame) -> str:
    parts = [HEAD]
    for measure, told in MEASURES.items():
        parts.append(f"## {told.title}\n\n{_by_case(table, measure, told)}")
    parts.append(f"## Time and memory, on one thread\n\n{_cost(table)}")
    parts.append(f"## Failures\n\n{_failures(table)}")
    return "\n".join(parts)


def _by_case(table: pd.DataFrame, measure: str, told: Told) -> str:
    methods, cases = table["method"].unique(), table["case"].unique()
    means = table.pivot_table(measure, "case", "method", "mean", dropna=False)
    means = means.reindex(index=cases, columns=methods)
    text = means.map(lambda value: "–" if pd.isna(value) else f"{value:.{told.digits}f}")
    for case, row in means.iterrows():
        if row.notna().any():
            method = row.idxmin() if told.best == "min" else row.idxmax()
            text.loc[case, method] = f"**{text.loc[case, method]}**"
    if measure == "knn_overlap":
        chance = table.groupby("case")["knn_overlap_chance"].mean()
        text["chance"] = chance.reindex(cases).map("{:.3f}".format)
    return markdown.table(text.rename_axis("case").reset_index())


def _cost(table: pd.DataFrame) -> str:
    """Over the runs that ended well, of the whole process: start, imports and reading included."""
    done = table[table["procrustes"].notna()]
    groups = done.groupby("method", sort=False)
    cost = pd.DataFrame(
        {
            "version": groups["version"].first(),
            "runs": groups.size(),
            "median s": groups["seconds"].median().round(1),
            "max s": groups["seconds"].max().round(1),
            "median CPU s": groups["cpu_seconds"].median().round(1),
            "max CPU s": groups["cpu_seconds"].max().round(1),
            "max MB": groups["peak_mb"].max().round(),
        }
    )
    return markdown.table(cost.reset_index())


def _failures(table: pd.DataFrame) -> str:
    failed = table[table["procrustes"].isna()]
    if failed.empty:
        return "None.\n"
    groups = failed.groupby(["method", "reason"], sort=False)["case"]
    told = groups.agg(lambda cases: ", ".join(cases.unique()))
    return markdown.table(told.rename("cases").reset_index())
