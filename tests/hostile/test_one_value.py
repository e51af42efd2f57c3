"""One wrong value among a query's: refused, or of next to no account to the other cells."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import anndata as ad
import numpy as np
import pytest

import napari_dpvae as dpv
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.expression.units import units_of
from napari_dpvae.geometry.spacing import diagonal

CELL = 3
FORMS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "counts": lambda x, depth: x,
    "counts with fractions": lambda x, depth: 0.73 * x + 0.1 * np.sin(x),
    "counts per 10,000": lambda x, depth: 1e4 * x / depth,
    "log1p": lambda x, depth: np.log1p(1e4 * x / depth),
    "log2": lambda x, depth: np.log2(1 + 1e6 * x / depth),
    "square roots": lambda x, depth: np.sqrt(x),
    "scaled": lambda x, depth: (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-9),
}


Before = Callable[[str], tuple[ad.AnnData, ad.AnnData, str]]


@pytest.fixture(scope="module")
def whole(phantom: Phantom, model: dpv.DPVAE) -> Before:
    """A query in some form, its cells placed, and the kind that it was taken for."""

    @cache
    def made(form: str) -> tuple[ad.AnnData, ad.AnnData, str]:
        counts = phantom.query.X.toarray().astype(float)
        query = phantom.query.copy()
        query.X = FORMS[form](counts, counts.sum(axis=1, keepdims=True))
        return query, model.place(query), units_of(query.X).kind

    return made


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", [-1, 0.5, 1e-30, 25, 50, 1e3, 1e6, 1e8, 1e30])
def test_one_value(
    phantom: Phantom, model: dpv.DPVAE, whole: Before, form: str, value: float
) -> None:
    query, before, kind = whole(form)
    query = query.copy()
    gene = query.var_names.get_loc(model.genes[3])
    query.X[CELL, gene] = value
    try:
        after = model.place(query)
    except dpv.DataError:
        assert form != "scaled" or value == 1e30
        return
    assert units_of(query.X).kind == kind or form == "counts"
    others = np.arange(query.n_obs) != CELL
    moved = np.linalg.norm(after.obsm["spatial"] - before.obsm["spatial"], axis=1)[others]
    assert np.median(moved) < 0.01 * diagonal(phantom.reference.obsm["spatial"])
    ratio = (after.obs["dpvae_radius"] / before.obs["dpvae_radius"])[others]
    # Single cells are as much like one place as like another far off: little tips them over.
    assert ratio.between(0.8, 1.25).mean() > 0.95 and 0.9 < ratio.median() < 1.1
