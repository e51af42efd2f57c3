"""Run one method: ``python -m benchmarks.peers.methods MODULE:FUNCTION FOLDER SEED``.

The folder holds ``reference.h5ad`` and ``query.h5ad``; each result is written there as ``.npy``.
"""

import importlib
import sys
from pathlib import Path

import numpy as np

from benchmarks.peers.methods.inputs import read_inputs

module, function = sys.argv[1].split(":")
folder, seed = Path(sys.argv[2]), int(sys.argv[3])
place = getattr(importlib.import_module(f"benchmarks.peers.methods.{module}"), function)
for name, coordinates in place(read_inputs(folder, seed)).items():
    np.save(folder / f"{name}.npy", coordinates)
