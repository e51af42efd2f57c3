"""``python -m benchmarks.draws``: whether draws make up the tissue, where estimates bunch.

Of ours (where cells are placed, at their likeliest spots, and the mean over ten draws of each), of
the peers, and of spots by lot, which know the tissue and nothing of the cells, two measures of
:mod:`napari_dpvae.evaluation.tissue`: the sliced Wasserstein distance to the true places, in per
cent of the reference's diagonal, and the contact F1 between types of cells. The types are those
that the section's file or the phantom tells. Where it tells none, they are clusters of the query's
own expression (k-means of its principal components). Writes ``benchmarks/results/draws.csv``, where
a row of the same case, seed and method gives way, and prints the means over the seeds.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd

from benchmarks.cases import Task, cases
from benchmarks.peers.catalogue import PEERS, Peer
from benchmarks.peers.environments import NotInstallable
from benchmarks.peers.run import Row, place
from benchmarks.peers.table import with_rows
from benchmarks.standing import OURS
from napari_dpvae import DPVAE, make_phantom
from napari_dpvae.data.keys import DRAWS, LIKELIEST, SPATIAL
from napari_dpvae.evaluation.tissue import contact_f1, sliced_wasserstein
from napari_dpvae.geometry.spacing import diagonal

RESULTS = Path(__file__).parent / "results" / "draws.csv"
PHANTOM = "phantom"
TYPES = ("cell_type", "celltype", "annotation")
"""Columns of ``obs`` that tell the type of a cell."""
CASES = (
    *(PHANTOM, "osmFISH-random", "BZ5-random", "embryo-random"),
    *("C2-random", "A1-random", "Hippo1-random"),
)
TIMES = 10
CLUSTERS, COMPONENTS = 8, 20
MEASURES = ("sliced_wasserstein_percent", "contact_f1")


class Tissue(NamedTuple):
    """What is placed, and what the tissue is in truth."""

    task: Task
    types: np.ndarray
    """(n,) of the query's cells."""

    def judge(self, clouds: list[np.ndarray]) -> dict[str, float]:
        """Both measures of (n, d) places, as means over the clouds."""
        true, unit = self.task.true, diagonal(self.task.reference.obsm[SPATIAL]) / 100
        found = [
            (sliced_wasserstein(true, cloud) / unit, contact_f1(true, cloud, self.types))
            for cloud in clouds
        ]
        return dict(zip(MEASURES, np.mean(found, axis=0), strict=True))


def load(name: str, seed: int) -> Tissue:
    """A case by its name, or a phantom, whose cells are dissociated."""
    if name == PHANTOM:
        phantom = make_phantom(seed)
        task = Task(phantom.reference, phantom.query, phantom.truth.to_numpy())
        return Tissue(task, types_of(phantom.query))
    case = next(case for case in cases() if case.name == name)
    return Tissue(case.load(seed), types_of(case.sections(seed)[1]))


def types_of(cells: ad.AnnData) -> np.ndarray:
    """(n,) what is told of each cell, or its cluster."""
    import scanpy as sc
    from sklearn.cluster import KMeans

    told = [column for column in TYPES if column in cells.obs]
    if told:
        return cells.obs[told[0]].to_numpy(str)
    cells = ad.AnnData(cells.X.astype(np.float32))
    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.pp.log1p(cells)
    sc.pp.pca(cells, n_comps=COMPONENTS)
    return np.asarray(KMeans(CLUSTERS, n_init=10, random_state=0).fit_predict(cells.obsm["X_pca"]))


def ours(tissue: Tissue, seed: int) -> Iterator[Row]:
    """By the default settings, but for the blocks, which place no cells."""
    model = DPVAE(seed=seed, blocks=0).fit(tissue.task.reference)
    placed = model.place(tissue.task.query, draws=TIMES, likeliest=True)
    yield {"method": f"{OURS} estimates"} | tissue.judge([placed.obsm[SPATIAL]])
    yield {"method": f"{OURS} likeliest"} | tissue.judge([placed.obsm[LIKELIEST]])
    yield {"method": f"{OURS} draws"} | tissue.judge(list(placed.obsm[DRAWS].swapaxes(0, 1)))


def by_lot(tissue: Tissue, seed: int) -> Iterator[Row]:
    """As many of the reference's spots as there are cells, the mean over ten lots."""
    rng, spots = np.random.default_rng(seed), tissue.task.reference.obsm[SPATIAL]
    clouds = [rng.choice(spots, tissue.task.query.n_obs) for _ in range(TIMES)]
    yield {"method": "spots by lot"} | tissue.judge(clouds)


def theirs(peer: Peer, tissue: Tissue, seed: int, limit: float) -> Iterator[Row]:
    """Of each of the peer's results, or why there is none."""
    try:
        used, placed = place(peer, tissue.task, seed, limit)
    except NotInstallable as error:
        used, placed = {"reason": str(error)}, {}
    for result, name in peer.results.items():
        measured = tissue.judge([placed[result]]) if placed else {}
        yield {"method": name, "reason": used["reason"]} | measured


def main() -> None:
    names = [PHANTOM, *(case.name for case in cases())]
    peers = {peer.key: peer for peer in PEERS}
    own = {"ours": ours, "lot": by_lot}
    parser = argparse.ArgumentParser(prog="python -m benchmarks.draws", description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=names, default=CASES, metavar="CASE")
    parser.add_argument("--methods", nargs="+", choices=[*own, *peers], default=[*own, *peers])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--limit", type=float, default=600, help="seconds for one run of a peer")
    options = parser.parse_args()
    table = pd.read_csv(RESULTS) if RESULTS.is_file() else pd.DataFrame()
    for seed, name in itertools.product(options.seeds, options.cases):
        tissue = load(name, seed)
        for key in options.methods:
            if key in own:
                found = own[key](tissue, seed)
            else:
                found = theirs(peers[key], tissue, seed, options.limit)
            rows = [{"case": name, "seed": seed} | row for row in found]
            table = with_rows(table, rows)
            table.to_csv(RESULTS, index=False, float_format="%.4g")
            print(pd.DataFrame(rows).to_string(header=False), flush=True)
    print(table.pivot_table(MEASURES, "method", "case", sort=False).round(3).to_string())


if __name__ == "__main__":
    main()
