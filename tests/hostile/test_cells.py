"""Cells in memory that cannot be right: each kind ends in one sentence, at every door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from dask.array import from_array
from scipy import sparse

import napari_dpvae as dpv
from napari_dpvae.data.phantom import Phantom

Change = Callable[[ad.AnnData], Any]


def made(form: Callable[[sparse.csr_matrix], Any]) -> Change:
    """The same cells with another matrix."""
    return lambda cells: ad.AnnData(
        form(cells.X), obs=cells.obs, var=cells.var, obsm=dict(cells.obsm)
    )


def one(value: float) -> Change:
    """One value of a dense matrix is another."""

    def form(x: sparse.csr_matrix) -> np.ndarray:
        values = x.toarray().astype(float)
        values[3, 3] = value
        return values

    return made(form)


def damaged(part: str, at: int, value: int, where: str = "X", to: str = "csr") -> Change:
    """One number of a sparse matrix is another."""

    def change(cells: ad.AnnData) -> ad.AnnData:
        x = cells.X.asformat(to).copy()
        getattr(x, part)[at] = value
        if where == "X":
            cells.X = x
        elif where == "raw":
            cells.raw = cells.copy()
            getattr(cells.raw.X, part)[at] = value
        else:
            getattr(cells, where)["odd"] = x
        return cells

    return change


def cut(part: str, by: int) -> Change:
    def change(cells: ad.AnnData) -> ad.AnnData:
        setattr(cells.X, part, getattr(cells.X, part)[:-by])
        return cells

    return change


def named(genes: Callable[[list[str]], Any], of: str = "var") -> Change:
    def change(cells: ad.AnnData) -> ad.AnnData:
        table = getattr(cells, of)
        table.index = pd.Index(genes(list(table.index)))
        return cells

    return change


def holding(entry: Callable[[dict[str, Any]], Any]) -> Change:
    """Something odd within ``uns``."""

    def change(cells: ad.AnnData) -> ad.AnnData:
        cells.uns["odd"] = odd = {}
        odd["inner"] = entry(odd)
        return cells

    return change


def with_a_protein(cells: ad.AnnData) -> ad.AnnData:
    cells.var["feature_types"] = ["Antibody Capture", *["Gene Expression"] * (cells.n_vars - 1)]
    return cells


def nested(depth: int) -> dict[str, Any]:
    return {"deeper": nested(depth - 1)} if depth else {}


CELLS: dict[str, tuple[Change, str]] = {
    "objects": (made(lambda x: x.toarray().astype(object)), "not numbers of molecules"),
    "text": (made(lambda x: x.toarray().astype(str)), "not numbers of molecules"),
    "truth": (made(lambda x: x.toarray() > 0), "true and false"),
    "sparse truth": (made(lambda x: x.astype(bool)), "true and false"),
    "complex": (made(lambda x: x.toarray().astype(complex)), "complex numbers"),
    "sparse complex": (made(lambda x: x.astype(complex)), "complex numbers"),
    "dates": (made(lambda x: x.toarray().astype("M8[s]")), "not numbers of molecules"),
    "masked": (made(lambda x: np.ma.masked_equal(x.toarray(), 0)), "of the type numpy.ma"),
    "dask": (made(lambda x: from_array(x.toarray())), "of the type dask.array"),
    "sparse dask": (
        made(lambda x: from_array(x.toarray()).map_blocks(sparse.csr_matrix)),
        "of the type dask.array",
    ),
    "no matrix": (made(lambda x: None), "no expression in X"),
    "no genes": (lambda cells: cells[:, :0].copy(), "no expression in X"),
    "all zero": (made(lambda x: x * 0), "only zeros"),
    "all zero, dense": (made(lambda x: x.toarray() * 0), "only zeros"),
    "nan": (one(np.nan), "1 values in X that are not finite"),
    "inf": (one(np.inf), "not finite"),
    "minus inf": (one(-np.inf), "not finite"),
    "1e30": (one(1e30), r"a value of 1e\+30"),
    "2^63": (made(lambda x: x.toarray().astype(np.uint64) + np.uint64(2**63)), "more than a count"),
    "minus one": (one(-1), "1 negative values among the counts"),
    "one negative logarithm": (
        lambda cells: one(-0.5)(made(np.log1p)(cells)),
        "1 negative values in X among",
    ),
    "gene beyond": (damaged("indices", 5, 300), "damaged"),
    "gene far beyond": (damaged("indices", 5, 2 * 10**9), "damaged"),
    "gene before": (damaged("indices", 5, -1), "damaged"),
    "row beyond": (damaged("indptr", 5, 2 * 10**9), "damaged"),
    "row before": (damaged("indptr", 5, -1000), "damaged"),
    "first row late": (damaged("indptr", 0, 7), "damaged"),
    "last row late": (damaged("indptr", -1, 10**6), "damaged"),
    "by columns, cell beyond": (damaged("indices", 5, 10**6, to="csc"), "damaged"),
    "by columns, gene beyond": (damaged("indptr", 5, 10**6, to="csc"), "damaged"),
    "rows missing": (cut("indptr", 3), "damaged"),
    "values missing": (cut("data", 3), "damaged"),
    "indices missing": (cut("indices", 3), "damaged"),
    "a layer is damaged": (damaged("indices", 5, 10**6, "layers"), r"layers\['odd'\] .* damaged"),
    "raw is damaged": (damaged("indices", 5, 10**6, "raw"), "raw .* damaged"),
    "obsm is damaged": (damaged("indptr", 5, 10**6, "obsm"), r"obsm\['odd'\] .* damaged"),
    "genes twice": (named(lambda names: ["A", "A", *names[2:]]), "gene name 'A' more than once"),
    "cells twice": (
        named(lambda names: ["A", "A", *names[2:]], "obs"),
        "cell name 'A' more than once",
    ),
    "genes by number": (named(lambda names: range(len(names))), "numbers for gene names"),
    "cells by number": (named(lambda names: range(len(names)), "obs"), "numbers for cell names"),
    "genes counted": (named(lambda names: [str(i) for i in range(len(names))]), "numbers .0, 1, 2"),
    "uns holds itself": (
        holding(lambda odd: {"again": odd}),
        r"uns\['odd'\]\['inner'\]\['again'\] that holds itself",
    ),
    "uns holds itself, beside proteins": (
        lambda cells: with_a_protein(holding(lambda odd: {"again": odd})(cells)),
        "that holds itself",
    ),
    "uns without end": (holding(lambda _: nested(200)), "nested 50 times"),
    "a gene of a million letters": (named(lambda names: ["A" * 10**6, *names[1:]]), "characters"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CELLS)
def test_cells_that_cannot_be_right(
    phantom: Phantom, model: dpv.DPVAE, hasty: dpv.TrainingSettings, refuses: Any, kind: str
) -> None:
    change, said = CELLS[kind]
    query, reference = phantom.query.copy(), phantom.reference.copy()
    query, reference = change(query), change(reference)
    with refuses(said):
        model.place(query)
    with refuses(said):
        model.encode(query)
    with refuses(said):
        dpv.DPVAE(hasty).fit(reference)
    with refuses(said):
        model.fine_tune(phantom.reference, query)
    with refuses(said):
        dpv.evaluate(hasty, reference)


@pytest.mark.parametrize("given", [None, "q.h5ad", 3, [1], np.ones((3, 3)), pd.DataFrame()])
def test_what_are_no_cells(
    phantom: Phantom, model: dpv.DPVAE, hasty: dpv.TrainingSettings, refuses: Any, given: Any
) -> None:
    said = "must be an AnnData, not of the type"
    for use in (
        model.place,
        model.encode,
        dpv.DPVAE(hasty).fit,
        lambda cells: model.fine_tune(phantom.reference, cells),
        lambda cells: model.fine_tune(cells, phantom.query),
        lambda cells: dpv.evaluate(hasty, cells),
        lambda cells: dpv.write_placed(cells, "placed.csv"),
        lambda cells: dpv.virtual_expression(cells, ["Gene000"], at=phantom.reference),
    ):
        with refuses(said):
            use(given)


@pytest.mark.parametrize("form", ["csr", "csc", "array"])
def test_cells_that_are_open_from_their_file(
    phantom: Phantom, model: dpv.DPVAE, refuses: Any, tmp_path: Any, form: str
) -> None:
    cells = phantom.query.copy()
    cells.X = cells.X.toarray() if form == "array" else cells.X.asformat(form)
    cells.write_h5ad(tmp_path / "q.h5ad")
    backed = ad.read_h5ad(tmp_path / "q.h5ad", backed="r")
    for use in (model.place, dpv.DPVAE().fit):
        with refuses("is open in its file .*to_memory"):
            use(backed)
    backed.file.close()


def placed_at(change: Callable[[np.ndarray], Any]) -> Change:
    def moved(cells: ad.AnnData) -> ad.AnnData:
        cells.obsm["spatial"] = change(cells.obsm["spatial"].astype(float))
        return cells

    return moved


def with_value(value: float) -> Change:
    def change(places: np.ndarray) -> np.ndarray:
        places[0, 0] = value
        return places

    return placed_at(change)


SPOTS: dict[str, tuple[Change, str]] = {
    "none": (lambda cells: cells[:0].copy(), "0 spots"),
    "nine": (lambda cells: cells[:9].copy(), "9 spots"),
    "one": (lambda cells: cells[:1].copy(), "same coordinates"),
    "transposed": (lambda cells: cells.T.copy(), "save reference.T"),
    "nan": (with_value(np.nan), "1 spots whose coordinates"),
    "inf": (with_value(np.inf), "1 spots whose coordinates"),
    "times 1e200": (placed_at(lambda x: x * 1e200), "give them in pixels"),
    "times 1e-200": (placed_at(lambda x: x * 1e-200), "give them in pixels"),
    "one at 1e200": (with_value(1e200), "give them in pixels"),
    "far from 0": (placed_at(lambda x: x * 1e-4 + 1e11), "give them in pixels"),
    "two places": (placed_at(lambda x: x * 0 + np.eye(len(x), 2)), "321 spots at 3 places"),
    "one place": (placed_at(lambda x: x * 0), "same coordinates"),
    "complex": (placed_at(lambda x: x.astype(complex)), "not numbers"),
    "objects": (placed_at(lambda x: x.astype(object)), "not numbers"),
    "text": (placed_at(lambda x: x.astype(str)), "not numbers"),
    "truth": (placed_at(lambda x: x > 300), "not numbers"),
    "dates": (placed_at(lambda x: x.astype("M8[s]")), "not numbers"),
    "three axes": (placed_at(lambda x: np.stack([x, x], axis=2)), "shape"),
    "no columns": (placed_at(lambda x: x[:, :0]), "2 or 3 columns"),
    "a line": (placed_at(lambda x: x[:, :1]), "2 or 3 columns"),
    "sparse": (placed_at(sparse.csr_matrix), "2 or 3 columns"),
}


@pytest.mark.parametrize("kind", SPOTS)
def test_places_that_cannot_be_right(
    phantom: Phantom, hasty: dpv.TrainingSettings, refuses: Any, kind: str
) -> None:
    change, said = SPOTS[kind]
    reference = change(phantom.reference.copy())
    for use in (dpv.DPVAE(hasty).fit, lambda cells: dpv.evaluate(hasty, cells)):
        with refuses(said):
            use(reference)


N = 321
HALF = ["a"] * 100 + ["b"] * (N - 100)
SECTIONS: dict[str, tuple[Any, str]] = {
    "nan": (np.nan, "321 spots without a section"),
    "none": ([None] * N, "321 spots without a section"),
    "some nan": ([np.nan, *HALF[1:]], "1 spots without a section"),
    "nullable": (pd.array([1] * 300 + [pd.NA] * 21, dtype="Int64"), "21 spots without"),
    "each its own": ([f"s{i}" for i in range(N)], "names no sections"),
    "numbers": (np.linspace(0, 1, N), "names no sections"),
    "lists": ([[1]] * N, "holds lists"),
    "dicts": ([{}] * N, "holds lists"),
    "all small": ([f"s{i // 9}" for i in range(N)], "largest section .* has 9 spots"),
}


def put_column(column: Any, cells: ad.AnnData) -> ad.AnnData:
    cells.obs["s"] = column
    return cells


@pytest.mark.parametrize("kind", SECTIONS)
def test_columns_that_name_no_sections(
    phantom: Phantom, hasty: dpv.TrainingSettings, refuses: Any, kind: str
) -> None:
    column, said = SECTIONS[kind]
    reference = put_column(column, phantom.reference.copy())
    with refuses(said):
        dpv.DPVAE(hasty).fit(reference, section_key="s")


@pytest.mark.parametrize("key", ["absent", "", 3, ["s"], {}])
def test_what_names_no_column(
    phantom: Phantom, hasty: dpv.TrainingSettings, refuses: Any, key: Any
) -> None:
    with refuses("no obs column"):
        dpv.DPVAE(hasty).fit(phantom.reference, section_key=key)


NEXT = sparse.csr_matrix(np.roll(np.eye(N), 1, axis=1))
PAIRS: dict[str, tuple[Any, str]] = {
    "empty": (sparse.csr_matrix((N, N)), "some of two spots must be more"),
    "with themselves": (sparse.eye(N, format="csr"), "some of two spots must be more"),
    "nan": (NEXT * np.nan, "must be finite"),
    "inf": (NEXT * np.inf, "must be finite"),
    "negative": (-NEXT, "not negative"),
    "complex": (NEXT.astype(complex), "not numbers"),
    "objects": (NEXT.toarray().astype(object), "not numbers"),
    "text": (NEXT.toarray().astype(str), "not numbers"),
}


def put_pairs(pairs: Any, cells: ad.AnnData) -> ad.AnnData:
    cells.obsp["p"] = pairs
    return cells


@pytest.mark.parametrize("kind", PAIRS)
def test_weights_that_are_none(phantom: Phantom, refuses: Any, kind: str) -> None:
    pairs, said = PAIRS[kind]
    reference = put_pairs(pairs, phantom.reference.copy())
    with refuses(said):
        dpv.DPVAE(mask="given", pairs_key="p").fit(reference)


@pytest.mark.parametrize(("part", "value"), [("indices", 10**6), ("indptr", 10**6)])
def test_weights_that_are_damaged(phantom: Phantom, refuses: Any, part: str, value: int) -> None:
    reference = phantom.reference.copy()
    pairs = NEXT.copy()
    getattr(pairs, part)[5] = value
    reference.obsp["p"] = pairs
    with refuses(r"obsp\['p'\] that is damaged"):
        dpv.DPVAE(mask="given", pairs_key="p").fit(reference)


@pytest.mark.parametrize("weight", [1e300, 1e-300, 1e-40])
def test_only_the_ratios_of_weights_matter(
    phantom: Phantom, hasty: dpv.TrainingSettings, weight: float
) -> None:
    def latents(pairs: sparse.csr_matrix) -> np.ndarray:
        reference = phantom.reference.copy()
        reference.obsp["p"] = pairs
        model = dpv.DPVAE(hasty, mask="given", pairs_key="p", epochs=1).fit(reference)
        return model.encode(phantom.query)

    np.testing.assert_array_equal(latents(NEXT * weight), latents(NEXT))


def test_a_radius_without_pairs(
    phantom: Phantom, hasty: dpv.TrainingSettings, refuses: Any
) -> None:
    with refuses("No two spots lie within a radius of 0.1 spot distances"):
        dpv.DPVAE(hasty, mask="radius", radius=0.1).fit(phantom.reference)
