"""``python -m benchmarks.foretold``: is certainty foretold before training as it is after it.

For each section the errors that ``check`` foretells, beside those of random parts held out that
``benchmarks.quality`` measured (``results/quality.csv``). Writes ``results/foretold.csv``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.cases import DATA, SECTIONS
from napari_dpvae import read_reference
from napari_dpvae.analysis.prospect import shares_of_diagonal

RESULTS = Path(__file__).parent / "results"
MEASURED = ["median_error_percent", "p90_error_percent"]


def main() -> None:
    measured = pd.read_csv(RESULTS / "quality.csv").query("method == 'dp-VAE'")
    means = measured.groupby("case")[MEASURED].mean()
    rows = []
    for section, file in SECTIONS.items():
        errors = 100 * shares_of_diagonal(read_reference(DATA / f"{file}.h5ad"))
        foretold = np.quantile(errors, [0.5, 0.9])
        rows.append((section, *foretold, *means.loc[f"{section}-random"]))
    columns = ["section", "foretold_median_percent", "foretold_p90_percent", *MEASURED]
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv(RESULTS / "foretold.csv", index=False, float_format="%.4g")
    print(table.to_string())
    print(table.corr("spearman", numeric_only=True).to_string())
    ratio = table[MEASURED[0]] / table["foretold_median_percent"]
    print(f"trained over foretold: {ratio.min():.2f} to {ratio.max():.2f}, {ratio.median():.2f}")


if __name__ == "__main__":
    main()
