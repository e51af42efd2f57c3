# ruff: noqa: E501 - a kind a line
"""Damaged and forged ``.h5ad`` files: one sentence that names the file, read whole or in parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pytest
from scipy import sparse

import napari_dpvae as dpv
from napari_dpvae.data.phantom import Phantom

Change = Callable[[h5py.File], Any]
ARRAY = {"encoding-type": "array", "encoding-version": "0.2.0"}


def attribute(where: str, name: str, value: Any) -> Change:
    return lambda file: file[where].attrs.__setitem__(name, value)


def without(where: str, name: str | None = None) -> Change:
    def change(file: h5py.File) -> None:
        if name is None:
            del file[where]
        else:
            del file[where].attrs[name]

    return change


def instead(where: str, value: Any, attributes: dict[str, str] | None = None) -> Change:
    """Another data set with the same attributes; a function makes it from what was there."""

    def change(file: h5py.File) -> None:
        # Text of pandas 3 is kept as a group, of values and of which there are none.
        was = file.get(f"{where}/values", file[where])
        kept = dict(was.attrs) if attributes is None else attributes
        new = value(was[:]) if callable(value) else value
        del file[where]
        file[where] = new
        file[where].attrs.update(kept)

    return change


def added(where: str, change: Callable[[h5py.Group], Any]) -> Change:
    return lambda file: change(file.require_group(where))


def odd_sparse(where: str, part: str, value: int) -> Change:
    """A sparse matrix of the cells beside, with a number that does not fit."""

    def change(file: h5py.File) -> None:
        group, _, name = where.rpartition("/")
        matrix = sparse.random(120, 300, 0.1, "csr", rng=0)
        ad.io.write_elem(file.require_group(group), name, matrix)
        file[where][part][3] = value

    return change


def looped(group: h5py.Group) -> None:
    group["loop"] = h5py.SoftLink(f"{group.name}/loop")


def deep(group: h5py.Group) -> None:
    group.create_group("/".join("a" * 100))


def claimed(group: h5py.Group) -> None:
    group.create_dataset("n", shape=(10**12,), dtype="f8", chunks=(10**6,))


FILES: dict[str, Change] = {
    "no obs": without("obs"),
    "no var": without("var"),
    "no matrix": without("X"),
    "no names of cells": without("obs/_index"),
    "no values": without("X/data"),
    "no indices": without("X/indices"),
    "no pointers": without("X/indptr"),
    "no shape": without("X", "shape"),
    "a shape of a million million cells": attribute("X", "shape", [10**12, 300]),
    "a shape of a million million genes": attribute("X", "shape", [120, 10**12]),
    "a negative shape": attribute("X", "shape", [-120, 300]),
    "a shape of three": attribute("X", "shape", [120, 300, 2]),
    "a shape in words": attribute("X", "shape", "120,300"),
    "a cell fewer": attribute("X", "shape", [119, 300]),
    "a gene more": attribute("X", "shape", [120, 301]),
    "a matrix of a kind unknown": attribute("X", "encoding-type", "martian"),
    "a matrix of no kind": attribute("X", "encoding-type", 5),
    "a matrix that is an array": attribute("X", "encoding-type", "array"),
    "a matrix that is by columns": attribute("X", "encoding-type", "csc_matrix"),
    "a matrix that is a table": attribute("X", "encoding-type", "dataframe"),
    "a matrix of a later version": attribute("X", "encoding-version", "99.0"),
    "a file of a kind unknown": attribute("/", "encoding-type", "martian"),
    "a table of no kind": without("obs", "encoding-type"),
    "a table without index": without("obs", "_index"),
    "a table with an index that is not there": attribute("obs", "_index", "absent"),
    "a table with a number for an index": attribute("obs", "_index", 3),
    "a table without columns": without("obs", "column-order"),
    "a table with a column that is not there": attribute("obs", "column-order", ["absent"]),
    "a table with a column a thousand times": attribute("obs", "column-order", ["type"] * 1000),
    "a table that is an array": instead("obs", np.arange(3), {}),
    "a gene fewer in the table": instead("var/_index", lambda names: names[:-1]),
    "a cell fewer in the table": instead("obs/_index", lambda names: names[:-1]),
    "cells by number": instead("obs/_index", np.arange(120)),
    "one name for all cells": instead("obs/_index", "a"),
    "names that are no text": instead("obs/_index", np.array([b"\xff\xfe%d" % i for i in range(120)])),
    "genes that are no text": instead("var/_index", np.array([b"\xff\xfe%d" % i for i in range(300)])),
    "codes beyond the categories": lambda file: file["obs/cell_type/codes"].__setitem__(0, 100),
    "codes before the categories": lambda file: file["obs/cell_type/codes"].__setitem__(0, -5),
    "codes with fractions": instead("obs/cell_type/codes", lambda codes: codes + 0.5),
    "codes for fewer cells": instead("obs/cell_type/codes", lambda codes: codes[:-3]),
    "categories twice": instead("obs/cell_type/categories", lambda names: np.repeat(names[:1], len(names))),
    "no categories": without("obs/cell_type/categories"),
    "pointers as a table": instead("X/indptr", lambda x: x[:, None]),
    "too few pointers": instead("X/indptr", lambda x: x[:-2]),
    "no pointer": instead("X/indptr", np.empty(0, int)),
    "pointers with fractions": instead("X/indptr", lambda x: x + 0.5),
    "pointers in words": instead("X/indptr", lambda x: x.astype("S")),
    "pointers beyond 2^63": instead("X/indptr", lambda x: x.astype(np.uint64) + np.uint64(2**63)),
    "indices beyond 2^63": instead("X/indices", lambda x: x.astype(np.uint64) + np.uint64(2**63)),
    "indices with fractions": instead("X/indices", lambda x: x + 0.5),
    "indices that are nan": instead("X/indices", lambda x: x * np.nan),
    "indices that are truth": instead("X/indices", lambda x: x > 3),
    "no index": instead("X/indices", np.empty(0, np.int32)),
    "a value fewer": instead("X/data", lambda x: x[:-1]),
    "two values more": instead("X/data", lambda x: np.r_[x, 1, 2]),
    "values in words": instead("X/data", lambda x: x.astype("S")),
    "complex values": instead("X/data", lambda x: x.astype(complex)),
    "values of two parts": instead("X/data", lambda x: np.zeros(x.shape, [("a", "f4"), ("b", "i4")])),
    "true and false": instead("X/data", lambda x: x > 3),
    "values as a table": instead("X/data", lambda x: x[:, None]),
    "one value": instead("X/data", 5.0),
    "an empty value": instead("X/data", h5py.Empty("f4")),
    "nan": lambda file: file["X/data"].__setitem__(3, np.nan),
    "minus one": lambda file: file["X/data"].__setitem__(3, -1),
    "1e30": lambda file: file["X/data"].__setitem__(3, 1e30),
    "a gene beyond": lambda file: file["X/indices"].__setitem__(5, 300),
    "a gene before": lambda file: file["X/indices"].__setitem__(5, -1),
    "a row beyond": lambda file: file["X/indptr"].__setitem__(5, 2 * 10**9),
    "a row before": lambda file: file["X/indptr"].__setitem__(5, -1000),
    "a dense matrix in words": instead("X", np.full((120, 300), "a", object), ARRAY),
    "a dense matrix of one axis": instead("X", np.ones(120), ARRAY),
    "a dense matrix of three axes": instead("X", np.ones((120, 300, 2)), ARRAY),
    "a dense matrix of a cell fewer": instead("X", np.ones((119, 300)), ARRAY),
    "a dense matrix that is complex": instead("X", np.ones((120, 300), complex), ARRAY),
    "a number for a matrix": instead("X", 3.0, ARRAY),
    "nothing for a matrix": instead("X", h5py.Empty("f4"), {}),
    "a layer that is damaged": odd_sparse("layers/odd", "indices", 10**6),
    "a layer that is damaged, rows": odd_sparse("layers/odd", "indptr", 10**6),
    "obsm that is damaged": odd_sparse("obsm/odd", "indices", 10**6),
    "obsm of a cell fewer": added("obsm", lambda group: ad.io.write_elem(group, "odd", np.ones((119, 2)))),
    "a layer of another shape": added("layers", lambda group: ad.io.write_elem(group, "odd", np.ones((120, 3)))),
    "uns of a kind unknown": added("uns", lambda group: group.create_dataset("n", data=[1]).attrs.update({"encoding-type": "zork", "encoding-version": "0.1.0"})),
    "uns of references": added("uns", lambda group: group.create_dataset("n", data=group.ref, dtype=h5py.ref_dtype)),
    "uns of a named type": added("uns", lambda group: group.__setitem__("n", np.dtype("f8"))),
    "uns that claims terabytes": added("uns", claimed),
    "a link in a circle": added("uns", looped),
    "a group in itself": added("uns", lambda group: group.__setitem__("n", group)),
    "a group that holds all": added("uns", lambda group: group.__setitem__("n", group["/"])),
    "a soft link to all": added("uns", lambda group: group.__setitem__("n", h5py.SoftLink("/"))),
    "a hundred groups deep": added("uns", deep),
}  # fmt: skip
ONLY_COPIED = {"uns of a kind unknown", "uns of a named type"}
"""What a file that is placed in parts never reads: it is copied as it is."""


@pytest.fixture(scope="module")
def whole(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A query's file."""
    path = tmp_path_factory.mktemp("whole") / "query.h5ad"
    phantom.query.write_h5ad(path)
    return path.read_bytes()


@pytest.mark.filterwarnings("ignore:ind.* array has non-integer dtype")
@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_or_forged_file(
    whole: bytes, model: dpv.DPVAE, refuses: Any, tmp_path: Path, kind: str
) -> None:
    query = tmp_path / "query.h5ad"
    query.write_bytes(whole)
    with h5py.File(query, "r+") as file:
        FILES[kind](file)
    said = "query|the model's|panel"
    with refuses(said):
        dpv.read_query(query)
    if kind not in ONLY_COPIED:
        with refuses(said):
            dpv.place_file(model, query, tmp_path / "placed.h5ad")
        assert list(tmp_path.iterdir()) == [query]


@pytest.mark.parametrize("share", [0, 1e-4, 0.01, 0.3, 0.9, 0.999])
def test_a_file_that_ends_too_early(
    whole: bytes, model: dpv.DPVAE, refuses: Any, tmp_path: Path, share: float
) -> None:
    query = tmp_path / "query.h5ad"
    query.write_bytes(whole[: int(share * len(whole))])
    for use in (
        dpv.read_query,
        dpv.read_reference,
        dpv.read_placed,
        lambda path: dpv.place_file(model, path, tmp_path / "placed.h5ad"),
    ):
        with refuses("Cannot read .*query.h5ad"):
            use(query)


PLACED: dict[str, Change] = {
    "no places": without("obsm/spatial"),
    "places that are nan": lambda file: file["obsm/spatial"].__setitem__((0, 0), np.nan),
    "places in words": instead("obsm/spatial", np.full((120, 2), "a", object), ARRAY),
    "places on five axes": instead("obsm/spatial", np.ones((120, 5))),
    "places on one axis": instead("obsm/spatial", np.ones(120)),
    "radii in words": instead("obs/dpvae_radius", np.full(120, "a", object), {"encoding-type": "string-array", "encoding-version": "0.2.0"}),
    "nothing about them": without("uns/dpvae"),
    "words about them": instead("uns/dpvae", "placed", {"encoding-type": "string", "encoding-version": "0.2.0"}),
    "values that are nan": lambda file: file["X/data"].__setitem__(0, np.nan),
    "a gene beyond": lambda file: file["X/indices"].__setitem__(0, 10**6),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLACED)
def test_a_damaged_file_of_placed_cells(
    placed: ad.AnnData, refuses: Any, tmp_path: Path, kind: str
) -> None:
    placed.write_h5ad(tmp_path / "placed.h5ad")
    with h5py.File(tmp_path / "placed.h5ad", "r+") as file:
        if kind == "words about them":
            del file["uns/dpvae"]
            ad.io.write_elem(file["uns"], "dpvae", "placed")
        else:
            PLACED[kind](file)
    with refuses("placed.h5ad"):
        dpv.read_placed(tmp_path / "placed.h5ad")


SPOTS: dict[str, Change] = {
    "places that are nan": lambda file: file["obsm/spatial"].__setitem__((slice(None), 0), np.nan),
    "places in words": instead("obsm/spatial", np.full((321, 2), "a", object), ARRAY),
    "complex places": instead("obsm/spatial", lambda x: x.astype(complex)),
    "a number for places": instead("obsm/spatial", 4.0),
    "nothing for places": instead("obsm/spatial", h5py.Empty("f4"), {}),
    "an image that claims terabytes": added("uns/spatial/phantom/images", claimed),
}


@pytest.mark.parametrize("kind", SPOTS)
def test_a_damaged_or_forged_reference(
    phantom: Phantom, refuses: Any, tmp_path: Path, kind: str
) -> None:
    phantom.reference.write_h5ad(tmp_path / "reference.h5ad")
    with h5py.File(tmp_path / "reference.h5ad", "r+") as file:
        SPOTS[kind](file)
    with refuses("reference|coordinates"):
        dpv.read_reference(tmp_path / "reference.h5ad")


IMAGES: dict[str, Any] = {
    "text for an image": {"lib": {"images": {"hires": "none"}}},
    "objects for an image": {"lib": {"images": {"hires": np.full((4, 4, 3), None)}}},
    "no images": {"lib": {"images": None}},
    "factors in a list": {"lib": {"scalefactors": [1]}},
    "factors that are nan": {"lib": {"scalefactors": {"tissue_hires_scalef": np.nan}}},
    "factors in words": {"lib": {"scalefactors": {"tissue_hires_scalef": "big"}}},
    "a name with dots": {"a.b/c": {"images": {"hi.res": np.zeros((4, 4))}}},
    "an image of nothing": {"lib": {"images": {"hires": np.zeros((0, 4, 3))}}},
    "an image of four precisions": {"lib": {"images": {"hires": np.zeros((4, 4), np.longdouble)}}},
    "a list for an image": {"lib": {"images": {"hires": [[1, 2], [3]]}}},
    "nothing in a library": {"lib": None},
    "a list for libraries": [1, 2],
}


@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.filterwarnings("ignore")
def test_a_model_of_a_reference_with_odd_images_is_saved_and_loaded(
    phantom: Phantom, hasty: dpv.TrainingSettings, tmp_path: Path, kind: str
) -> None:
    reference = phantom.reference.copy()
    reference.uns["spatial"] = IMAGES[kind]
    model = dpv.DPVAE(hasty, epochs=1).fit(reference)
    model.save(tmp_path / "m.safetensors")
    # Spots are placed in half the time of cells of another platform.
    again = dpv.DPVAE.load(tmp_path / "m.safetensors").place(phantom.reference)
    placed = model.place(phantom.reference)
    np.testing.assert_array_equal(again.obsm["spatial"], placed.obsm["spatial"])
    dpv.write_placed(again, tmp_path / "placed.h5ad")
