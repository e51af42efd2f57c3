"""``python -m benchmarks.speed``: time and memory of training and placing, each in its own process.

With ``--source FOLDER`` the ``src`` of another checkout is measured in turn with this one. Writes
``benchmarks/results/speed.csv``.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import pandas as pd

from benchmarks.timed import timed
from benchmarks.tissue import Tissue

TABLE = Path(__file__).parent / "results" / "speed.csv"
TASKS = ("C2", "BZ5", "DLPFC", "place", "place across a gap")
N_SPOTS, N_CELLS = 5000, 20_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed")
    parser.add_argument("--source", type=Path, help="src of another checkout, measured in turn")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--cells", type=int, default=N_CELLS, help="to place")
    options = parser.parse_args()
    sources = {"now": None} | ({"before": options.source} if options.source else {})
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for task in options.tasks:
            for code, source in sources.items():
                figures = run(task, source, Path(folder), options.cells)
                rows.append({"task": task, "code": code, **figures})
                print(rows[-1], flush=True)
                pd.DataFrame(rows).to_csv(TABLE, index=False, float_format="%.4g")


def run(task: str, source: Path | None, folder: Path, n_cells: int) -> dict[str, float]:
    """Time one task; what it needs is made in the folder."""
    if not task.startswith("place"):
        from benchmarks.cases import DATA, SECTIONS

        return timed("fit", DATA / f"{SECTIONS[task]}.h5ad", source=source)
    tissue = Tissue()
    reference = tissue.write_reference(folder / "reference.h5ad", N_SPOTS)
    query = tissue.write_query(folder / "query.h5ad", n_cells, gap=task.endswith("gap"))
    model = folder / "model.safetensors"
    timed("fit", reference, model, "--quick", source=source)
    return timed("place", model, query, source=source)


if __name__ == "__main__":
    main()
