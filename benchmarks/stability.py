"""``python -m benchmarks.stability``: alpha2 over four orders of magnitude, latents of 2 to 32.

Writes ``benchmarks/results/stability.csv`` and draws ``docs/images/stability.png``: the Procrustes
disparity of section to section, and the paper's in-sample stress over alpha2 and seeds.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.arguments import seeds
from benchmarks.cases import cases
from napari_dpvae import DPVAE
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.evaluation.metrics import procrustes_disparity, stress1

CASES = ("C2-C3", "layer1-layer2", "BZ5-BZ9")
ALPHA2 = (0.1, 1.0, 10.0, 100.0, 1000.0)
LATENT_DIMS = (2, 8, 32)
MEMBERS = 2
"""Networks: enough to calibrate; the ensemble would hide what one network does."""
ROOT = Path(__file__).parents[1]
TABLE = ROOT / "benchmarks" / "results" / "stability.csv"
PICTURE = ROOT / "docs" / "images" / "stability.png"


def main() -> None:
    rows = []
    for case, alpha2, latent_dim, seed in itertools.product(
        CASES, ALPHA2, LATENT_DIMS, seeds("stability", 2)
    ):
        rows.append(run(case, alpha2, latent_dim, seed))
        print(rows[-1], flush=True)
        pd.DataFrame(rows).to_csv(TABLE, index=False, float_format="%.5g")
    draw(pd.read_csv(TABLE))


def run(case: str, alpha2: float, latent_dim: int, seed: int) -> dict[str, object]:
    """Train once; place the other section, and the spots that were trained on."""
    task = next(c for c in cases() if c.name == case).load()
    model = DPVAE(alpha2=alpha2, latent_dim=latent_dim, members=MEMBERS, blocks=0, seed=seed)
    losses = [report.losses for report in model.fit_epochs(task.reference) if report.losses]
    own = task.reference.obsm[SPATIAL]
    return {
        "case": case,
        "alpha2": alpha2,
        "latent_dim": latent_dim,
        "seed": seed,
        "procrustes": procrustes_disparity(task.true, model.place(task.query).obsm[SPATIAL]),
        "in_sample_stress1": stress1(own, model.encode(task.reference)),
        "finite": bool(np.isfinite(losses).all()),
        "largest_distance_term": max(each.distance for each in losses),
        "last_distance_term": losses[-1].distance,
    }


def draw(table: pd.DataFrame) -> None:
    """A panel for each case and measure; a line for each latent dimension."""
    import matplotlib.pyplot as plt

    measures = {"procrustes": "Procrustes disparity", "in_sample_stress1": "in-sample stress-1"}
    figure, panels = plt.subplots(
        len(measures), len(CASES), figsize=(9, 5), sharex=True, sharey="row", layout="constrained"
    )
    for (measure, case), panel in zip(itertools.product(measures, CASES), panels.flat, strict=True):
        for latent_dim, part in table[table["case"] == case].groupby("latent_dim"):
            seeds = part.groupby("alpha2")[measure]
            mean = seeds.mean()
            panel.plot(mean.index, mean, marker="o", ms=4, label=f"latent {latent_dim}")
            panel.fill_between(mean.index, seeds.min(), seeds.max(), alpha=0.2)
        panel.set(xscale="log", title=case.replace("-", " → ") if measure == "procrustes" else "")
        panel.spines[["top", "right"]].set_visible(False)
    for row, label in zip(panels, measures.values(), strict=True):
        row[0].set_ylabel(label)
    for panel in panels[-1]:
        panel.set_xlabel("alpha2")
    panels[0, -1].legend(frameon=False, fontsize=8)
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE, dpi=120)


if __name__ == "__main__":
    main()
