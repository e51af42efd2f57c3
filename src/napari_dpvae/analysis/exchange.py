"""What cells say to their neighbours: pairs of ligand and receptor, and how much of them meets."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pandas as pd
from scipy import sparse

from napari_dpvae.analysis.contacts import Contacts
from napari_dpvae.errors import DataError

PAIRS = files("napari_dpvae.analysis") / "ligand_receptor_pairs.csv"
"""Well-known human pairs; how they were compiled is said in its first lines."""


def known_pairs(genes: pd.Index, interactions: pd.DataFrame | None = None) -> pd.DataFrame:
    """The pairs whose two genes were measured, as these are written.

    Parameters
    ----------
    genes
        That were measured. Capitals do not matter, so that a mouse's genes are found.
    interactions
        Columns ``ligand`` and ``receptor``, or ``source`` and ``target``; ours if not given.

    Returns
    -------
    pandas.DataFrame
        ``ligand`` and ``receptor``.

    Raises
    ------
    DataError
        When the table has other columns, or none of its pairs was measured.
    """
    if interactions is None:
        with PAIRS.open() as table:
            interactions = pd.read_csv(table, comment="#")
    named = interactions.rename(columns={"source": "ligand", "target": "receptor"})
    sides = ["ligand", "receptor"]
    if not set(sides) <= set(named.columns):
        raise DataError(
            "The table of interactions must have the columns 'ligand' and 'receptor': it has "
            f"{', '.join(map(str, named.columns))}."
        )
    written = {str(gene).upper(): gene for gene in genes}
    pairs = named[sides].apply(lambda side: side.astype(str).str.upper().map(written))
    pairs = pairs.dropna().drop_duplicates(ignore_index=True)
    if pairs.empty:
        raise DataError(
            "No ligand-receptor pair can be tested, as the placed cells lack the genes of all: "
            "check that genes are named by symbols, or give your own table of interactions."
        )
    return pairs


class Exchange:
    """How much of a ligand meets its receptor between neighbouring cells of each two types.

    Parameters
    ----------
    contacts
        Of n cells.
    types
        How many there are.
    """

    def __init__(self, contacts: Contacts, types: int) -> None:
        # Single precision halves the time that hundreds of shuffles take.
        edges = (contacts.nearness.astype(np.float32), (contacts.first, contacts.second))
        self._near = sparse.csr_array(edges, shape=(contacts.cells, contacts.cells))
        self._total = float(contacts.nearness.sum())
        self._types = types

    def mean(self, ligands: np.ndarray, receptors: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """The mean of ligand times receptor over all pairs of neighbours, by their types.

        Parameters
        ----------
        ligands, receptors
            (n, p) expression of each pair's genes.
        codes
            (n,) integer type of each cell.

        Returns
        -------
        numpy.ndarray
            (from, to, p): a sum over the pairs of two types, as a share of all pairs.
        """
        n = len(codes)
        met = np.zeros((self._types, self._types, ligands.shape[1]))
        senders = sparse.csr_array(
            (np.ones(n, np.float32), (codes, np.arange(n))), shape=(self._types, n)
        )
        for target in range(self._types):
            there = np.flatnonzero(codes == target)
            # The graph is symmetric: its rows are its columns.
            met[:, target] = senders @ (ligands * (self._near[there].T @ receptors[there]))
        return met / self._total
