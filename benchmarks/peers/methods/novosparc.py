"""novoSpaRc (Nitzan et al. 2019), with the reference as its atlas."""

from __future__ import annotations

import novosparc  # type: ignore[import-not-found]
import numpy as np

from benchmarks.peers.methods.inputs import Inputs
from benchmarks.peers.methods.plan import read_plan

ALPHA = 0.8
"""Weight of the atlas, and ``EPSILON`` of the entropy, as in novoSpaRc's embryo tutorial."""
EPSILON = 5e-3


def place(inputs: Inputs) -> dict[str, np.ndarray]:
    inputs = inputs.variable()
    tissue = novosparc.cm.Tissue(dataset=inputs.query, locations=inputs.coordinates)
    tissue.setup_reconstruction(
        markers_to_use=np.arange(inputs.query.n_vars), atlas_matrix=inputs.reference.X
    )
    tissue.reconstruct(alpha_linear=ALPHA, epsilon=EPSILON)
    return read_plan(tissue.gw, inputs.coordinates)
