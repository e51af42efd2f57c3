"""Placing from file to file gives what placing in memory gives, a chunk of cells at a time."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pytest
import zarr
from scipy import sparse
from tests.data.formats.test_tenx import write_h5

import napari_dpvae as dpv
from napari_dpvae.data.backed import is_backed, opened_query
from napari_dpvae.data.counts import named_layers
from napari_dpvae.data.phantom import Phantom

Refuses = Callable[[str], AbstractContextManager[None]]
Matrix = sparse.csr_matrix


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read by several, as they are on most machines."""
    monkeypatch.setattr("napari_dpvae.steps.n_cores", lambda: 2)


@pytest.fixture
def query(phantom: Phantom) -> ad.AnnData:
    """With everything that a file can hold beside its matrix."""
    query = phantom.query.copy()
    rng = np.random.default_rng(0)
    query.layers["twice"] = query.X * 2
    query.raw = query.copy()
    query.obsm["X_pca"] = rng.normal(size=(query.n_obs, 3))
    query.obsp["near"] = sparse.random(query.n_obs, query.n_obs, 0.1, "csr", rng=rng)
    query.varm["loadings"] = rng.normal(size=(query.n_vars, 2))
    query.uns["note"] = {"by": "hand"}
    query.uns["spatial"] = {"own": {"images": {}}}
    return query


def assert_same_placement(found: ad.AnnData, expected: ad.AnnData) -> None:
    # Matrix products of other sizes round differently in the last digits of float32.
    np.testing.assert_allclose(found.obsm["X_dpvae"], expected.obsm["X_dpvae"], atol=2e-3)
    off = np.abs(found.obsm["spatial"] - expected.obsm["spatial"]).max(axis=1)
    # The solver, which weighs anchors anew at each step, makes more of them for a few cells.
    assert (off < 2e-3).mean() > 0.98
    assert off.max() < 0.2
    for key in ("dpvae_radius", "dpvae_radius_wide", "dpvae_likeness"):
        np.testing.assert_allclose(found.obs[key], expected.obs[key], rtol=1e-3, atol=1e-4)
    assert (found.obs["dpvae_status"] == expected.obs["dpvae_status"]).all()
    assert list(found.uns["spatial"]) == list(expected.uns["spatial"])
    about, other = found.uns["dpvae"], expected.uns["dpvae"]
    assert about.keys() == other.keys()
    for key in ("standardised_by", "calibrated_as", "expression", "model", "genes_missing"):
        assert about[key] == other[key]
    for key, value in other["platform_gap"].items():
        assert about["platform_gap"][key] == pytest.approx(value)


@pytest.mark.parametrize("chunk", [7, pytest.param(50, marks=pytest.mark.slow), 4096])
@pytest.mark.parametrize("gap", [True, False])
def test_streamed_is_what_is_placed_in_memory_whatever_the_chunk(
    phantom: Phantom,
    model: dpv.DPVAE,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    chunk: int,
    gap: bool,
) -> None:
    cells = phantom.query if gap else phantom.reference[::3].copy()
    cells.write_h5ad(tmp_path / "query.h5ad")
    expected = model.place(cells)
    assert expected.uns["dpvae"]["standardised_by"] == ("query" if gap else "reference")
    monkeypatch.setattr("napari_dpvae.expression.aligned.CHUNK", chunk)
    monkeypatch.setattr("napari_dpvae.data.values.CHUNK", 10 * chunk)
    monkeypatch.setattr("napari_dpvae.data.structure.INDICES_AT_ONCE", 10 * chunk)
    told = dpv.place_file(model, tmp_path / "query.h5ad", tmp_path / "placed.h5ad")
    assert_same_placement(told, expected)
    assert_same_placement(dpv.read_placed(tmp_path / "placed.h5ad"), expected)


@pytest.mark.parametrize(
    ("convert", "backed"),
    [
        (sparse.csr_matrix, True),
        (sparse.csc_matrix, True),
        (lambda x: x.toarray(), True),
        (lambda x: x.toarray().astype(np.uint16), True),
        (lambda x: x.log1p(), True),
    ],
    ids=["rows", "columns", "dense", "uint16", "logarithms"],
)
def test_every_kind_of_matrix_is_placed(
    phantom: Phantom,
    model: dpv.DPVAE,
    tmp_path: Path,
    convert: Callable[[Matrix], object],
    backed: bool,
) -> None:
    cells = phantom.query.copy()
    cells.X = convert(cells.X)
    cells.write_h5ad(tmp_path / "query.h5ad")
    with opened_query(tmp_path / "query.h5ad") as opened:
        assert is_backed(opened) == backed
    placed = dpv.place_file(model, tmp_path / "query.h5ad", tmp_path / "placed.h5ad")
    assert_same_placement(placed, model.place(dpv.read_query(tmp_path / "query.h5ad")))


def test_counts_in_a_layer_are_found_as_in_memory(
    query: ad.AnnData, model: dpv.DPVAE, tmp_path: Path
) -> None:
    query.layers["counts"] = query.X.copy()
    query.X = query.X.power(0.3)
    query.write_h5ad(tmp_path / "query.h5ad")
    for layer in (None, "counts", "X"):
        placed = dpv.place_file(
            model, tmp_path / "query.h5ad", tmp_path / "placed.h5ad", layer=layer
        )
        expected = model.place(dpv.read_query(tmp_path / "query.h5ad", layer=layer))
        assert_same_placement(placed, expected)


def test_a_value_that_is_stored_in_two_parts_is_their_sum(
    phantom: Phantom, model: dpv.DPVAE, tmp_path: Path
) -> None:
    cells, x = phantom.query.copy(), sparse.csr_matrix(phantom.query.X)
    cells.X = sparse.csr_matrix(
        (np.repeat(x.data / 2, 2), np.repeat(x.indices, 2), 2 * x.indptr), x.shape
    )
    cells.write_h5ad(tmp_path / "query.h5ad")
    placed = dpv.place_file(model, tmp_path / "query.h5ad", tmp_path / "placed.h5ad")
    assert_same_placement(placed, model.place(phantom.query))


def test_everything_else_in_the_file_is_kept(
    query: ad.AnnData, model: dpv.DPVAE, tmp_path: Path
) -> None:
    query.write_h5ad(tmp_path / "query.h5ad")
    before = (tmp_path / "query.h5ad").read_bytes()
    dpv.place_file(model, tmp_path / "query.h5ad", tmp_path / "placed.h5ad")
    found = ad.read_h5ad(tmp_path / "placed.h5ad")
    assert_same_placement(found, model.place(query))
    np.testing.assert_array_equal(found.X.toarray(), query.X.toarray())
    np.testing.assert_array_equal(found.layers["twice"].toarray(), 2 * query.X.toarray())
    np.testing.assert_array_equal(found.raw.X.toarray(), query.raw.X.toarray())
    np.testing.assert_array_equal(found.obsp["near"].toarray(), query.obsp["near"].toarray())
    np.testing.assert_array_equal(found.obsm["X_pca"], query.obsm["X_pca"])
    np.testing.assert_array_equal(found.varm["loadings"], query.varm["loadings"])
    assert found.uns["note"] == {"by": "hand"}
    assert found.obs["cell_type"].equals(query.obs["cell_type"])
    assert (tmp_path / "query.h5ad").read_bytes() == before


def test_a_file_is_placed_into_itself_and_again(
    query: ad.AnnData, model: dpv.DPVAE, tmp_path: Path
) -> None:
    file = tmp_path / "query.h5ad"
    query.write_h5ad(file)
    for _ in range(2):
        dpv.place_file(model, file, file)
        assert_same_placement(dpv.read_placed(file), model.place(query))
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("suffix", [".h5ad", ".zarr", ".csv"])
def test_the_matrix_is_left_out_on_request(
    query: ad.AnnData, model: dpv.DPVAE, tmp_path: Path, suffix: str
) -> None:
    query.write_h5ad(tmp_path / "query.h5ad")
    out = tmp_path / f"placed{suffix}"
    bare = dpv.place_file(model, tmp_path / "query.h5ad", out, matrix=False)
    assert bare.X is None
    assert_same_placement(bare, model.place(query))
    assert out.exists()
    if suffix == ".h5ad":
        found = ad.read_h5ad(out)
        assert found.X is None and not found.layers and found.raw is None
        assert_same_placement(found, bare)


def test_genes_are_given_the_names_of_the_panel(
    phantom: Phantom, model: dpv.DPVAE, tmp_path: Path
) -> None:
    cells = phantom.query.copy()
    cells.var_names = "other_" + cells.var_names
    cells.write_h5ad(tmp_path / "query.h5ad")
    table = dict(zip(cells.var_names, phantom.query.var_names, strict=True))
    dpv.place_file(model, tmp_path / "query.h5ad", tmp_path / "placed.h5ad", gene_table=table)
    found = dpv.read_placed(tmp_path / "placed.h5ad")
    assert_same_placement(found, model.place(phantom.query))
    assert found.var_names.equals(phantom.query.var_names)
    assert list(found.var["query_gene"]) == list(cells.var_names)


def test_known_places_are_kept(phantom: Phantom, model: dpv.DPVAE, tmp_path: Path) -> None:
    cells = phantom.query.copy()
    known = np.full((cells.n_obs, 2), np.nan)
    known[::5] = phantom.truth.to_numpy()[::5]
    cells.obsm["known"] = known
    cells.write_h5ad(tmp_path / "query.h5ad")
    placed = dpv.place_file(
        model, tmp_path / "query.h5ad", tmp_path / "placed.h5ad", known_key="known", mode="impute"
    )
    np.testing.assert_array_equal(placed.obsm["spatial"][::5], known[::5])
    assert_same_placement(placed, model.place(cells, known_key="known", mode="impute"))


@pytest.mark.parametrize("where", ["solve", "write"])
def test_what_is_interrupted_leaves_only_what_to_go_on_with(
    query: ad.AnnData,
    model: dpv.DPVAE,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
) -> None:
    query.write_h5ad(tmp_path / "query.h5ad")
    monkeypatch.setattr("napari_dpvae.expression.aligned.CHUNK", 50)

    def stop(*arguments: object) -> None:
        if where == "write" or arguments[0] > 0.3:
            raise KeyboardInterrupt

    if where == "write":
        monkeypatch.setattr("napari_dpvae.data.write._write_new", stop)
    with pytest.raises(KeyboardInterrupt):
        dpv.place_file(
            model,
            tmp_path / "query.h5ad",
            tmp_path / "placed.h5ad",
            progress=stop if where == "solve" else None,
        )
    names = {file.name for file in tmp_path.iterdir()}
    assert names == {"query.h5ad", "placed.h5ad.unfinished"}
    monkeypatch.undo()
    dpv.place_file(model, tmp_path / "query.h5ad", tmp_path / "placed.h5ad", resume=True)
    assert {file.name for file in tmp_path.iterdir()} == {"query.h5ad", "placed.h5ad"}


@pytest.mark.parametrize(
    ("part", "place", "value", "said"),
    [
        ("indices", 5, 10**6, "go beyond its shape"),
        ("indices", 5, -1, "go beyond its shape"),
        ("indptr", 3, 10**6, "pointers do not rise"),
        ("data", 5, np.nan, "not finite"),
        ("data", 5, -1.0, "negative"),
    ],
)
def test_a_damaged_matrix_is_refused(
    phantom: Phantom,
    model: dpv.DPVAE,
    tmp_path: Path,
    refuses: Refuses,
    part: str,
    place: int,
    value: float,
    said: str,
) -> None:
    phantom.query.write_h5ad(tmp_path / "query.h5ad")
    with h5py.File(tmp_path / "query.h5ad", "r+") as file:
        file["X"][part][place] = value
    with refuses(said):
        dpv.place_file(model, tmp_path / "query.h5ad", tmp_path / "placed.h5ad")
    assert not (tmp_path / "placed.h5ad").exists()


@pytest.mark.parametrize(
    ("kind", "layer", "source", "suffix"),
    [
        pytest.param("rows", None, ".zarr", ".h5ad", marks=pytest.mark.slow),
        pytest.param("rows", "raw", ".h5ad", ".zarr", marks=pytest.mark.slow),
        ("columns", "twice", ".h5ad", ".h5ad"),
        ("columns", None, ".zarr", ".zarr"),
        pytest.param("dense", None, ".zarr", ".zarr", marks=pytest.mark.slow),
        ("dense", "twice", ".zarr", ".h5ad"),
        ("dense", "raw", ".h5ad", ".h5ad"),
    ],
)
def test_all_of_a_file_is_in_another(
    query: ad.AnnData,
    model: dpv.DPVAE,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    layer: str | None,
    source: str,
    suffix: str,
) -> None:
    convert = {"rows": sparse.csr_matrix, "columns": sparse.csc_matrix, "dense": Matrix.toarray}
    query = query[::3].copy()
    query.layers["log norm"] = query.X.log1p()
    query.X = convert[kind](query.X)
    query.layers["twice"] = convert[kind](query.layers["twice"])
    getattr(query, "write_zarr" if source == ".zarr" else "write_h5ad")(tmp_path / f"q{source}")
    expected = dpv.read_query(tmp_path / f"q{source}", layer=layer)
    for name in ("rows", "matrices"):
        monkeypatch.setattr(f"napari_dpvae.data.{name}.AT_ONCE", 500)
    monkeypatch.setattr("napari_dpvae.data.backed.read_query", None)
    dpv.place_file(model, tmp_path / f"q{source}", tmp_path / f"placed{suffix}", layer=layer)
    found = dpv.read_placed(tmp_path / f"placed{suffix}")
    assert_same_placement(found, model.place(expected))
    assert found.var_names.equals(expected.var_names)
    whole = {"X": (found.X, expected.X)}
    for new, old in zip(*map(sorted, map(named_layers, (found, expected))), strict=True):
        whole[old] = (found.layers[new], expected.layers[old])
    assert (found.raw is None) == (expected.raw is None) == (layer == "raw")
    if found.raw is not None:
        whole["raw"] = (found.raw.X, expected.raw.X)
    for one, other in whole.values():
        np.testing.assert_array_equal(*(Matrix(x).toarray() for x in (one, other)))
    for key in ("obsp", "varm"):
        assert getattr(found, key).keys() == getattr(expected, key).keys()
    assert "X_pca" in found.obsm and found.uns["note"] == {"by": "hand"}


@pytest.mark.parametrize("name", ["query.h5ad", "query.zarr"])
def test_the_matrix_is_never_read_as_a_whole(
    phantom: Phantom,
    model: dpv.DPVAE,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    write = phantom.query.write_h5ad if name.endswith("h5ad") else phantom.query.write_zarr
    write(tmp_path / name)
    with opened_query(tmp_path / name) as opened:
        kind = type(opened.X)
    most, read = [], kind.__getitem__

    def watched(self: ad.abc.CSRDataset, index: object) -> Matrix:
        part = read(self, index)
        most.append(part.shape[0])
        return part

    monkeypatch.setattr("napari_dpvae.expression.aligned.CHUNK", 16)
    monkeypatch.setattr("napari_dpvae.data.values.CHUNK", 100)
    monkeypatch.setattr("napari_dpvae.expression.units.SAMPLE", 10)
    monkeypatch.setattr("napari_dpvae.data.values.SAMPLE", 1)
    monkeypatch.setattr(kind, "__getitem__", watched)
    dpv.place_file(model, tmp_path / name, tmp_path / "placed.h5ad", matrix=False)
    assert most and max(most) <= 16


@pytest.mark.parametrize("output", ["placed.h5ad", "placed.csv", "placed.zarr"])
def test_a_store_is_placed_like_a_file(
    phantom: Phantom, model: dpv.DPVAE, placed: ad.AnnData, tmp_path: Path, output: str
) -> None:
    phantom.query.write_zarr(tmp_path / "query.zarr")
    found = dpv.place_file(model, tmp_path / "query.zarr", tmp_path / output)
    np.testing.assert_allclose(found.obsm["spatial"], placed.obsm["spatial"], atol=1e-3)
    if not output.endswith("csv"):
        again = dpv.read_placed(tmp_path / output)
        np.testing.assert_array_equal(again.X.toarray(), phantom.query.X.toarray())


@pytest.mark.parametrize("output", ["placed.h5ad", "placed.csv", "placed.zarr"])
def test_a_matrix_of_cell_ranger_stays_in_its_file(
    phantom: Phantom, model: dpv.DPVAE, tmp_path: Path, refuses: Refuses, output: str
) -> None:
    path, query = tmp_path / "q.h5", phantom.query.copy()
    query.var_names = [*query.var_names[:-1], query.var_names[-2]]
    write_h5(query, path)
    with opened_query(path) as opened:
        assert is_backed(opened) and opened.var_names.is_unique
    expected = model.place(dpv.read_query(path))
    assert_same_placement(dpv.place_file(model, path, tmp_path / output), expected)
    if not output.endswith("csv"):
        again = dpv.read_placed(tmp_path / output)
        np.testing.assert_array_equal(again.X.toarray(), query.X.toarray())
    write_h5(query, tmp_path / "damaged.h5")
    with h5py.File(tmp_path / "damaged.h5", "r+") as file:
        file["matrix/indices"][7] = 10**6
    with refuses("beyond its shape"):
        dpv.place_file(model, tmp_path / "damaged.h5", tmp_path / output)


def test_proteins_of_cell_ranger_are_read_with_the_rest(
    phantom: Phantom, model: dpv.DPVAE, tmp_path: Path
) -> None:
    kinds = ["Gene Expression"] * 295 + ["Antibody Capture"] * 5
    write_h5(phantom.query, tmp_path / "q.h5", kinds)
    with opened_query(tmp_path / "q.h5") as opened:
        assert not is_backed(opened) and "Antibody_Capture" in opened.obsm
    dpv.place_file(model, tmp_path / "q.h5", tmp_path / "placed.h5ad")
    assert dpv.read_placed(tmp_path / "placed.h5ad").obsm["Antibody_Capture"].shape == (120, 5)


def test_a_damaged_store_is_refused(
    phantom: Phantom, model: dpv.DPVAE, tmp_path: Path, refuses: Refuses
) -> None:
    phantom.query.write_zarr(tmp_path / "query.zarr")
    group = zarr.open_group(tmp_path / "query.zarr", mode="r+")
    indices = group["X/indices"][:]
    indices[7] = 10**6
    group["X/indices"][:] = indices
    with refuses("beyond its shape"):
        dpv.place_file(model, tmp_path / "query.zarr", tmp_path / "placed.csv")
