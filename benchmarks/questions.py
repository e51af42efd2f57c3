"""``python -m benchmarks.questions``: whether answers about types are those of the true places.

What is told of types that are neighbours, occur together and signal to each other, at the estimates
of the cells' places, at their likeliest spots, and in the mean over ten draws, each beside what is
told at the true places: Spearman's correlation over the rows of the answers. Signals are those of
thirty pairs by lot of the genes that are expressed most, as most panels hold few known pairs. The
cases and types are those of :mod:`benchmarks.draws`. Writes ``benchmarks/results/questions.csv``,
and prints the means over the seeds.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd

from benchmarks.cases import cases
from benchmarks.draws import CASES, PHANTOM, Tissue, load
from napari_dpvae import DPVAE
from napari_dpvae.analysis.over_draws import at_places
from napari_dpvae.analysis.types import co_occurrence, neighbourhoods, signals
from napari_dpvae.data.keys import DRAWS, LIKELIEST, STATUS
from napari_dpvae.steps import drain

RESULTS = Path(__file__).parent / "results" / "questions.csv"
TIMES = 10
PAIRS, MOST_EXPRESSED = 30, 200


def main() -> None:
    names = [PHANTOM, *(case.name for case in cases())]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.questions", description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=names, default=CASES, metavar="CASE")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    for seed, name in itertools.product(options.seeds, options.cases):
        for row in told(load(name, seed), seed):
            rows.append({"case": name, "seed": seed} | row)
            print(rows[-1], flush=True)
        pd.DataFrame(rows).to_csv(RESULTS, index=False, float_format="%.4g")
    table = pd.DataFrame(rows).pivot_table("spearman", ["question", "case"], "places", sort=False)
    print(table.round(3).to_string())


def told(tissue: Tissue, seed: int) -> Iterator[dict[str, object]]:
    """Of each question and kind of places, how its answer goes with that at the true places."""
    model = DPVAE(seed=seed, blocks=0).fit(tissue.task.reference)
    placed = model.place(tissue.task.query, draws=TIMES, likeliest=True)
    placed.obs["type"] = pd.Categorical(tissue.types)
    placed.obs[STATUS] = "placed"
    kinds = {
        "estimates": [placed],
        "likeliest": [at_places(placed, placed.obsm[LIKELIEST])],
        "draws": [at_places(placed, places) for places in placed.obsm[DRAWS].swapaxes(0, 1)],
    }
    for name, ask in asked(placed, seed).items():
        true = ask(at_places(placed, tissue.task.true))
        for kind, each in kinds.items():
            found = pd.concat([ask(cells).reindex(true.index).fillna(0) for cells in each], axis=1)
            spearman = true.corr(found.mean(axis=1), "spearman")
            yield {"question": name, "places": kind, "spearman": spearman}


def asked(placed: ad.AnnData, seed: int) -> dict[str, Callable[[ad.AnnData], pd.Series]]:
    """The questions, and the value that each gives a row."""
    rng, expressed = np.random.default_rng(seed), np.asarray(placed.X.mean(axis=0)).ravel()
    genes = placed.var_names[np.argsort(-expressed)[:MOST_EXPRESSED]]
    pairs = pd.DataFrame({side: rng.choice(genes, PAIRS) for side in ("ligand", "receptor")})

    def neighbour(cells: ad.AnnData) -> pd.Series:
        return drain(neighbourhoods(cells, "type")).set_index(["type", "beside"])["z"]

    def together(cells: ad.AnnData) -> pd.Series:
        table = drain(co_occurrence(cells, "type"))
        # By step: distances are shares of how far the cells reach.
        table["step"] = table.groupby(["type", "near"]).cumcount()
        return table.set_index(["type", "near", "step"])["ratio"]

    def signal(cells: ad.AnnData) -> pd.Series:
        table = drain(signals(cells, "type", pairs.drop_duplicates()))
        return table.set_index(["ligand", "receptor", "from", "to"])["mean"]

    return {"neighbours": neighbour, "together": together, "signals": signal}


if __name__ == "__main__":
    main()
