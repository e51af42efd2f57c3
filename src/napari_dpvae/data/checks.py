"""The checks at the door: each failure is one sentence that says what to do."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.errors import DataError

FEWEST_SPOTS = 10


def check_reference(reference: ad.AnnData, section_key: str | None = None) -> None:
    """Refuse what cannot be a reference.

    Parameters
    ----------
    reference
        Spots by genes, coordinates in ``obsm["spatial"]``.
    section_key
        Column of ``obs`` with the section of each spot, when there are several.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    what = "The reference"
    if SPATIAL not in reference.obsm:
        hint = ""
        if SPATIAL in reference.varm:
            hint = " (varm has them: it looks transposed, save reference.T instead)"
        raise DataError(f"{what} has no coordinates: put them in obsm['{SPATIAL}']{hint}.")
    _check_coordinates(np.asarray(reference.obsm[SPATIAL]), what)
    if reference.n_obs < FEWEST_SPOTS:
        raise DataError(
            f"{what} has {reference.n_obs} spots and at least {FEWEST_SPOTS} are needed: "
            "spots must be rows and genes columns."
        )
    check_expression(reference, what)
    if section_key is not None and section_key not in reference.obs:
        columns = ", ".join(reference.obs.columns) or "none"
        raise DataError(f"{what} has no obs column '{section_key}': it has {columns}.")


def check_query(query: ad.AnnData) -> None:
    """Refuse what cannot be a query; its coordinates, if any, are not looked at.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    if query.n_obs == 0:
        raise DataError("The query has no cells.")
    check_expression(query, "The query")


def known_coordinates(query: ad.AnnData, key: str | None, dims: int) -> np.ndarray:
    """The places of a query that are known beforehand, (n, dims); NaN where they are not.

    None is known without a key.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    if key is None:
        return np.full((query.n_obs, dims), np.nan)
    where = f"obsm['{key}']"
    if key not in query.obsm:
        there = ", ".join(query.obsm) or "nothing"
        raise DataError(f"The query has no {where} with known places: obsm has {there}.")
    known = np.asarray(query.obsm[key])
    if not np.issubdtype(known.dtype, np.number) or known.shape != (query.n_obs, dims):
        raise DataError(
            f"The query's {where} must hold {dims} numbers for each cell, like the reference's "
            "coordinates; NaN where the place is not known."
        )
    if not np.isfinite(known).all(axis=1).any():
        raise DataError(f"The query's {where} has no known place: use the mode anchored.")
    return known.astype(float)


def check_expression(cells: ad.AnnData, what: str) -> None:
    """Refuse expression that is not there, not finite, or has names that are not unique.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    if cells.X is None or cells.n_vars == 0:
        raise DataError(f"{what} has no expression in X: name the layer that holds the counts.")
    for names, kind, fix in (
        (cells.var_names, "gene", "var_names_make_unique()"),
        (cells.obs_names, "cell", "obs_names_make_unique()"),
    ):
        if not names.is_unique:
            twice = names[names.duplicated()][0]
            raise DataError(
                f"{what} has the {kind} name '{twice}' more than once: call {fix} on it first."
            )
    _check_gene_names(cells.var_names, what)
    values = cells.X.data if sparse.issparse(cells.X) else np.asarray(cells.X)
    if not np.issubdtype(values.dtype, np.number):
        raise DataError(f"{what} has values in X that are not numbers.")
    bad = np.count_nonzero(~np.isfinite(values))
    if bad:
        raise DataError(f"{what} has {bad} values in X that are not finite: replace or drop them.")
    if not values.any():
        raise DataError(f"{what} has only zeros in X: name the layer that holds the counts.")


def _check_gene_names(names: pd.Index, what: str) -> None:
    if list(names[:3]) == ["0", "1", "2"]:
        raise DataError(
            f"{what} has numbers (0, 1, 2, …) for gene names: put the gene names in var_names."
        )


def _check_coordinates(coordinates: np.ndarray, what: str) -> None:
    where = f"obsm['{SPATIAL}']"
    if coordinates.ndim != 2 or coordinates.shape[1] not in (2, 3):
        raise DataError(
            f"{what} has {where} of shape {coordinates.shape}: it must have 2 or 3 columns."
        )
    if not np.issubdtype(coordinates.dtype, np.number):
        raise DataError(f"{what} has coordinates in {where} that are not numbers.")
    bad = int((~np.isfinite(coordinates)).any(axis=1).sum())
    if bad:
        raise DataError(
            f"{what} has {bad} spots whose coordinates in {where} are not finite: drop those spots."
        )
    if np.ptp(coordinates, axis=0).max() == 0:
        raise DataError(f"{what} has all spots at the same coordinates in {where}.")
