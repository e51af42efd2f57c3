"""Where ours stands among all methods: the summary of ``benchmarks.quality``, as Markdown."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks import markdown

OURS, VANILLA = "dp-VAE", "vanilla VAE"
SIGNAL = 0.95
"""A case on which no method has a lower Procrustes disparity tells nothing about methods."""
KINDS = {"random": "random spots", "block": "a block"}
"""By the end of a case's name; the others place another section."""


def summary(table: pd.DataFrame, peers: Path) -> str:
    """Ours beside the best peer of each case, how often it is best, and the mean ranks.

    Cases that ours has not run do not count.

    Parameters
    ----------
    table
        A row for each of our methods, case and seed.
    peers
        The table of the peers, if there is one.
    """
    everything = pd.concat([table, pd.read_csv(peers)]) if peers.is_file() else table
    everything = everything[everything["case"].isin(table["case"][table["method"] == OURS])]
    if everything.empty:
        return "# Quality\n\nOurs has not run yet.\n"
    means = everything.pivot_table("procrustes", "case", "method", "mean")
    signal = means.index[means.min(axis=1) < SIGNAL]
    told = everything[everything["case"].isin(signal)]
    return (
        "# Quality\n\nProcrustes disparity (0 is the same shape, 1 none) unless another measure is "
        "named; means over the seeds run.\n\n"
        f"{markdown.table(_cases(table, means))}\n## How often it is best\n\n"
        f"Over the cases on which some method is below {SIGNAL}. *Within noise*: not farther "
        "behind the best other than one standard deviation of the difference over the seeds. "
        "*Margin*: of the mean disparity to that of each case's best other method; *mean margin*: "
        "the mean of the cases' own margins.\n\n"
        f"{markdown.table(_standing(told))}\n## Mean rank\n\n"
        "A method that did not end has no rank.\n\n"
        f"{markdown.table(_ranks(told))}"
    )


def _cases(table: pd.DataFrame, means: pd.DataFrame) -> pd.DataFrame:
    others = means.drop(columns=[OURS, VANILLA], errors="ignore")
    ours = table[table["method"] == OURS].groupby("case")
    shown = {
        OURS: means[OURS],
        "± seeds": ours["procrustes"].std(),
        VANILLA: means.get(VANILLA),
        "best peer": others.min(axis=1),
        "which": others.dropna(how="all").idxmin(axis=1),
        "Spearman": ours["distance_spearman"].mean(),
        "median error %": ours["median_error_percent"].mean(),
        "coverage of 90 %": ours["coverage_0.9"].mean(),
        "wide": ours["wide_coverage_0.9"].mean(),
        "seconds": ours["seconds"].mean(),
        "peak MB": ours["peak_mb"].max(),
    }
    return pd.DataFrame(shown).reset_index().round(3)


def _standing(told: pd.DataFrame) -> pd.DataFrame:
    """For each kind of case: how often ours is best, and no worse than the vanilla VAE."""
    kinds = told["case"].str.split("-").str[-1].map(KINDS).fillna("another section")
    rows = []
    for kind, group in [*told.groupby(kinds), ("all", told)]:
        found = [lead for _, case in group.groupby("case") if (lead := _lead(case))]
        if not found:
            continue
        leads = pd.DataFrame(found)
        row = {"held out": kind, "cases": len(leads), "best": leads["best"].sum()}
        row |= {"best or within noise": leads["within"].sum()}
        row |= {"margin": f"{100 * (1 - leads['ours'].sum() / leads['other'].sum()):.1f} %"}
        row |= {"mean margin": f"{100 * (1 - leads['ours'] / leads['other']).mean():.1f} %"}
        compared = leads["not_worse"].dropna()
        row |= {"no worse than the vanilla VAE": f"{compared.sum():.0f} of {len(compared)}"}
        rows.append(row)
    return pd.DataFrame(rows)


def _lead(case: pd.DataFrame) -> dict[str, float] | None:
    """How ours stands on one case, over the seeds that both methods have run; None without any."""
    seeds = case.pivot_table("procrustes", "seed", "method")
    ours = seeds[OURS]
    behind = (
        seeds.drop(columns=[OURS, VANILLA], errors="ignore")
        .rsub(ours, axis=0)
        .dropna(how="all", axis=1)
    )
    if behind.empty:
        return None
    best = behind.mean().idxmax()
    lag = behind[best].dropna()
    noise = lag.std() if len(lag) > 1 else 0.0
    vanilla = (ours - seeds.get(VANILLA, float("nan"))).dropna()
    slack = vanilla.std() if len(vanilla) > 1 else 0.0
    return {
        "ours": ours[lag.index].mean(),
        "other": seeds.loc[lag.index, best].mean(),
        "best": lag.mean() <= 0,
        "within": lag.mean() <= noise,
        "not_worse": float(vanilla.mean() <= slack) if len(vanilla) else float("nan"),
    }


def _ranks(told: pd.DataFrame) -> pd.DataFrame:
    """Mean rank over the cases, by each of two measures."""
    disparity, spearman = (
        told.pivot_table(measure, "case", "method", "mean")
        for measure in ("procrustes", "distance_spearman")
    )
    ranks = {
        "by Procrustes disparity": disparity.rank(axis=1).mean(),
        "by Spearman of distances": spearman.rank(axis=1, ascending=False).mean(),
        "cases": disparity.notna().sum(),
    }
    frame = pd.DataFrame(ranks).sort_values("by Procrustes disparity")
    return frame.round(2).rename_axis("method").reset_index()
