"""How the spots of a reference belong together: sections, the frame, pairs given by the user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae.data.checks import FEWEST_SPOTS
from napari_dpvae.data.images import libraries
from napari_dpvae.errors import DataError

LEAST_WEIGHT = 1e-12
"""Of the largest: pairs of less weight say nothing."""


@dataclass(frozen=True)
class Layout:
    """What a reference says of its spots beside expression and coordinates.

    Attributes
    ----------
    sections
        (n,) integer code of each spot's section; one of its own where it is not known.
    frame
        Code of the section that cells are placed in.
    pairs
        (n, n) weights of the pairs whose distance is preserved; None to find them by a mask.
    image
        The one library of ``uns["spatial"]`` that shows the frame; empty if none does.
    section_key, frame_name
        Column of ``obs`` and the frame's name in it; None where there is one section only.
    """

    sections: np.ndarray
    frame: int
    pairs: sparse.csr_array | None
    image: dict[str, Any]
    section_key: str | None = None
    frame_name: str | None = None

    @classmethod
    def read(
        cls,
        reference: ad.AnnData,
        section_key: str | None = None,
        frame: str = "",
        pairs_key: str = "",
    ) -> Layout:
        """From a reference that was checked.

        Parameters
        ----------
        reference
            Spots by genes.
        section_key
            Column of ``obs`` with the section of each spot; one section if not given.
        frame
            The section that cells are placed in; the one with most spots if empty.
        pairs_key
            Entry of ``obsp`` with the weights of pairs; none are given if empty.

        Raises
        ------
        DataError
            When there is no such section, or no such entry.
        """
        pairs = _given_pairs(reference, pairs_key) if pairs_key else None
        images: dict[str, Any] = dict(libraries(reference))
        if section_key is None:
            if frame:
                raise DataError(f"The frame '{frame}' needs the obs column that names sections.")
            return cls(np.zeros(reference.n_obs, int), 0, pairs, images)
        column = reference.obs[section_key].astype("category")
        codes = column.cat.codes.to_numpy().astype(int)
        names = column.cat.categories.astype(str)
        chosen = str(frame) or names[np.bincount(codes[codes >= 0]).argmax()]
        if chosen not in names:
            raise DataError(f"The reference has no section '{chosen}': it has {', '.join(names)}.")
        spots = int((codes == names.get_loc(chosen)).sum())
        if spots < FEWEST_SPOTS:
            raise DataError(
                f"The frame '{chosen}' has {spots} spots and at least {FEWEST_SPOTS} are needed: "
                "choose a larger section."
            )
        # A spot whose section is not known has a distance to none, nor to others like it.
        codes = np.where(codes < 0, -1 - np.arange(len(codes)), codes)
        if len(images) > 1:
            images = {name: image for name, image in images.items() if name == chosen}
        return cls(codes, names.get_loc(chosen), pairs, images, section_key, chosen)


def _given_pairs(reference: ad.AnnData, key: str) -> sparse.csr_array:
    if key not in reference.obsp:
        there = ", ".join(reference.obsp) or "nothing"
        raise DataError(f"The reference has no obsp['{key}'] with pairs: obsp has {there}.")
    found = reference.obsp[key]
    if found.dtype.kind not in "biuf":
        raise DataError(f"The weights of pairs in obsp['{key}'] are not numbers: write numbers.")
    pairs = sparse.coo_array(found, dtype=np.float64)
    weights = np.where(pairs.row != pairs.col, pairs.data, 0.0)
    if not np.isfinite(weights).all() or (weights < 0).any() or not (weights > 0).any():
        raise DataError(
            f"The weights of pairs in obsp['{key}'] must be finite and not negative, and some "
            "of two spots must be more than 0."
        )
    # Only their ratios matter; the least must not vanish in single precision.
    weights /= weights.max()
    weights[weights < LEAST_WEIGHT] = 0.0
    given = sparse.csr_array((weights, (pairs.row, pairs.col)), pairs.shape, dtype=np.float32)
    given.eliminate_zeros()
    return given
