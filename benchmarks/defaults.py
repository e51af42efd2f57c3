"""``python -m benchmarks.defaults``: the default settings, and changes of one at a time.

Measured on parts held out of the references of ``benchmarks/cases.py``, which are what is left of
a section when its test part is taken away: the test parts are never seen. For each tissue the
setting that is best on the others is chosen, and measured on that tissue (nested hold-out): if
choosing so gains nothing over the defaults, they need no tuning. Writes
``benchmarks/results/defaults.csv`` and ``defaults.md``.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import markdown
from benchmarks.arguments import seeds
from benchmarks.cases import SPLITS, Case
from napari_dpvae import DPVAE
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.evaluation.hold_out import SpotSplit, split_spots
from napari_dpvae.evaluation.metrics import procrustes_disparity

TISSUES = ("C2", "A1", "layer1", "melanoma")
"""One section of each tissue."""
DEFAULTS = "defaults"
CHANGES: dict[str, dict[str, Any]] = {
    DEFAULTS: {},
    "250 genes": {"genes": 250},
    "1000 genes": {"genes": 1000},
    "variable genes": {"gene_choice": "hvg"},
    "alpha2 1": {"alpha2": 1.0},
    "alpha2 100": {"alpha2": 100.0},
    "300 epochs": {"epochs": 300},
    "latent of 10": {"latent_dim": 10},
}
TABLE = Path(__file__).parent / "results" / "defaults.csv"


def main() -> None:
    rows: list[dict[str, object]] = []
    for seed, tissue, split in itertools.product(seeds("defaults", 1), TISSUES, SPLITS):
        for change in CHANGES:
            disparity = run(tissue, split, seed, change)
            rows.append({"tissue": tissue, "split": split, "seed": seed, "change": change})
            rows[-1]["procrustes"] = disparity
            print(f"{tissue} {split} seed {seed} {change}: {disparity:.3f}", flush=True)
        pd.DataFrame(rows).to_csv(TABLE, index=False, float_format="%.5g")
        TABLE.with_suffix(".md").write_text(summary(pd.DataFrame(rows)))


def run(tissue: str, split: SpotSplit, seed: int, change: str) -> float:
    """Procrustes disparity of a part held out of what is left of the section."""
    reference = Case(f"{tissue}-{split}", tissue, split=split).load(seed).reference
    coordinates = np.asarray(reference.obsm[SPATIAL], float)
    held_out = split_spots(coordinates, split, seed + 1)
    model = DPVAE(seed=seed, blocks=0, **CHANGES[change]).fit(reference[~held_out].copy())
    placed = model.place(reference[held_out].copy())
    return procrustes_disparity(coordinates[held_out], placed.obsm[SPATIAL])


def summary(table: pd.DataFrame) -> str:
    """Means of every change, and what nested choosing gains, as Markdown."""
    ways = table.pivot_table("procrustes", "change", "split", sort=False)
    ways["mean"] = ways.mean(axis=1)
    tissues = table.pivot_table("procrustes", "tissue", "change", sort=False)
    chosen = (tissues.sum() - tissues).idxmin(axis=1)
    nested = pd.DataFrame(
        {
            "chosen on the others": chosen,
            "its disparity": [tissues.at[tissue, change] for tissue, change in chosen.items()],
            "disparity of the defaults": tissues[DEFAULTS],
        }
    )
    return (
        "# Defaults\n\nProcrustes disparity on parts held out of the references "
        "(`python -m benchmarks.defaults`).\n\n"
        f"{markdown.table(ways.round(4).reset_index())}\n## Chosen on the other tissues\n\n"
        f"{markdown.table(nested.round(4).reset_index())}\n"
        f"Mean: {nested['its disparity'].mean():.4f} if chosen, "
        f"{nested['disparity of the defaults'].mean():.4f} by default.\n"
    )


if __name__ == "__main__":
    main()
