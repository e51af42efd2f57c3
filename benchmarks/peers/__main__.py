"""``python -m benchmarks.peers``: run the peers on the cases, into ``benchmarks/results``."""

from __future__ import annotations

import argparse
import itertools

from benchmarks.cases import cases
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.run import ROOT, run
from benchmarks.peers.table import read_table, with_rows, write_table

RESULTS = ROOT / "benchmarks" / "results" / "peers.csv"


def main() -> None:
    all_cases = {case.name: case for case in cases()}
    all_peers = {peer.key: peer for peer in PEERS}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--methods", nargs="+", choices=all_peers, default=list(all_peers))
    parser.add_argument(
        "--cases", nargs="+", choices=all_cases, default=list(all_cases), metavar="CASE"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--limit", type=float, default=600, help="seconds for one run")
    options = parser.parse_args()
    table = read_table(RESULTS)
    for seed, name in itertools.product(options.seeds, options.cases):
        task = all_cases[name].load(seed)
        for key in options.methods:
            rows = run(all_peers[key], task, seed, options.limit)
            for row in rows:
                told = row.get("reason") or f"Procrustes {row['procrustes']:.3f}"
                print(f"{name} seed {seed} {row['method']}: {told}", flush=True)
            table = with_rows(table, [{"case": name, "seed": seed} | row for row in rows])
            write_table(table, RESULTS)


if __name__ == "__main__":
    main()
