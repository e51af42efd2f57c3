"""``python -m benchmarks.peers.across``: ours and the peers where the query is of another platform.

The cases of :mod:`benchmarks.platform_gap`. Writes ``benchmarks/results/peers_across.csv``.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from benchmarks.cases import Task
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.run import ROOT, Row, run
from benchmarks.peers.table import with_rows
from benchmarks.platform_gap import CASES
from benchmarks.standing import OURS
from napari_dpvae import DPVAE
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.evaluation.metrics import measure

RESULTS = ROOT / "benchmarks" / "results" / "peers_across.csv"
METHODS = ("knn", "ridge", "tacco")


def main() -> None:
    peers = {peer.key: peer for peer in PEERS}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.across", description=__doc__)
    parser.add_argument("--methods", nargs="*", choices=peers, default=METHODS)
    parser.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=float, default=600, help="seconds for one run")
    options = parser.parse_args()
    table = pd.read_csv(RESULTS) if RESULTS.is_file() else pd.DataFrame()
    for name in options.cases:
        task = CASES[name](options.seed)
        found = [ours(task, options.seed)]
        for key in options.methods:
            found += run(peers[key], task, options.seed, options.limit)
        rows = [{"case": name, "seed": options.seed} | row for row in found]
        table = with_rows(table, rows)
        table.to_csv(RESULTS, index=False, float_format="%.5g")
        print(pd.DataFrame(found)[["method", "procrustes", "median_error_percent"]], flush=True)
    for measured in ("procrustes", "median_error_percent"):
        print(table.pivot_table(measured, "case", "method").round(3).to_string())


def ours(task: Task, seed: int) -> Row:
    """By the default settings, but for the blocks, which place no cells."""
    placed = DPVAE(seed=seed, blocks=0).fit(task.reference).place(task.query)
    return {"method": OURS} | measure(task.true, np.asarray(placed.obsm[SPATIAL]))


if __name__ == "__main__":
    main()
