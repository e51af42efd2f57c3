"""The cases every method is measured on: parts held out of a section, and section to section."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.read import read_reference
from napari_dpvae.evaluation.hold_out import SpotSplit, split_spots

DATA = Path(os.environ.get("DPVAE_DATA", Path(__file__).parents[2] / "shared" / "data"))

SECTIONS = {
    "C2": "breast_her2st_C2",
    "C3": "breast_her2st_C3",
    "C4": "breast_her2st_C4",
    "A1": "breast_her2st_A1",
    "A2": "breast_her2st_A2",
    "layer1": "breast_ST_layer1",
    "layer2": "breast_ST_layer2",
    "Hippo1": "brain_ST2k_Hippo1",
    "Hippo2": "brain_ST2k_Hippo2",
    "MOB1": "mob_ST2k_MOB1",
    "MOB2": "mob_ST2k_MOB2",
    "BZ5": "mpfc_STARmap_BZ5",
    "BZ9": "mpfc_STARmap_BZ9",
    "dentate": "brain_Visium_DG_mini",
    "melanoma": "melanoma_ST",
    "prostate": "prostate_Visium_NP",
    "Rep11": "mob_ST_Rep11",
    "lymphnode": "lymphnode_Visium",
    "embryo": "drosophila_embryo_BDTNP3D",
    "DLPFC": "dlpfc_Visium_151510",
    "osmFISH": "cortex_osmFISH",
}
"""Short name of each section and its file."""

PAIRS = (
    ("C2", "C3"),
    ("C2", "C4"),
    ("A1", "A2"),
    ("layer1", "layer2"),
    ("Hippo1", "Hippo2"),
    ("MOB1", "MOB2"),
    ("BZ5", "BZ9"),
)
"""Reference and query of the transfers from section to section."""

SPLITS: tuple[SpotSplit, ...] = ("random", "block")


class Task(NamedTuple):
    """What a method gets, and the truth it is measured against."""

    reference: ad.AnnData
    query: ad.AnnData
    """Expression alone: neither coordinates nor names that could tell them."""
    true: np.ndarray
    """(n, d) coordinates of the query."""


@dataclass(frozen=True)
class Case:
    """A reference with a query whose places are known: another section, or a part held out."""

    name: str
    reference: str
    query: str | None = None
    split: SpotSplit | None = None

    @property
    def files(self) -> list[Path]:
        """The files it is made from."""
        return [DATA / f"{SECTIONS[s]}.h5ad" for s in (self.reference, self.query) if s]

    def load(self, seed: int = 0) -> Task:
        """Its data; the seed decides which spots are held out, and nothing between sections."""
        reference, query = self.sections(seed)
        return Task(reference, _expression(query), _coordinates(query))

    def sections(self, seed: int = 0) -> tuple[ad.AnnData, ad.AnnData]:
        """Reference and query with all that their files tell, which methods must not see."""
        sections = [read_reference(file) for file in self.files]
        if self.split is None:
            return sections[0], sections[1]
        held_out = split_spots(_coordinates(sections[0]), self.split, seed)
        return sections[0][~held_out].copy(), sections[0][held_out]


def cases() -> list[Case]:
    """Every case whose files are in the data folder (``DPVAE_DATA``), the pairs first."""
    pairs = [Case(f"{a}-{b}", a, query=b) for a, b in PAIRS]
    held_out = [Case(f"{s}-{split}", s, split=split) for s in SECTIONS for split in SPLITS]
    return [case for case in pairs + held_out if all(file.is_file() for file in case.files)]


def _coordinates(section: ad.AnnData) -> np.ndarray:
    return np.asarray(section.obsm[SPATIAL], float)


def _expression(section: ad.AnnData) -> ad.AnnData:
    query = ad.AnnData(section.X.copy())
    query.var_names = section.var_names
    query.obs_names = [f"cell{i}" for i in range(section.n_obs)]
    return query
