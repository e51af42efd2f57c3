"""moscot (Klein et al. 2025), its mapping problem with its own defaults."""

from __future__ import annotations

import numpy as np
import scanpy as sc
from moscot.problems.space import MappingProblem  # type: ignore[import-not-found]

from benchmarks.peers.methods.inputs import Inputs
from benchmarks.peers.methods.plan import read_plan

COMPONENTS = 30


def place(inputs: Inputs) -> dict[str, np.ndarray]:
    inputs = inputs.variable()
    cells, spots = inputs.query, inputs.reference
    sc.pp.pca(cells, n_comps=min(COMPONENTS, min(cells.shape) - 1))
    problem = MappingProblem(cells, spots)
    problem = problem.prepare(
        sc_attr={"attr": "obsm", "key": "X_pca"},
        xy_callback="local-pca",
        xy_callback_kwargs={"n_comps": COMPONENTS},
    )
    solution = next(iter(problem.solve().solutions.values()))
    return read_plan(np.asarray(solution.transport_matrix).T, inputs.coordinates)
