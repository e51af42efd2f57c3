"""``python -m benchmarks.quality``: ours on every case, beside the vanilla VAE and the peers.

Writes ``benchmarks/results/quality.csv``, a row for each method, case and seed, and
``quality.md``, which ranks ours among the methods of ``peers.csv``.
"""

from __future__ import annotations

import argparse
import itertools
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from benchmarks.cases import Task, cases
from benchmarks.peers.table import with_rows
from benchmarks.standing import OURS, VANILLA, summary
from benchmarks.timed import peak_mb
from napari_dpvae import DPVAE
from napari_dpvae.data.keys import RADIUS, RADIUS_WIDE, SPATIAL
from napari_dpvae.evaluation.metrics import measure
from napari_dpvae.geometry.alignment import fit_similarity
from napari_dpvae.geometry.spacing import diagonal

RESULTS = Path(__file__).parent / "results"
METHODS = {OURS: {}, VANILLA: {"alpha2": 0.0, "blocks": 0, "regression": False}}
"""Settings that differ from the defaults.

Blocks calibrate regions and place no cells: the vanilla VAE is there for its places.
"""
STATED = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
"""Probabilities of regions."""
TOLD = 0.9
"""Of those whose radii are told."""


def run(case_name: str, method: str, seed: int) -> dict[str, object]:
    """Train, place and measure; in a process of its own, so that its memory is its own."""
    case = next(case for case in cases() if case.name == case_name)
    task = case.load(seed)
    start = time.perf_counter()
    model = DPVAE(seed=seed, **METHODS[method]).fit(task.reference)
    placed = model.place(task.query)
    seconds = time.perf_counter() - start
    return {
        "method": method,
        "case": case_name,
        "seed": seed,
        "seconds": seconds,
        "peak_mb": peak_mb(),
        "regularisation": "/".join(model.card["regularisation"].values()),
        **(coverage(model, task, placed.obsm[SPATIAL]) if method == OURS else {}),
    } | measure(task.true, placed.obsm[SPATIAL])


def coverage(model: DPVAE, task: Task, points: np.ndarray) -> dict[str, float]:
    """Share of cells inside their regions, by stated probability; and inside the wide ones.

    With the median radius of those stated to hold 90 %, in per cent of the reference's diagonal,
    and Spearman's correlation of radius and error. Sections lie in frames of their own: what is
    registered is so after the true places were turned and shifted onto the placed ones, without a
    change of scale.
    """
    registered = replace(fit_similarity(task.true, points), scale=1.0).apply(task.true)
    errors, registered_errors = (
        np.linalg.norm(points - true, axis=1) for true in (task.true, registered)
    )
    found = {}
    for stated in STATED:
        regions = model.place(task.query, probability=stated).obs
        for kind, error, radius in (
            ("coverage", errors, RADIUS),
            ("wide_coverage", errors, RADIUS_WIDE),
            ("registered_coverage", registered_errors, RADIUS),
        ):
            found[f"{kind}_{stated}"] = float((error <= regions[radius]).mean())
        if stated == TOLD:
            extent = diagonal(task.reference.obsm[SPATIAL]) / 100
            found["radius_percent"] = float(regions[RADIUS].median() / extent)
            found["radius_wide_percent"] = float(regions[RADIUS_WIDE].median() / extent)
            for kind, error in (("", errors), ("registered_", registered_errors)):
                told = float(spearmanr(regions[RADIUS], error).statistic)
                found[f"{kind}radius_spearman"] = told
    return found


def main() -> None:
    names = [case.name for case in cases()]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=names, default=names, metavar="CASE")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    target = RESULTS / "quality.csv"
    table = pd.read_csv(target) if target.is_file() else pd.DataFrame()
    with ProcessPoolExecutor(max_workers=1, max_tasks_per_child=1) as pool:
        jobs = itertools.product(options.seeds, options.cases, options.methods)
        for seed, case, method in jobs:
            row = pool.submit(run, case, method, seed).result()
            print(f"{case} seed {seed} {method}: Procrustes {row['procrustes']:.3f}", flush=True)
            table = with_rows(table, [row])
            table.to_csv(target, index=False, float_format="%.5g")
            target.with_suffix(".md").write_text(summary(table, RESULTS / "peers.csv"))


if __name__ == "__main__":
    main()
