"""``python -m benchmarks.draws``: whether draws make up the tissue, where estimates bunch.

Writes ``benchmarks/results/draws.csv``: the sliced Wasserstein distance to the true places of the
placed cells, and of one draw of each (the mean over ten), as shares of the tissue's diagonal.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.cases import Task, cases
from napari_dpvae import DPVAE, make_phantom
from napari_dpvae.data.keys import DRAWS, SPATIAL
from napari_dpvae.evaluation.tissue import sliced_wasserstein
from napari_dpvae.geometry.spacing import diagonal

RESULTS = Path(__file__).parent / "results" / "draws.csv"
CASES = ("BZ5-random", "osmFISH-random", "embryo-random", "C2-random", "A1-random", "Hippo1-random")
PHANTOM = "phantom, dissociated cells"
TIMES = 10


def run(task: Task, seed: int) -> dict[str, float]:
    """Train, place and draw."""
    placed = DPVAE(seed=seed, blocks=0).fit(task.reference).place(task.query, draws=TIMES)
    drawn = placed.obsm[DRAWS]
    unit = diagonal(np.asarray(task.reference.obsm[SPATIAL], float)) / 100
    of_draws = [sliced_wasserstein(task.true, drawn[:, i]) / unit for i in range(TIMES)]
    return {
        "estimates": sliced_wasserstein(task.true, placed.obsm[SPATIAL]) / unit,
        "draws": float(np.mean(of_draws)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.draws", description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    options = parser.parse_args()
    phantom = make_phantom()
    rows = []
    for seed in options.seeds:
        tasks = {case.name: case.load(seed) for case in cases() if case.name in CASES}
        tasks[PHANTOM] = Task(phantom.reference, phantom.query, phantom.truth.to_numpy())
        for name, task in tasks.items():
            rows.append({"case": name, "seed": seed} | run(task, seed))
            print(rows[-1], flush=True)
            pd.DataFrame(rows).to_csv(RESULTS, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
