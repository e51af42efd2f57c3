"""The checks at the door: each failure is one sentence that says what to do."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.coordinates import LARGEST_COORDINATE, place_hint
from napari_dpvae.data.keys import LIKENESS, RADIUS, RADIUS_WIDE, SPATIAL
from napari_dpvae.data.structure import check_matrices, check_values
from napari_dpvae.errors import DataError

FEWEST_SPOTS = 10
LONGEST_NAME = 1000
"""Characters of a gene's name: arrays of names have room for the longest in each place."""
MOST_SECTIONS_SHARE = 0.5
"""Share of spots that are sections of their own in a column that names no sections."""
SMALLEST_EXTENT = 1e-6
"""Below it, squares of coordinates lose their digits."""


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
    _check_is_anndata(reference, what)
    if reference.n_obs == 0:
        raise DataError(f"{what} has 0 spots: check how it was filtered.")
    if SPATIAL not in reference.obsm:
        raise DataError(
            f"{what} has no coordinates: put them in obsm['{SPATIAL}']{place_hint(reference)}. "
            "Cells that have none are a query."
        )
    _check_coordinates(np.asarray(reference.obsm[SPATIAL]), what)
    if reference.n_obs < FEWEST_SPOTS:
        raise DataError(
            f"{what} has {reference.n_obs} spots and at least {FEWEST_SPOTS} are needed: "
            "spots must be rows and genes columns."
        )
    if section_key is not None:
        check_sections(reference, section_key)
    check_expression(reference, what)


def check_sections(reference: ad.AnnData, section_key: str) -> None:
    """Refuse a column that does not name the section of each spot.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    what = "The reference"
    if not isinstance(section_key, str) or section_key not in reference.obs:
        columns = ", ".join(map(str, reference.obs.columns)) or "none"
        raise DataError(f"{what} has no obs column '{section_key}': it has {columns}.")
    column = reference.obs[section_key]
    if not all(isinstance(value, Hashable) for value in column):
        raise DataError(
            f"{what}'s obs column '{section_key}' names no sections: it holds lists or the like."
        )
    lacking = int(column.isna().sum())
    if lacking:
        raise DataError(
            f"{what} has {lacking} spots without a section in the obs column '{section_key}': "
            "name their section, or drop them."
        )
    sizes = column.value_counts()
    sizes = sizes[sizes > 0]
    if len(sizes) > MOST_SECTIONS_SHARE * reference.n_obs:
        raise DataError(
            f"{what}'s obs column '{section_key}' names no sections: it has {len(sizes)} values "
            f"for {reference.n_obs} spots; name a column with a few."
        )
    if sizes.max() < FEWEST_SPOTS:
        raise DataError(
            f"{what}'s largest section in the obs column '{section_key}' has {sizes.max()} spots "
            f"and at least {FEWEST_SPOTS} are needed."
        )


def check_query(query: ad.AnnData, *, values: bool = True) -> None:
    """Refuse what cannot be a query; its coordinates, if any, are not looked at.

    Parameters
    ----------
    query
        Cells by genes.
    values
        Whether every value is looked at, which takes seconds for a matrix that is in a file.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    _check_is_anndata(query, "The query")
    if query.n_obs == 0:
        raise DataError("The query has no cells.")
    check_expression(query, "The query", values=values)


def check_expression(cells: ad.AnnData, what: str, *, values: bool = True) -> None:
    """Refuse expression that is not there, not finite, or has names that are not unique.

    Parameters
    ----------
    cells
        Cells by genes.
    what
        Whose, for the sentence.
    values
        Whether every value is looked at.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    _check_is_anndata(cells, what)
    if cells.X is None or cells.n_vars == 0:
        raise DataError(f"{what} has no expression in X: name the layer that holds the counts.")
    if len(cells.X.shape) != 2:
        raise DataError(f"{what} has {len(cells.X.shape)} axes in X: give cells by genes.")
    for names, kind, fix in (
        (cells.var_names, "gene", "var_names_make_unique()"),
        (cells.obs_names, "cell", "obs_names_make_unique()"),
    ):
        if names.dtype.kind in "iufcb":
            raise DataError(
                f"{what} has numbers for {kind} names: turn them into text with .astype(str)."
            )
        if not names.is_unique:
            twice = names[names.duplicated()][0]
            raise DataError(
                f"{what} has the {kind} name '{twice}' more than once: call {fix} on it first."
            )
    _check_gene_names(cells.var_names, what)
    if values:
        check_matrices(cells, what)
        check_values(cells.X, what)


def check_located(cells: ad.AnnData, what: str) -> None:
    """Refuse what is no cells or spots with coordinates, or whose measures are no numbers.

    Parameters
    ----------
    cells
        Placed cells, or spots.
    what
        Whose, for the sentence.

    Raises
    ------
    DataError
        With what is wrong, and what to do.
    """
    _check_is_anndata(cells, what)
    if SPATIAL not in cells.obsm:
        raise DataError(f"{what} have no coordinates in obsm['{SPATIAL}']: place them first.")
    _check_places(np.asarray(cells.obsm[SPATIAL]), f"{what} have", "cells")
    for key in (RADIUS, RADIUS_WIDE, LIKENESS):
        if key in cells.obs and not pd.api.types.is_numeric_dtype(cells.obs[key]):
            raise DataError(f"{what} have a column '{key}' in obs that is no number: place anew.")


def _check_is_anndata(cells: Any, what: str) -> None:
    if not isinstance(cells, ad.AnnData):
        raise DataError(
            f"{what} must be an AnnData, not of the type {type(cells).__name__}: read a file "
            "with read_reference, read_query or read_placed first."
        )
    if cells.isbacked:
        raise DataError(
            f"{what} is open in its file {cells.filename}: give cells.to_memory(), or place from "
            "file to file (place_file, napari-dpvae place), which reads a part at a time."
        )


def _check_gene_names(names: pd.Index, what: str) -> None:
    if max(map(len, names)) > LONGEST_NAME:
        raise DataError(
            f"{what} has a gene name of more than {LONGEST_NAME} characters: check var_names."
        )
    if list(names[:3]) == ["0", "1", "2"]:
        raise DataError(
            f"{what} has numbers (0, 1, 2, …) for gene names: put the gene names in var_names."
        )


def _check_coordinates(coordinates: np.ndarray, what: str) -> None:
    _check_places(coordinates, f"{what} has", "spots")
    coordinates = coordinates.astype(float)
    where = f"obsm['{SPATIAL}']"
    extent = float(np.ptp(coordinates, axis=0).max())
    if extent == 0:
        raise DataError(f"{what} has all spots at the same coordinates in {where}.")
    places = _places(coordinates)
    if len(coordinates) >= FEWEST_SPOTS > places:
        raise DataError(
            f"{what} has {len(coordinates):,} spots at {places} places in {where}: spots at "
            f"{FEWEST_SPOTS} places or more are needed."
        )
    largest = float(np.abs(coordinates).max())
    if largest > LARGEST_COORDINATE or extent < SMALLEST_EXTENT or extent < 1e-9 * largest:
        raise DataError(
            f"{what} has coordinates in {where} that reach {largest:.3g} and span {extent:.3g}: "
            "give them in pixels or µm, from near 0."
        )


def _places(coordinates: np.ndarray) -> int:
    """How many places there are, (n, d); where they are not few, as many at least."""
    # One axis alone tells that there are enough: to sort rows takes a second for a million.
    along = max(len(np.unique(axis)) for axis in coordinates.T)
    return along if along >= FEWEST_SPOTS else len(np.unique(coordinates, axis=0))


def _check_places(places: np.ndarray, said: str, whose: str) -> None:
    where = f"obsm['{SPATIAL}']"
    if places.ndim != 2 or places.shape[1] not in (2, 3):
        raise DataError(f"{said} {where} of shape {places.shape}: it must have 2 or 3 columns.")
    if places.dtype.kind not in "iuf":
        raise DataError(f"{said} coordinates in {where} that are not numbers.")
    bad = int((~np.isfinite(places)).any(axis=1).sum())
    if bad:
        raise DataError(
            f"{said} {bad} {whose} whose coordinates in {where} are not finite: drop those {whose}."
        )
