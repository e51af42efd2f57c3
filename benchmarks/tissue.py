"""A tissue that is made up: spots with smooth expression, and cells from it, as files."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

SIDE = 100.0
SPOT_DEPTH, CELL_DEPTH, SHALLOW_DEPTH = 3000, 1500, 300
"""Molecules of a spot; of a cell; and of a cell of another platform, which makes a gap."""
DISTINCT = 20_000
"""Cells that are drawn: more are repetitions of them, as drawing takes longer than placing."""


class Tissue:
    """Expression as a function of place.

    Parameters
    ----------
    n_genes
        All of them vary.
    """

    def __init__(self, n_genes: int = 2000) -> None:
        self._rng = np.random.default_rng(0)
        self._loadings = self._rng.normal(scale=0.6, size=(6, n_genes))
        self._base = self._rng.gamma(0.5, 0.3, n_genes)

    def write_reference(self, path: Path, n_spots: int) -> Path:
        """An ``.h5ad`` with spots and their places."""
        places = self._rng.uniform(0, SIDE, (n_spots, 2))
        spots = self._cells(places, SPOT_DEPTH)
        spots.obsm["spatial"] = places
        spots.write_h5ad(path)
        return path

    def write_query(self, path: Path, n_cells: int, *, gap: bool = False) -> Path:
        """An ``.h5ad`` with cells, written in parts: it need not fit into memory."""
        places = self._rng.uniform(0, SIDE, (min(n_cells, DISTINCT), 2))
        cells = self._cells(places, SHALLOW_DEPTH if gap else CELL_DEPTH)
        cells.write_h5ad(path)
        with h5py.File(path, "r+") as file:
            x = ad.io.sparse_dataset(file["X"])
            for start in range(DISTINCT, n_cells, DISTINCT):
                x.append(cells.X[: n_cells - start])
            names = pd.Index(np.arange(n_cells).astype(str))
            ad.io.write_elem(file, "obs", pd.DataFrame(index=names))
        return path

    def _cells(self, places: np.ndarray, depth: int) -> ad.AnnData:
        """Counts at places (n, 2) whose mean depth is given."""
        parts = []
        for part in np.array_split(places, -(-len(places) // 2000)):
            expected = self._base * np.exp(_waves(part) @ self._loadings)
            expected *= depth / expected.sum(axis=1, keepdims=True)
            parts.append(sparse.csr_matrix(self._rng.poisson(expected), dtype=np.float32))
        cells = ad.AnnData(sparse.csr_matrix(sparse.vstack(parts)))
        cells.var_names = [f"gene{i}" for i in range(cells.n_vars)]
        return cells


def _waves(places: np.ndarray) -> np.ndarray:
    """(n, 6) smooth functions of place."""
    x, y = places.T
    waves = [np.sin(x / 15), np.cos(y / 20), np.sin((x + y) / 25), np.cos(x / 9), x / 50, y / 50]
    return np.stack(waves, axis=1)
