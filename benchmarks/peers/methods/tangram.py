"""Tangram (Biancalani et al. 2021), cell to spot, with its own defaults."""

from __future__ import annotations

import numpy as np
import tangram  # type: ignore[import-not-found]
import torch
from scipy.sparse import csr_matrix

from benchmarks.peers.methods.inputs import Inputs
from benchmarks.peers.methods.plan import read_plan


def place(inputs: Inputs) -> dict[str, np.ndarray]:
    torch.set_num_threads(1)
    inputs = inputs.variable()
    cells, spots = inputs.query, inputs.reference
    for part in (cells, spots):
        # Tangram's tutorial takes normalised counts, not their logarithms.
        part.X = csr_matrix(np.expm1(part.X) if inputs.logged else part.X)
    tangram.pp_adatas(cells, spots, gene_to_lowercase=False)
    # A random_state of 0 counts as none.
    mapped = tangram.map_cells_to_space(cells, spots, random_state=inputs.seed + 1, verbose=False)
    return read_plan(np.asarray(mapped.X), inputs.coordinates)
