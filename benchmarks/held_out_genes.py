"""``python -m benchmarks.held_out_genes``: the real dissociated embryo, whose truth nobody knows.

A quarter of the atlas' genes at a time is left out, the cells are placed by the others, and the
left-out genes of the placed cells are correlated with their measured pattern. Writes
``benchmarks/results/held_out_genes.csv``, beside kNN on expression by the cosine and novoSpaRc.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from sklearn.neighbors import NearestNeighbors

from benchmarks.arguments import seeds
from benchmarks.cases import DATA, Task
from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.run import place
from benchmarks.standing import OURS
from napari_dpvae import DPVAE
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.evaluation.metrics import held_out_gene_correlation
from napari_dpvae.expression.normalise import log_normalise

FOLDS = 4
NEIGHBOURS = 5
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    atlas = ad.read_h5ad(DATA / "drosophila_embryo_BDTNP3D.h5ad")
    cells = ad.read_h5ad(DATA / "drosophila_embryo_scRNA_Karaiskos.h5ad")
    rows = [row for seed in seeds("held_out_genes", 3) for row in run(atlas, cells, seed)]
    table = pd.DataFrame(rows)
    table.to_csv(RESULTS / "held_out_genes.csv", index=False, float_format="%.5g")
    print(table.groupby("method")["correlation"].agg(["mean", "std"]).round(4))


def run(atlas: ad.AnnData, cells: ad.AnnData, seed: int) -> list[dict[str, object]]:
    """Mean correlation over all genes, for each method."""
    genes = np.random.default_rng(seed).permutation(atlas.var_names.to_numpy())
    shown = _log_expression(cells)
    correlations: dict[str, list[np.ndarray]] = defaultdict(list)
    for fold in range(FOLDS):
        left_out = genes[fold::FOLDS]
        reference = atlas[:, ~atlas.var_names.isin(left_out)].copy()
        query = cells[:, ~cells.var_names.isin(left_out)].copy()
        placed = {
            OURS: DPVAE(seed=seed).fit(reference).place(query).obsm[SPATIAL],
            "kNN, cosine": _knn(reference, shown[reference.var_names]),
            **_novosparc(reference, shown[reference.var_names], seed),
        }
        measured = atlas.to_df()[left_out].to_numpy()
        for method, points in placed.items():
            found = held_out_gene_correlation(
                shown[left_out].to_numpy(), points, measured, atlas.obsm[SPATIAL]
            )
            correlations[method].append(found)
    return [
        {"method": method, "seed": seed, "correlation": float(np.nanmean(np.concatenate(parts)))}
        for method, parts in correlations.items()
    ]


def _log_expression(cells: ad.AnnData) -> pd.DataFrame:
    counts = cells.to_df()
    depth = counts.sum(axis=1).to_numpy()
    return pd.DataFrame(log_normalise(counts.to_numpy(), depth), columns=counts.columns)


def _knn(reference: ad.AnnData, expression: pd.DataFrame) -> np.ndarray:
    """The mean place of the spots most alike; each side standardised by itself, which helps it."""
    spots, cells = (
        ((x - x.mean()) / x.std().replace(0, 1)).to_numpy() for x in (reference.to_df(), expression)
    )
    finder = NearestNeighbors(n_neighbors=NEIGHBOURS, metric="cosine").fit(spots)
    nearest = finder.kneighbors(cells, return_distance=False)
    return np.asarray(reference.obsm[SPATIAL])[nearest].mean(axis=1)


def _novosparc(reference: ad.AnnData, expression: pd.DataFrame, seed: int) -> dict[str, np.ndarray]:
    """Both readings of its plan."""
    peer = next(peer for peer in PEERS if peer.key == "novosparc")
    task = Task(reference, ad.AnnData(expression), np.empty((0, 3)))
    _, placed = place(peer, task, seed, limit=600)
    return {name: placed[result] for result, name in peer.results.items()}


if __name__ == "__main__":
    main()
