"""``python -m benchmarks.experiments``: the paper's three experiments, beside the vanilla VAE.

In-sample, out-of-sample (random spots, a block) and transfer (zero-shot and fine-tuned), over
seeds. On the paper's Visium sections, which squidpy downloads, or with ``--here`` on the sections
in the data folder. Writes ``benchmarks/results/experiments.csv``; a section that cannot be
downloaded has a row that says why.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import anndata as ad
import pandas as pd

from benchmarks.cases import DATA, PAIRS, SECTIONS
from napari_dpvae import TrainingSettings, evaluate, read_reference
from napari_dpvae.evaluation.hold_out import Split

VISIUM = (
    "V1_Breast_Cancer_Block_A_Section_1",
    "V1_Breast_Cancer_Block_A_Section_2",
    "V1_Human_Heart",
    "V1_Human_Lymph_Node",
    "V1_Mouse_Kidney",
    "V1_Adult_Mouse_Brain",
    "V1_Mouse_Brain_Sagittal_Posterior",
    "V1_Mouse_Brain_Sagittal_Posterior_Section_2",
    "V1_Mouse_Brain_Sagittal_Anterior",
    "V1_Mouse_Brain_Sagittal_Anterior_Section_2",
    "V1_Human_Brain_Section_1",
    "V1_Human_Brain_Section_2",
    "V1_Adult_Mouse_Brain_Coronal_Section_1",
    "V1_Adult_Mouse_Brain_Coronal_Section_2",
    "Targeted_Visium_Human_Cerebellum_Neuroscience",
    "Parent_Visium_Human_Cerebellum",
    "Targeted_Visium_Human_SpinalCord_Neuroscience",
    "Parent_Visium_Human_SpinalCord",
    "Targeted_Visium_Human_Glioblastoma_Pan_Cancer",
    "Parent_Visium_Human_Glioblastoma",
    "Targeted_Visium_Human_BreastCancer_Immunology",
    "Parent_Visium_Human_BreastCancer",
    "Targeted_Visium_Human_OvarianCancer_Pan_Cancer",
    "Targeted_Visium_Human_OvarianCancer_Immunology",
    "Parent_Visium_Human_OvarianCancer",
    "Targeted_Visium_Human_ColorectalCancer_GeneSignature",
    "Parent_Visium_Human_ColorectalCancer",
)
"""The 27 public Visium sections."""
VISIUM_PAIRS = tuple(
    (name.replace("_Section_2", first), name)
    for name, first in (
        ("V1_Breast_Cancer_Block_A_Section_2", "_Section_1"),
        ("V1_Mouse_Brain_Sagittal_Posterior_Section_2", ""),
        ("V1_Mouse_Brain_Sagittal_Anterior_Section_2", ""),
        ("V1_Human_Brain_Section_2", "_Section_1"),
        ("V1_Adult_Mouse_Brain_Coronal_Section_2", "_Section_1"),
    )
)
SPLITS: tuple[Split, ...] = ("none", "random", "block")
TABLE = Path(__file__).parent / "results" / "experiments.csv"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experiments")
    parser.add_argument("--here", action="store_true", help="on the data folder's sections")
    parser.add_argument("--seeds", type=int, default=3, help="so many runs")
    parser.add_argument("--sections", nargs="+", help="some of them alone", metavar="SECTION")
    options = parser.parse_args()
    names, pairs, load = (
        (tuple(SECTIONS), PAIRS, _read) if options.here else (VISIUM, VISIUM_PAIRS, _download)
    )
    names = tuple(options.sections or names)
    tables = []
    for table in run(names, pairs, load, options.seeds):
        tables.append(table)
        pd.concat(tables).to_csv(TABLE, index=False, float_format="%.5g")
        print(table.to_string(index=False, max_cols=8), flush=True)


def run(
    names: tuple[str, ...],
    pairs: tuple[tuple[str, str], ...],
    load: Callable[[str], ad.AnnData],
    seeds: int,
) -> Iterator[pd.DataFrame]:
    """A table for each section and split, and for each pair of sections."""
    settings = TrainingSettings()
    for name in names:
        try:
            reference = load(name)
        except (OSError, ExceptionGroup) as error:
            yield pd.DataFrame([{"section": name, "reason": f"{type(error).__name__}: {error}"}])
            continue
        for split in SPLITS:
            table = evaluate(settings, reference, split=split, seeds=seeds)
            yield table.assign(section=name, experiment=split)
        for query in (second for first, second in pairs if first == name):
            table = evaluate(settings, reference, load(query), seeds=seeds, fine_tune=True)
            yield table.assign(section=name, experiment=f"transfer to {query}")


def _read(name: str) -> ad.AnnData:
    return read_reference(DATA / f"{SECTIONS[name]}.h5ad")


def _download(name: str) -> ad.AnnData:
    import squidpy as sq

    section = sq.datasets.visium(name, include_hires_tiff=False)
    section.var_names_make_unique()
    return section


if __name__ == "__main__":
    main()
