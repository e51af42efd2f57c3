"""``python -m benchmarks.large``: a reference of 30,000 spots, passed over 25 times and 150 times.

Made from DLPFC, whose spots stand in it eight times: elsewhere within a spot distance, with another
seven tenths of their counts. Its held-out spots are placed by two networks. Writes
``benchmarks/results/large.csv``.
"""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from benchmarks.cases import Case
from benchmarks.timed import peak_mb
from napari_dpvae import DPVAE, TrainingSettings
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.evaluation.metrics import measure
from napari_dpvae.geometry.spacing import spot_distance

COPIES, KEPT = 8, 0.7
EPOCHS = (0, 150)
"""0 is the default."""
TABLE = Path(__file__).parent / "results" / "large.csv"


def main() -> None:
    rows = []
    # Each in a process of its own, so that its memory is its own.
    with ProcessPoolExecutor(max_workers=1, max_tasks_per_child=1) as pool:
        for row in pool.map(run, EPOCHS):
            print(row, flush=True)
            rows.append(row)
            pd.DataFrame(rows).to_csv(TABLE, index=False, float_format="%.5g")


def run(epochs: int) -> dict[str, object]:
    """Train, place and measure."""
    task = Case("DLPFC-random", "DLPFC", split="random").load()
    reference = repeated(task.reference)
    start = time.perf_counter()
    settings = TrainingSettings(
        epochs=epochs, members=2, checks=0, blocks=0, regularisation="medium"
    )
    model = DPVAE(settings).fit(reference)
    trained = time.perf_counter()
    placed = model.place(task.query)
    done = time.perf_counter()
    return {
        "spots": reference.n_obs,
        "epochs": model.trained.settings.epochs,
        "training_seconds": trained - start,
        "placing_seconds": done - trained,
        "peak_mb": peak_mb(),
    } | measure(task.true, placed.obsm[SPATIAL])


def repeated(section: ad.AnnData) -> ad.AnnData:
    """The section's spots many times over."""
    rng = np.random.default_rng(0)
    counts, places = section.X.toarray().astype(int), np.asarray(section.obsm[SPATIAL], float)
    distance = spot_distance(places)
    parts = [sparse.csr_matrix(rng.binomial(counts, KEPT), dtype=np.float32) for _ in range(COPIES)]
    many = ad.AnnData(sparse.vstack(parts, format="csr"))
    many.var_names = section.var_names
    many.obsm[SPATIAL] = np.concatenate(
        [places + rng.uniform(-0.5, 0.5, places.shape) * distance for _ in range(COPIES)]
    )
    return many


if __name__ == "__main__":
    main()
