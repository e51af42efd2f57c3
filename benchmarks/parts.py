"""``python -m benchmarks.parts``: cells of one type, layer or corner, of another platform.

The queries of ``benchmarks.platform_gap``, whole and in parts, placed as the default has it
(``any``) and as if each covered all of the tissue (``whole``). Writes
``benchmarks/results/parts.csv``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from benchmarks.cases import DATA, SECTIONS, Task
from benchmarks.platform_gap import CASES
from napari_dpvae import DPVAE
from napari_dpvae.data.keys import RADIUS, SPATIAL
from napari_dpvae.data.read import read_reference
from napari_dpvae.geometry.spacing import diagonal

TABLE = Path(__file__).parent / "results" / "parts.csv"
LABELS = ("celltype", "region", "domain", "layer")
"""Columns of the sections' ``obs`` that part them."""
LARGEST = 3
"""Parts of each kind."""
FEWEST = 40
"""Cells of a part: of fewer than 30 no gap is measured."""


def main() -> None:
    rows: list[dict[str, object]] = []
    for name, make in CASES.items():
        task = make(0)
        model = DPVAE(seed=0).fit(task.reference)
        extent = diagonal(np.asarray(task.reference.obsm[SPATIAL]))
        for kind, part, chosen in parts(name, task):
            row: dict[str, object] = {"case": name, "kind": kind, "part": part, "n": chosen.sum()}
            for covers in ("whole", "any"):
                placed = model.place(task.query[chosen], query_covers=covers)
                errors = np.linalg.norm(placed.obsm[SPATIAL] - task.true[chosen], axis=1)
                row[f"median_error_percent, {covers}"] = 100 * np.median(errors) / extent
                row[f"coverage, {covers}"] = float((errors <= placed.obs[RADIUS]).mean())
            print(row, flush=True)
            rows.append(row)
        pd.DataFrame(rows).to_csv(TABLE, index=False, float_format="%.4g")
    table = pd.DataFrame(rows)
    table["kind"] = table["kind"].where(table["kind"] == "all", "part")
    print(table.groupby("kind").mean(numeric_only=True).round(3).T)


def parts(name: str, task: Task) -> Iterator[tuple[str, str, np.ndarray]]:
    """All of a query, its corners, and the largest of its types and layers."""
    yield "all", "all", np.ones(len(task.true), bool)
    right = task.true[:, :2] > np.median(task.true[:, :2], axis=0)
    labels = {"corner": np.array([f"{int(x)}{int(y)}" for x, y in right])}
    file = DATA / f"{SECTIONS.get(name.split(',')[0])}.h5ad"
    if file.is_file():
        section = read_reference(file)
        _, nearest = cKDTree(section.obsm[SPATIAL]).query(task.true)
        for kind in [label for label in LABELS if label in section.obs]:
            labels[kind] = section.obs[kind].astype(str).to_numpy()[nearest]
    for kind, each in labels.items():
        for part, n in pd.Series(each).value_counts().head(LARGEST).items():
            if n >= FEWEST:
                yield kind, str(part), each == part


if __name__ == "__main__":
    main()
