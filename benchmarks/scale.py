"""``python -m benchmarks.scale``: how time and memory grow with spots and with cells.

Training is on made-up tissues with the default settings; cells are placed against 5,000 spots from
file to file. Each size runs in a process of its own. Prints log-log slopes, and writes
``benchmarks/results/scale.csv``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.timed import timed
from benchmarks.tissue import Tissue

TABLE = Path(__file__).parent / "results" / "scale.csv"
SPOTS = (200, 1000, 5000)
CELLS = (10_000, 100_000, 1_000_000)
N_SPOTS = 5000
"""Of the reference that cells are placed against."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale")
    parser.add_argument("--spots", type=int, nargs="*", default=SPOTS, help="up to 200000")
    parser.add_argument("--cells", type=int, nargs="*", default=CELLS, help="of one platform")
    parser.add_argument("--cells-across", type=int, nargs="*", default=CELLS, help="of another")
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        for row in run(options, Path(folder)):
            print(row, flush=True)
            rows.append(row)
            pd.DataFrame(rows).to_csv(TABLE, index=False, float_format="%.4g")
    for task, slope in slopes(pd.DataFrame(rows)).items():
        print(f"{task}: CPU time grows with the power {slope:.2f}")


def run(options: argparse.Namespace, folder: Path) -> Iterator[dict[str, object]]:
    """Every size of every task."""
    tissue = Tissue()
    reference, model = folder / "reference.h5ad", folder / "model.safetensors"
    for n in options.spots:
        yield {"task": "train", "n": n, **timed("fit", tissue.write_reference(reference, n))}
    timed("fit", tissue.write_reference(reference, N_SPOTS), model, "--quick")
    query, placed = folder / "query.h5ad", folder / "placed.h5ad"
    across = {"place": options.cells, "place across a gap": options.cells_across}
    for task, sizes in across.items():
        for n in sizes:
            tissue.write_query(query, n, gap=task != "place")
            yield {"task": task, "n": n, **timed("stream", model, query, placed)}


def slopes(table: pd.DataFrame) -> dict[str, float]:
    """Slope of log CPU time over log size, of each task with two sizes or more.

    Parameters
    ----------
    table
        With the columns ``task``, ``n`` and ``cpu_seconds``.
    """
    return {
        str(task): float(np.polyfit(np.log(rows["n"]), np.log(rows["cpu_seconds"]), 1)[0])
        for task, rows in table.groupby("task")
        if len(rows) > 1
    }


if __name__ == "__main__":
    main()
