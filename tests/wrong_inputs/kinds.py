"""Kinds of wrong input by name, and the sentence that each gets."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae import DPVAE, DataError, TrainingSettings, make_phantom
from napari_dpvae.data.phantom import Phantom

Wrong = Callable[[Path], object]
"""Makes the input in a folder, and gives it; what it returns, if not None, is what was said."""
FILES, CELLS, SETTINGS, COMMANDS = (
    "Files",
    "Cells, spots and places in memory",
    "Settings and arguments",
    "The command line",
)
REASONS = "asks for|whole image|whole TIFF|save it again|should be"
"""What the reason of a library stands behind, in brackets."""
WRONG: dict[str, dict[str, Wrong]] = {name: {} for name in (FILES, CELLS, SETTINGS, COMMANDS)}
"""By section of the page."""


def add(section: str, words: str, make: Wrong) -> None:
    """Add a kind of wrong input by its name."""
    if words in WRONG[section]:
        raise ValueError(f"{words} is there already")
    WRONG[section][words] = make


def wrong(section: str, words: str) -> Callable[[Wrong], Wrong]:
    """Add what is decorated as :func:`add` does."""

    def take(make: Wrong) -> Wrong:
        add(section, words, make)
        return make

    return take


@cache
def sentence(section: str, words: str) -> str:
    """What is said of a kind of wrong input; folders are left out of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            said = WRONG[section][words](folder)
        except DataError as error:
            said = str(error)
        if not isinstance(said, str):
            raise AssertionError(f"{words}: it was taken")
        return plain(said, folder)


def plain(said: str, folder: Path) -> str:
    """Without what differs from run to run."""
    said = said.replace(f"{folder}/", "").replace(str(folder), "FOLDER")
    said = re.sub(r"0x[0-9a-f]+", "0x…", said)
    said = re.sub(r"(\w)\1{20,}", r"\1…", said)
    # The words of libraries differ from version to version.
    said = re.sub(rf"({REASONS}) \(.*\)(?=[:.])", r"\1 (…)", said)
    return re.sub(r"\(choose from .*\)", lambda found: found[0].replace("'", ""), said)


def tissue() -> ad.AnnData:
    """A reference of 60 spots and 40 genes."""
    rng = np.random.default_rng(0)
    places = np.stack(np.meshgrid(np.arange(10.0), np.arange(6.0)), -1).reshape(-1, 2) * 100
    rates = np.exp(1 + places @ rng.normal(0, 0.002, (2, 40)))
    cells = ad.AnnData(sparse.csr_matrix(rng.poisson(rates).astype(np.float32)))
    cells.obs_names = [f"spot{i}" for i in range(60)]
    cells.var_names = [f"Gene{i}" for i in range(40)]
    cells.obsm["spatial"] = places
    return cells


@cache
def phantom() -> Phantom:
    """What the kinds of ``tests/hostile`` are changes of; copy before changing."""
    return make_phantom(n_cells=120)


@cache
def model() -> DPVAE:
    """Trained on the tissue."""
    quick = TrainingSettings(
        epochs=1, genes=20, wide_genes=0, hidden=8, members=2, checks=0, blocks=0
    )
    return DPVAE(quick).fit(tissue())
