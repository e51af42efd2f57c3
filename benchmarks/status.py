"""``python -m benchmarks.status``: are cells that do not belong told from those that do.

The query is a fifth of a section, held out, together with strangers: cells of another tissue
(genes matched by upper-cased name), or the same cells with their genes shuffled. Writes
``benchmarks/results/status.csv``: the area under the ROC curve of the likeness, and the share of
either kind that is called outside.
"""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from benchmarks.arguments import seeds
from benchmarks.cases import DATA, SECTIONS
from napari_dpvae import DPVAE, read_reference
from napari_dpvae.data.keys import LIKENESS, STATUS
from napari_dpvae.evaluation.hold_out import split_spots
from napari_dpvae.uncertainty.status import OUTSIDE

MIXTURES = (
    ("C2", "MOB1"),
    ("layer1", "Hippo1"),
    ("Hippo1", "C2"),
    ("prostate", "C2"),
    ("melanoma", "MOB1"),
    ("MOB1", "layer1"),
    ("C2", None),
    ("Hippo1", None),
    ("DLPFC", None),
    ("embryo", None),
)
"""Reference, and the tissue of the strangers; None shuffles genes."""
MOST_STRANGERS = 500
TABLE = Path(__file__).parent / "results" / "status.csv"


def main() -> None:
    rows = []
    for seed in seeds("status", 1):
        for reference, strangers in MIXTURES:
            rows.append(run(reference, strangers, seed))
            print(rows[-1], flush=True)
            pd.DataFrame(rows).to_csv(TABLE, index=False, float_format="%.4g")


def run(reference_name: str, strangers_name: str | None, seed: int) -> dict[str, object]:
    """One mixture."""
    section = _upper(_read(reference_name))
    held_out = split_spots(np.asarray(section.obsm["spatial"]), "random", seed)
    own = ad.AnnData(section[held_out].X, var=section.var)
    if strangers_name is None:
        strangers = _shuffled(own, seed)
    else:
        strangers = _upper(_read(strangers_name))[:MOST_STRANGERS]
        strangers = ad.AnnData(strangers.X, var=strangers.var)
    query = ad.concat({"own": own, "stranger": strangers}, index_unique="-", label="kind")
    placed = DPVAE(seed=seed, blocks=0).fit(section[~held_out].copy()).place(query)
    stranger = (placed.obs["kind"] == "stranger").to_numpy()
    outside = (placed.obs[STATUS] == OUTSIDE).to_numpy()
    return {
        "reference": reference_name,
        "strangers": strangers_name or "genes shuffled",
        "seed": seed,
        "shared genes": query.n_vars,
        "area under ROC": roc_auc_score(stranger, -placed.obs[LIKENESS]),
        "strangers outside": outside[stranger].mean(),
        "own outside": outside[~stranger].mean(),
    }


def _read(name: str) -> ad.AnnData:
    return read_reference(DATA / f"{SECTIONS[name]}.h5ad")


def _upper(cells: ad.AnnData) -> ad.AnnData:
    """With upper-cased gene names, each once."""
    cells.var_names = cells.var_names.str.upper()
    return cells[:, ~cells.var_names.duplicated()].copy()


def _shuffled(cells: ad.AnnData, seed: int) -> ad.AnnData:
    """The same cells with their genes' values exchanged, the same way in all."""
    order = np.random.default_rng(seed).permutation(cells.n_vars)
    return ad.AnnData(cells.X[:, order], var=cells.var)


if __name__ == "__main__":
    main()
