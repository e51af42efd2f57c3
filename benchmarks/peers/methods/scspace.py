"""scSpace (Qian et al. 2023), as ``flexscspace`` keeps it (``v0``), with its own defaults.

It takes the genes that are variable in both, as its own preparation does. Places are standardised
for it, and brought back: its network would not reach pixels in its number of epochs. It cannot do
with what expresses none of these genes: such spots are left out, and such cells in the middle.
"""

from __future__ import annotations

import numpy as np
import torch
from flexscspace.v0.scspace import construct_pseudo_space  # type: ignore[import-not-found]
from sklearn.preprocessing import StandardScaler

from benchmarks.peers.methods.inputs import Inputs

COMPONENTS = 50


def place(inputs: Inputs) -> dict[str, np.ndarray]:
    torch.set_num_threads(1)
    torch.manual_seed(inputs.seed)
    inputs = inputs.variable_in_both()
    scaler = StandardScaler()
    inputs.reference.obsm["spatial"] = scaler.fit_transform(inputs.coordinates)
    expressed, seen = (part.X.any(axis=1) for part in (inputs.query, inputs.reference))
    cells, spots = inputs.query[expressed].copy(), inputs.reference[seen].copy()
    construct_pseudo_space(
        cells,
        spots,
        dim=min(COMPONENTS, spots.n_vars),
        common_size=inputs.coordinates.shape[1],
    )
    places = np.zeros((len(expressed), inputs.coordinates.shape[1]))
    places[expressed] = cells.obsm["pseudo_space"]
    return {"coordinates": scaler.inverse_transform(places)}
