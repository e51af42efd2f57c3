"""``python -m benchmarks.platform_gap``: coverage where the query is of another platform.

The phantom's dissociated cells; single cells of a section whose other cells are summed to spots;
and held-out spots of which a few molecules are kept. Each by regions that are calibrated on spots
as the query's platform sees them, and on the reference's own. Writes
``benchmarks/results/platform_gap.csv``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from benchmarks.arguments import seeds
from benchmarks.cases import DATA, SECTIONS, Task, cases
from benchmarks.quality import STATED
from napari_dpvae import DPVAE, make_phantom
from napari_dpvae.data.keys import RADIUS, SPATIAL
from napari_dpvae.data.read import read_reference
from napari_dpvae.data.values import dense
from napari_dpvae.placement.calibrate import calibrated
from napari_dpvae.placement.query import read_by
from napari_dpvae.placement.solve import Solver
from napari_dpvae.uncertainty.conformal import conformal_factor, region_radius

TABLE = Path(__file__).parent / "results" / "platform_gap.csv"
CELLS_PER_SPOT = 6
SINGLE = 0.3
"""Share of a section's cells that are the query."""


def main() -> None:
    rows: list[dict[str, object]] = []
    for seed in seeds("platform_gap", 3):
        for name, make in CASES.items():
            rows += run(name, make(seed), seed)
            pd.DataFrame(rows).to_csv(TABLE, index=False, float_format="%.5g")
            print(pd.DataFrame(rows[-2:])[["case", "calibrated_as", "coverage_0.9"]], flush=True)
    columns = [f"coverage_{stated}" for stated in STATED]
    print(pd.DataFrame(rows).groupby(["calibrated_as", "case"])[columns].mean().round(3))


def run(name: str, task: Task, seed: int) -> list[dict[str, object]]:
    """Coverage by both calibrations."""
    model = DPVAE(seed=seed).fit(task.reference)
    trained = model.trained
    placed = model.place(task.query, probability=0.5)
    points = placed.obsm[SPATIAL]
    errors = np.linalg.norm(points - task.true, axis=1)
    scores = {
        "reference": trained.scores,
        "query": calibrated(Solver.of(trained, read_by(trained, task.query))).errors.scores,
    }
    expected = placed.obs[RADIUS].to_numpy() / conformal_factor(scores["query"], 0.5)
    rows: list[dict[str, object]] = []
    for calibrated_as, known in scores.items():
        row: dict[str, object] = {"case": name, "seed": seed, "calibrated_as": calibrated_as}
        for stated in STATED:
            factor = conformal_factor(known, stated)
            radius = region_radius(expected, factor, points, trained.coordinates)
            row[f"coverage_{stated}"] = float((errors <= radius).mean())
        rows.append(row)
    return rows


def phantom(seed: int) -> Task:
    """Dissociated cells of a made-up tissue, and its spots of eight cells."""
    made = make_phantom(seed)
    return Task(made.reference, made.query, made.truth.to_numpy())


def single_cells(section: str, seed: int) -> Task:
    """Cells of a section, thinned, beside spots that are sums of neighbours among the others."""
    cells = read_reference(DATA / f"{SECTIONS[section]}.h5ad")
    rng = np.random.default_rng(seed)
    points, counts = np.asarray(cells.obsm[SPATIAL], float), dense(cells.X)
    single = rng.random(cells.n_obs) < SINGLE
    side = np.sqrt(np.ptp(points, axis=0).prod() * CELLS_PER_SPOT / cells.n_obs)
    boxes, box = np.unique(points[~single] // side, axis=0, return_inverse=True)
    sums = np.zeros((len(boxes), cells.n_vars), np.float32)
    np.add.at(sums, box.ravel(), counts[~single])
    reference = ad.AnnData(sums, var=cells.var[[]])
    reference.obsm[SPATIAL] = (boxes + 0.5) * side
    kept = thinned(counts[single], rng, 0.5, rng.beta(6, 2, cells.n_vars))
    found = kept.sum(axis=1) > 0
    return Task(reference, ad.AnnData(kept[found], var=cells.var[[]]), points[single][found])


def thinned_spots(section: str, seed: int) -> Task:
    """Held-out spots, of whose molecules a twentieth is kept, gene by gene."""
    task = next(case for case in cases() if case.name == f"{section}-random").load(seed)
    rng = np.random.default_rng(seed)
    query = task.query.copy()
    query.X = thinned(dense(query.X), rng, 0.15, rng.beta(2, 4, query.n_vars))
    return task._replace(query=query)


def thinned(
    counts: np.ndarray, rng: np.random.Generator, share: float, efficiency: np.ndarray
) -> np.ndarray:
    """Counts (n, g) of which about a share is kept: more of some cells, and of some genes."""
    depth = share * rng.lognormal(0, 0.4, (len(counts), 1))
    kept = np.clip(depth * efficiency, 0, 1)
    return rng.binomial(counts.astype(int), kept).astype(np.float32)


CASES: dict[str, Callable[[int], Task]] = {
    "phantom": phantom,
    **{f"{s}, single cells": partial(single_cells, s) for s in ("osmFISH", "BZ5", "BZ9")},
    **{f"{s}, thinned spots": partial(thinned_spots, s) for s in ("C2", "Hippo1", "BZ5", "DLPFC")},
}


if __name__ == "__main__":
    main()
