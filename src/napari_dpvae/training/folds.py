"""Which spots are held out of which network."""

from __future__ import annotations

import numpy as np

from napari_dpvae.geometry.grid import on_grid

BLOCKS = 5
"""Contiguous parts of the frame, one of which is held out at a time."""


def make_folds(sections: np.ndarray, k: int, seed: int) -> np.ndarray:
    """(n,) the fold, 0 to k - 1, of each spot: random, and even within every section.

    Spots whose section is not known (a code below 0) are dealt out together.
    """
    rng = np.random.default_rng(seed)
    folds, codes = np.zeros(len(sections), int), np.maximum(sections, -1)
    for section in np.unique(codes):
        members = rng.permutation(np.flatnonzero(codes == section))
        folds[members] = np.arange(len(members)) % k
    return folds


def make_blocks(coordinates: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """(n,) which of five contiguous blocks each spot of the frame is in; -1 for other spots.

    -1 for all where blocks would be of a spot or two.

    Parameters
    ----------
    coordinates
        (n, 2 or 3).
    frame
        (n,) bool.
    """
    blocks = np.full(len(coordinates), -1)
    if frame.sum() >= 2 * BLOCKS:
        from sklearn.cluster import KMeans

        places = on_grid(coordinates[frame])
        blocks[frame] = KMeans(BLOCKS, n_init=1, random_state=0).fit_predict(places)
    return blocks
