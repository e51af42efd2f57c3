"""TACCO (Mages et al. 2023): each spot is an annotation of its own, mapped by optimal transport."""

from __future__ import annotations

import anndata as ad
import numpy as np
import tacco  # type: ignore[import-not-found]

from benchmarks.peers.methods.inputs import COUNTS, Inputs
from benchmarks.peers.methods.plan import read_plan


def place(inputs: Inputs) -> dict[str, np.ndarray]:
    cells, spots = (_counts(part) for part in (inputs.query, inputs.reference))
    spots.obs["spot"] = spots.obs_names.to_numpy(str)
    found = tacco.tl.annotate(cells, spots, annotation_key="spot", method="OT", verbose=0)
    # Cells without counts are left out of what is returned.
    found = found.reindex(index=cells.obs_names, columns=spots.obs_names).fillna(0)
    return read_plan(found.to_numpy(float), inputs.coordinates)


def _counts(part: ad.AnnData) -> ad.AnnData:
    """TACCO takes counts of all genes, and normalises them itself."""
    return ad.AnnData(part.layers[COUNTS], obs=part.obs[[]].copy(), var=part.var[[]].copy())
