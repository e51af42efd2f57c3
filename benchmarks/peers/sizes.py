"""``python -m benchmarks.peers.sizes``: what ours and the peers take, by the number of cells.

Made-up cells are placed against one made-up section, on one thread, each run in a process of its
own. A peer's time is all that it does; of ours, training with the default settings is told by
itself, since a model is trained once. Writes ``benchmarks/results/sizes.csv``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from tempfile import TemporaryDirectory

import anndata as ad
import numpy as np
import pandas as pd

from benchmarks.cases import Task
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.environments import NotInstallable
from benchmarks.peers.run import ROOT, Row, place
from benchmarks.peers.table import with_rows
from benchmarks.timed import timed
from benchmarks.tissue import Tissue

RESULTS = ROOT / "benchmarks" / "results" / "sizes.csv"
CELLS = (1000, 4000, 16_000)
N_SPOTS = 2000
TRANSPORT = ("novosparc", "tangram", "moscot", "tacco")
"""Peers that map every cell to every spot; regressions take next to nothing."""


def main() -> None:
    peers = {peer.key: peer for peer in PEERS}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.sizes", description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=CELLS)
    parser.add_argument("--methods", nargs="*", choices=peers, default=TRANSPORT)
    parser.add_argument("--limit", type=float, default=600, help="seconds for one run")
    options = parser.parse_args()
    table = pd.read_csv(RESULTS) if RESULTS.is_file() else pd.DataFrame()
    rows: list[Row] = []
    tissue = Tissue()
    with TemporaryDirectory() as name:
        folder = Path(name)
        reference, model = folder / "reference.h5ad", folder / "model.safetensors"
        trained = timed("fit", tissue.write_reference(reference, N_SPOTS), model)
        rows.append({"method": "dp-VAE, training", "cells": 0, **trained})
        for n in options.cells:
            query = tissue.write_query(folder / "query.h5ad", n)
            task = Task(ad.read_h5ad(reference), ad.read_h5ad(query), np.zeros((n, 2)))
            ours = timed("stream", model, query, folder / "placed.h5ad")
            rows.append({"method": "dp-VAE, placing", "cells": n, **ours})
            for key in options.methods:
                try:
                    used, _ = place(peers[key], task, 0, options.limit)
                except NotInstallable as error:
                    used = {"reason": str(error)}
                rows.append({"method": key, "cells": n, **used})
            table = with_rows(table, rows, ["method", "cells"])
            table.to_csv(RESULTS, index=False, float_format="%.4g")
            print(table.to_string(), flush=True)


if __name__ == "__main__":
    main()
