"""The checks at the door: each failure is one sentence that names what to do."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from napari_dpvae.data.checks import check_query, check_reference
from napari_dpvae.data.layout import Layout
from napari_dpvae.data.phantom import Phantom

Refuses = Callable[[str], AbstractContextManager[None]]
Change = Callable[[ad.AnnData], object]


@pytest.fixture
def reference(phantom: Phantom) -> ad.AnnData:
    return phantom.reference.copy()


def set_value(cells: ad.AnnData, value: float) -> None:
    cells.X.data[3] = value


def coordinates(value: object) -> Change:
    def change(cells: ad.AnnData) -> None:
        cells.obsm["spatial"] = value

    return change


def gap(cells: ad.AnnData) -> None:
    cells.obsm["spatial"][5:8, 1] = np.nan


def clash(cells: ad.AnnData) -> None:
    cells.var_names = ["Twin", "Twin", *cells.var_names[2:]]


def clash_cells(cells: ad.AnnData) -> None:
    cells.obs_names = ["Twin", "Twin", *cells.obs_names[2:]]


def number_genes(cells: ad.AnnData) -> None:
    cells.var_names = [str(i) for i in range(cells.n_vars)]


def empty(cells: ad.AnnData) -> None:
    cells.X = sparse.csr_matrix(cells.shape, dtype=np.float32)


def letters(cells: ad.AnnData) -> None:
    cells.X = np.full(cells.shape, "many", object)


N = 321
OF_COORDINATES = [
    pytest.param(lambda cells: cells.obsm.pop("spatial"), "no coordinates", id="missing"),
    pytest.param(gap, "3 spots whose coordinates", id="not a number"),
    pytest.param(coordinates(np.ones((N, 2))), "the same coordinates", id="coincident"),
    pytest.param(coordinates(np.random.rand(N, 1)), r"shape \(321, 1\)", id="one column"),
    pytest.param(coordinates(np.random.rand(N, 4)), "2 or 3 columns", id="four columns"),
    pytest.param(coordinates(np.full((N, 2), "here", object)), "not numbers", id="letters"),
]
OF_EXPRESSION = [
    pytest.param(lambda cells: set_value(cells, np.nan), "1 values in X .* not finite", id="nan"),
    pytest.param(lambda cells: set_value(cells, np.inf), "not finite", id="infinite"),
    pytest.param(clash, "gene name 'Twin' more than once: .*var_names_make_unique", id="genes"),
    pytest.param(clash_cells, "cell name 'Twin' .*obs_names_make_unique", id="cells"),
    pytest.param(number_genes, "numbers .* for gene names", id="numbered genes"),
    pytest.param(empty, "only zeros in X: name the layer", id="zeros"),
    pytest.param(letters, "not numbers", id="letters"),
    pytest.param(lambda cells: delattr(cells, "X"), "no expression in X", id="no X"),
]


@pytest.mark.parametrize(("change", "said"), OF_COORDINATES)
def test_bad_coordinates_of_a_reference_are_refused(
    reference: ad.AnnData, refuses: Refuses, change: Change, said: str
) -> None:
    change(reference)
    with refuses(f"^The reference has .*{said}.*\\.$"):
        check_reference(reference)


@pytest.mark.parametrize(("change", "said"), OF_COORDINATES)
def test_the_coordinates_of_a_query_are_not_looked_at(
    reference: ad.AnnData, change: Change, said: str
) -> None:
    change(reference)
    check_query(reference)


@pytest.mark.parametrize(("change", "said"), OF_EXPRESSION)
def test_bad_expression_is_refused(
    reference: ad.AnnData, refuses: Refuses, change: Change, said: str
) -> None:
    change(reference)
    with refuses(f"^The reference has .*{said}.*\\.$"):
        check_reference(reference)
    with refuses(f"^The query has .*{said}.*\\.$"):
        check_query(reference)


def test_dense_expression_is_checked_too(reference: ad.AnnData, refuses: Refuses) -> None:
    reference.X = reference.X.toarray()
    check_reference(reference)
    reference.X[4, 4] = np.nan
    with refuses("not finite"):
        check_reference(reference)


def test_a_transposed_reference_is_recognised(reference: ad.AnnData, refuses: Refuses) -> None:
    with refuses("transposed, save reference.T"):
        check_reference(reference.T)


def test_ten_spots_are_enough_and_nine_are_not(reference: ad.AnnData, refuses: Refuses) -> None:
    check_reference(reference[:10])
    with refuses("9 spots and at least 10"):
        check_reference(reference[:9])


def test_a_missing_section_column_is_refused_with_those_there(
    reference: ad.AnnData, refuses: Refuses
) -> None:
    with refuses("no obs column 'section': it has none"):
        check_reference(reference, "section")
    reference.obs["slice"] = "a"
    with refuses("it has slice"):
        check_reference(reference, "section")
    check_reference(reference, "slice")


def test_a_query_without_cells_is_refused(reference: ad.AnnData, refuses: Refuses) -> None:
    with refuses("no cells"):
        check_query(reference[:0])


def test_a_query_without_genes_is_refused(refuses: Refuses) -> None:
    bare = ad.AnnData(np.empty((4, 0)), obs=pd.DataFrame(index=list("abcd")))
    with refuses("no expression"):
        check_query(bare)


def test_integers_and_three_dimensions_are_fine(volume: ad.AnnData) -> None:
    whole = volume.copy()
    whole.X = whole.X.astype(int)
    whole.obsm["spatial"] = whole.obsm["spatial"].astype(int)
    check_reference(whole)


def one_value(value: float) -> Change:
    def change(cells: ad.AnnData) -> None:
        cells.X = cells.X.astype(np.float64)
        cells.X.data[3] = value

    return change


def damaged(part: str, value: int) -> Change:
    def change(cells: ad.AnnData) -> None:
        getattr(cells.X, part)[5] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (one_value(-1), "1 negative values among the counts"),
        (one_value(1e30), "a value of 1e\\+30"),
        (lambda cells: setattr(cells, "X", cells.X.toarray().astype(complex)), "complex numbers"),
        (lambda cells: setattr(cells, "X", cells.X.toarray() > 0), "true and false"),
        (damaged("indices", 300), "damaged .*: write the file again"),
        (damaged("indices", -1), "damaged"),
        (damaged("indptr", 10**6), "damaged"),
        (damaged("indptr", -1), "damaged"),
    ],
)
def test_impossible_values_are_refused(
    reference: ad.AnnData, refuses: Refuses, change: Change, said: str
) -> None:
    change(reference)
    for check in (check_reference, check_query):
        with refuses(said):
            check(reference)


def test_scaled_values_may_be_negative(reference: ad.AnnData) -> None:
    reference.X = reference.X.toarray() - 0.37
    check_reference(reference)


def test_numbers_for_names_are_refused(reference: ad.AnnData, refuses: Refuses) -> None:
    reference.obs.index = pd.RangeIndex(N)
    with refuses("numbers for cell names"):
        check_reference(reference)


@pytest.mark.parametrize("given", [None, "reference.h5ad", pd.DataFrame()])
def test_what_is_no_anndata_is_refused(refuses: Refuses, given: object) -> None:
    for check in (check_reference, check_query):
        with refuses("must be an AnnData, not of the type"):
            check(given)


def column(values: object) -> Change:
    return lambda cells: cells.obs.__setitem__("s", values)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (column(np.nan), "321 spots without a section in the obs column 's'"),
        (column(pd.Categorical([1, 2, np.nan] * 107)), "107 spots without a section"),
        (column([f"s{i}" for i in range(N)]), "names no sections: it has 321 values"),
        (column(np.linspace(0, 1, N)), "names no sections"),
        (column([str(i // 3) for i in range(N)]), "largest section .* has 3 spots"),
    ],
)
def test_columns_that_name_no_sections_are_refused(
    reference: ad.AnnData, refuses: Refuses, change: Change, said: str
) -> None:
    change(reference)
    with refuses(said):
        check_reference(reference, "s")


def test_a_frame_of_a_few_spots_is_refused(reference: ad.AnnData, refuses: Refuses) -> None:
    reference.obs["s"] = ["a"] * 9 + ["b"] * (N - 9)
    assert Layout.read(reference, "s").frame == 1
    with refuses("frame 'a' has 9 spots"):
        Layout.read(reference, "s", "a")


def test_the_table_of_a_spatialdata_is_told_from_a_reference(
    reference: ad.AnnData, refuses: Refuses
) -> None:
    del reference.obsm["spatial"]
    reference.uns["spatialdata_attrs"] = {"region": "spots"}
    with refuses("places are in its shapes, points or labels: open the whole .zarr"):
        check_reference(reference)


def test_where_coordinates_may_be_is_said(reference: ad.AnnData, refuses: Refuses) -> None:
    reference.obs["x"], reference.obs["y"] = reference.obsm.pop("spatial").T
    with refuses("the obs columns x, y may hold them"):
        check_reference(reference)


def test_a_category_of_one_section_is_one(phantom: Phantom) -> None:
    reference = phantom.reference.copy()
    reference.obs["slide"] = pd.Categorical(["one"] * reference.n_obs)
    check_reference(reference, "slide")
