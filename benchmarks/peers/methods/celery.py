"""CeLEry (Zhang et al. 2023), with its own defaults; two dimensions alone.

It gets all shared genes, not standardised: in a trial on one section pair (C2-C3) that suited it
better than the variable genes or standard scores.
"""

from __future__ import annotations

from tempfile import TemporaryDirectory

import CeLEry  # type: ignore[import-not-found]
import numpy as np
import pandas as pd
import torch

from benchmarks.peers.methods.inputs import Inputs


def place(inputs: Inputs) -> dict[str, np.ndarray]:
    if inputs.coordinates.shape[1] != 2:
        raise ValueError("CeLEry places in two dimensions alone")
    torch.set_num_threads(1)
    places = pd.DataFrame(inputs.coordinates)
    with TemporaryDirectory() as folder:
        CeLEry.Fit_cord(
            inputs.reference, places, path=folder, num_workers=0, seednum=2021 + inputs.seed
        )
        unit_square = CeLEry.Predict_cord(inputs.query, path=folder)
    low, high = inputs.coordinates.min(axis=0) - 1, inputs.coordinates.max(axis=0) + 1
    return {"coordinates": low + unit_square * (high - low)}
