"""``python -m benchmarks.coverage``: draw stated against measured coverage of ``quality.csv``."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.quality import STATED
from benchmarks.standing import OURS

ROOT = Path(__file__).parents[1]
TABLE = ROOT / "benchmarks" / "results" / "quality.csv"
PICTURE = ROOT / "docs" / "images" / "coverage.png"
KINDS = {"random": "random spots", "block": "a block", "section": "another section"}
MEASURES = {"coverage": "regions", "wide_coverage": "wide regions"}
REGISTERED = "registered_coverage"
"""After another section's true places were turned and shifted onto the placed ones."""


def main() -> None:
    import matplotlib.pyplot as plt

    means = coverage(pd.read_csv(TABLE))
    figure, panels = plt.subplots(1, 2, figsize=(7.5, 3.8), sharey=True, layout="constrained")
    for panel, (measure, title) in zip(panels, MEASURES.items(), strict=True):
        panel.plot([0.4, 1], [0.4, 1], color="0.6", lw=1, ls="--")
        for kind, label in KINDS.items():
            panel.plot(STATED, _line(means, kind, measure), marker="o", ms=4, label=label)
        panel.set(title=title, xlabel="stated probability", xlim=(0.45, 1), ylim=(0.1, 1.01))
        panel.spines[["top", "right"]].set_visible(False)
    registered = _line(means, "section", REGISTERED)
    panels[0].plot(STATED, registered, "o:", color="C2", mfc="w", ms=4, label="registered section")
    panels[0].set_ylabel("measured coverage")
    shown = panels[0].get_legend_handles_labels()
    panels[1].legend(*shown, frameon=False, loc="lower right", title="held out")
    figure.savefig(PICTURE, dpi=120)
    print(means.round(3).to_string())


def coverage(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over the cases of each kind of hold-out, by stated probability."""
    ours = table[(table["method"] == OURS) & table[f"coverage_{STATED[0]}"].notna()]
    kind = ours["case"].str.extract("-(random|block)$")[0].fillna("section").rename("kind")
    columns = [f"{measure}_{s}" for measure in (*MEASURES, REGISTERED) for s in STATED]
    return ours.groupby([kind, "case"])[columns].mean().groupby("kind").mean()


def _line(means: pd.DataFrame, kind: str, measure: str) -> list[float]:
    """What was measured, for each stated probability."""
    return [means.loc[kind, f"{measure}_{stated}"] for stated in STATED]


if __name__ == "__main__":
    main()
