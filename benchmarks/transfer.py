"""``python -m benchmarks.transfer``: zero-shot, and fine-tuned, from section to section.

Zero-shot; with the query taken to cover the whole tissue; fine-tuned on its expression alone; and
fine-tuned with a tenth of its places known. All are measured on the same other nine tenths. Writes
``benchmarks/results/transfer.csv``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.arguments import seeds
from benchmarks.cases import Case, cases
from napari_dpvae import DPVAE
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.evaluation.metrics import measure

KNOWN = 0.1
"""Share of the query whose place is known to the last way."""
TABLE = Path(__file__).parent / "results" / "transfer.csv"


def main() -> None:
    rows: list[dict[str, object]] = []
    for seed in seeds("transfer", 3):
        for case in cases():
            if case.split is None:
                rows += run(case, seed)
                pd.DataFrame(rows).to_csv(TABLE, index=False, float_format="%.5g")
                print(pd.DataFrame(rows[-4:])[["case", "way", "procrustes"]], flush=True)
    table = pd.DataFrame(rows)
    print(table.groupby("way")[["procrustes", "distance_spearman"]].mean().round(4))


def run(case: Case, seed: int) -> list[dict[str, object]]:
    """The four ways of a case."""
    task = case.load()
    n = len(task.true)
    known = np.zeros(n, bool)
    known[np.random.default_rng(seed).permutation(n)[: max(10, round(KNOWN * n))]] = True
    query = task.query.copy()
    query.obsm["known"] = np.where(known[:, None], task.true, np.nan)
    zero_shot = DPVAE(seed=seed).fit(task.reference)
    ways = {
        "zero-shot": zero_shot,
        "fine-tuned": zero_shot.fine_tune(task.reference, query),
        "fine-tuned, a tenth known": zero_shot.fine_tune(task.reference, query, known_key="known"),
    }
    placed = {way: model.place(task.query) for way, model in ways.items()}
    placed["zero-shot, whole"] = zero_shot.place(task.query, query_covers="whole")
    rows = []
    for way, cells in placed.items():
        points = cells.obsm[SPATIAL]
        measured = measure(task.true[~known], points[~known])
        rows.append({"case": case.name, "seed": seed, "way": way} | measured)
    return rows


if __name__ == "__main__":
    main()
