"""AnnData, MuData and loom, whole and forged."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import sparse

from napari_dpvae import read_query, read_reference
from napari_dpvae.data.formats import bounds


@pytest.fixture
def query(phantom: Any) -> ad.AnnData:
    return phantom.query.copy()


@pytest.fixture
def reference(phantom: Any) -> ad.AnnData:
    return phantom.reference.copy()


def assert_same(found: ad.AnnData, expected: ad.AnnData) -> None:
    assert found.obs_names.tolist() == expected.obs_names.tolist()
    assert found.var_names.tolist() == expected.var_names.tolist()
    x = found.X.toarray() if sparse.issparse(found.X) else found.X
    np.testing.assert_array_equal(x, expected.X.toarray())


def test_a_store_of_anndata(reference: ad.AnnData, tmp_path: Path) -> None:
    reference.write_zarr(tmp_path / "r.zarr")
    found = read_reference(tmp_path / "r.zarr")
    assert_same(found, reference)
    np.testing.assert_array_equal(found.obsm["spatial"], reference.obsm["spatial"])


def test_names_do_not_matter(query: ad.AnnData, tmp_path: Path) -> None:
    query.write_h5ad(tmp_path / "q.h5ad")
    for name in ("Q.H5AD", "cells.h5", "cells", "réf (1).loom"):
        shutil.copy(tmp_path / "q.h5ad", tmp_path / name)
        assert_same(read_query(tmp_path / name), query)


def test_a_file_of_an_old_anndata(reference: ad.AnnData, tmp_path: Path) -> None:
    path = tmp_path / "old.h5ad"
    reference.obs["kind"] = pd.Categorical(["a", "b", "c"] * (reference.n_obs // 3))
    reference.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        obs = file["obs"]
        obs.attrs["encoding-version"] = "0.1.0"
        categories = obs.create_group("__categories")
        names, codes = obs["kind/categories"][()], obs["kind/codes"][()]
        del obs["kind"]
        categories["kind"] = names
        categories["kind"].attrs["ordered"] = False
        obs["kind"] = codes
        obs["kind"].attrs["categories"] = categories["kind"].ref
    assert read_reference(path).obs["kind"].tolist() == reference.obs["kind"].tolist()


def write_mudata(path: Path, parts: dict[str, ad.AnnData]) -> None:
    """By mudata's published layout."""
    names = next(iter(parts.values())).obs_names
    with h5py.File(path, "w") as file:
        file.attrs["encoding-type"] = "MuData"
        ad.io.write_elem(file, "obs", pd.DataFrame(index=names))
        ad.io.write_elem(file, "var", pd.DataFrame(index=pd.Index([], dtype=str)))
        group = file.create_group("mod")
        for name, part in parts.items():
            ad.io.write_elem(group, name, part)


def test_genes_of_several_modalities(query: ad.AnnData, tmp_path: Path, refuses: Any) -> None:
    names = pd.DataFrame(index=["CD3", "CD4", "CD8"])
    proteins = ad.AnnData(np.arange(360.0).reshape(120, 3), obs=query.obs[[]], var=names)
    turned = proteins[::-1].copy()
    write_mudata(tmp_path / "q.h5mu", {"prot": turned, "rna": query})
    found = read_query(tmp_path / "q.h5mu")
    assert_same(found, query)
    np.testing.assert_array_equal(found.obsm["prot"], proteins.X)
    assert found.uns["modalities"]["prot"].tolist() == ["CD3", "CD4", "CD8"]
    write_mudata(tmp_path / "no.h5mu", {"prot": proteins, "atac": proteins})
    with refuses(r"none of its modalities \(.*prot.*\) is called rna"):
        read_query(tmp_path / "no.h5mu")


def test_loom(query: ad.AnnData, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "q.loom", "w") as file:
        file["matrix"] = query.X.toarray().T
        file["row_attrs/Gene"] = np.array(query.var_names, "S")
        file["row_attrs/Accession"] = np.array([f"ENSG{i:011d}" for i in range(300)], "S")
        file["col_attrs/CellID"] = np.array(query.obs_names, "S")
        file["col_attrs/depth"] = np.arange(120.0)
        file["layers/spliced"] = query.X.toarray().T * 2
    found = read_query(tmp_path / "q.loom")
    assert_same(found, query)
    assert found.var["Accession"].iloc[3] == "ENSG00000000003"
    assert found.obs["depth"].iloc[5] == 5
    np.testing.assert_array_equal(found.layers["spliced"].toarray(), query.X.toarray() * 2)


def external(file: h5py.File, secret: Path) -> None:
    file["uns/note"] = h5py.ExternalLink(str(secret), "/x")


def external_bytes(file: h5py.File, secret: Path) -> None:
    file["uns"].create_dataset("note", (9,), "u1", external=[(str(secret), 0, 9)])


def virtual(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource(str(secret), "x", (3,))
    file["uns"].create_virtual_dataset("note", layout)


def dangling(file: h5py.File, secret: Path) -> None:
    file["uns/note"] = h5py.SoftLink("/nowhere")


def ring(file: h5py.File, secret: Path) -> None:
    file["uns/note"] = file["/"]
    file["uns/deep"] = h5py.ExternalLink(str(secret), "/x")


def enormous(file: h5py.File, secret: Path) -> None:
    file["uns"].create_dataset("note", (10**13,), "f8", chunks=(1024,))


def repeated(file: h5py.File, secret: Path) -> None:
    file["obs/one"] = np.arange(120)
    file["obs"].attrs["column-order"] = ["one"] * 1000


def zeros(file: h5py.File, secret: Path) -> None:
    note = file["uns"].create_dataset("note", (10**10,), "f8", chunks=(10**5,), compression=9)
    note[: 10**5] = 0.0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (external, "uns/note is a link to another file"),
        (external_bytes, "uns/note is stored in another file"),
        (virtual, "uns/note is stored in another file"),
        (dangling, "uns/note is a link to nothing"),
        (repeated, "obs names a column more than once"),
        (zeros, "claims 80.0 GB of which only"),
        (ring, "uns/deep is a link to another file"),
        (enormous, "claims 80,000.0 GB of which none is stored"),
    ],
)
def test_what_reaches_out_of_a_file_is_refused(
    query: ad.AnnData, tmp_path: Path, refuses: Any, change: Any, said: str
) -> None:
    query.write_h5ad(tmp_path / "q.h5ad")
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["x"] = np.arange(3.0)
    with h5py.File(tmp_path / "q.h5ad", "r+") as file:
        change(file, tmp_path / "secret.h5")
    with refuses(said):
        read_query(tmp_path / "q.h5ad")


def test_a_link_within_a_file_is_followed(query: ad.AnnData, tmp_path: Path) -> None:
    query.uns["one"] = np.arange(3)
    query.write_h5ad(tmp_path / "q.h5ad")
    with h5py.File(tmp_path / "q.h5ad", "r+") as file:
        file["uns/two"] = h5py.SoftLink("/uns/one")
    assert read_query(tmp_path / "q.h5ad").uns["two"].tolist() == [0, 1, 2]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
def test_special_files_and_links_out_of_a_store_are_refused(
    reference: ad.AnnData, tmp_path: Path, refuses: Any
) -> None:
    os.mkfifo(tmp_path / "pipe.h5ad")
    with refuses("neither a file nor a folder"):
        read_query(tmp_path / "pipe.h5ad")
    reference.write_zarr(tmp_path / "r.zarr")
    (tmp_path / "secret").write_text("secret")
    os.symlink(tmp_path / "secret", tmp_path / "r.zarr" / "uns" / "secret")
    with refuses("uns/secret in it is a link to something outside"):
        read_reference(tmp_path / "r.zarr")


@pytest.mark.parametrize("where", ["X", "layers/counts", "raw/X", "obsm/other"])
@pytest.mark.parametrize(
    ("part", "at", "value"),
    [
        ("indices", 5, 2_000_000_000),
        ("indices", 5, 300),
        ("indices", 5, -1),
        ("indptr", 5, 2_000_000_000),
        ("indptr", 5, -1000),
        ("indptr", -1, 10**6),
        ("indptr", 0, 3),
    ],
)
def test_sparse_matrices_that_do_not_fit_are_refused(
    query: ad.AnnData, tmp_path: Path, refuses: Any, where: str, part: str, at: int, value: int
) -> None:
    query.raw = query
    query.layers["counts"] = query.X.copy()
    query.obsm["other"] = query.X.copy()
    query.write_h5ad(tmp_path / "q.h5ad")
    with h5py.File(tmp_path / "q.h5ad", "r+") as file:
        file[f"{where}/{part}"][at] = value
    with refuses("damaged|Cannot read"):
        read_query(tmp_path / "q.h5ad")


def test_values_that_are_stored_in_parts_are_summed(query: ad.AnnData, tmp_path: Path) -> None:
    x = query.X.tocsr()
    halves = sparse.csr_matrix(
        (np.repeat(x.data / 2, 2), np.repeat(x.indices, 2), x.indptr * 2), shape=x.shape
    )
    assert not halves.has_canonical_format
    query.write_h5ad(tmp_path / "q.h5ad")
    with h5py.File(tmp_path / "q.h5ad", "r+") as file:
        for part in ("data", "indices", "indptr"):
            del file[f"X/{part}"]
            file[f"X/{part}"] = getattr(halves, part)
    assert_same(read_query(tmp_path / "q.h5ad"), query)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "q.h5ad.gz",
            gzip.compress(b"\x89HDF", mtime=0),
            "packed with gzip: unpack the .h5ad first",
        ),
        ("q.zip", b"PK\x03\x04rest", "packed as zip"),
        ("q.rds", b"\x1f\x8bX", "a file of R: convert it"),
        ("q.gef", b"anything", "a .gef file: convert it"),
        ("q.h5ad", b"<!DOCTYPE html><html>404</html>", "a web page"),
        ("q.h5ad", b"", "is empty"),
        ("q.h5ad", b"\x89HDF\r\n\x1a\n", "no whole HDF5 file"),
        ("q.bin", b"\x00\x01\x02", "none of the formats"),
    ],
)
def test_what_else_people_have_gets_a_word(
    tmp_path: Path, refuses: Any, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    for read in (read_query, read_reference):
        with refuses(said):
            read(tmp_path / name)


def test_hdf5_of_something_else_names_what_is_in_it(tmp_path: Path, refuses: Any) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["assays"] = np.arange(3)
    with refuses(r"neither AnnData, 10x, loom nor MuData \(it has assays\)"):
        read_query(tmp_path / "x.h5")


def test_a_store_that_claims_too_much_is_refused(
    reference: ad.AnnData, tmp_path: Path, refuses: Any
) -> None:
    reference.write_zarr(tmp_path / "r.zarr")
    uns = zarr.open_group(tmp_path / "r.zarr" / "uns", mode="r+")
    uns.create_array("note", shape=(10**13,), chunks=(10**5,), dtype="f8")
    zarr.consolidate_metadata(tmp_path / "r.zarr")
    with refuses("needs 80,000 GB"):
        read_reference(tmp_path / "r.zarr")


def test_a_store_with_a_group_for_an_array_is_refused(
    query: ad.AnnData, tmp_path: Path, refuses: Any
) -> None:
    query.write_zarr(tmp_path / "q.zarr")
    zarr.open_group(tmp_path / "q.zarr")["obsm"].create_array("X/pca", data=np.zeros((120, 2)))
    zarr.consolidate_metadata(tmp_path / "q.zarr")
    with refuses(r"obsm\['X/pca'\] has a / in its name"):
        read_query(tmp_path / "q.zarr")


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_cells_that_a_modality_lacks_have_nothing_in_it(
    query: ad.AnnData, tmp_path: Path, form: Any
) -> None:
    """Genes are known by what they say of themselves; the file has places for all its cells."""
    query.var["feature_types"] = "Gene Expression"
    counts = np.arange(1.0, 361).reshape(120, 3)
    proteins = ad.AnnData(form(counts), obs=query.obs[[]], var=pd.DataFrame(index=list("abc")))
    part = proteins[:0:-1].copy()
    path = tmp_path / "q.h5mu"
    write_mudata(path, {"first": query, "prot": part})
    umap = np.arange(240.0).reshape(120, 2)
    with h5py.File(path, "r+") as file:
        # Its cells are listed in another order than those of the genes.
        del file["obs"]
        ad.io.write_elem(file, "obs", pd.DataFrame(index=query.obs_names[::-1]))
        file["obsm/X_umap"] = umap[::-1]
    found = read_query(path)
    np.testing.assert_array_equal(found.obsm["X_umap"], umap)
    held = found.obsm["prot"]
    held = held.toarray() if sparse.issparse(held) else np.asarray(held)
    np.testing.assert_array_equal(held[1:], counts[1:])
    assert not np.nan_to_num(held[0]).any()


def test_a_loom_without_names_of_cells_numbers_them(
    query: ad.AnnData, tmp_path: Path, refuses: Any
) -> None:
    path = tmp_path / "q.loom"
    with h5py.File(path, "w") as file:
        file["matrix"] = query.X.toarray().T
        file["row_attrs/Gene"] = np.array(query.var_names, "S")
        file["col_attrs/depth"] = np.arange(120.0)
        file["layers/other"] = np.zeros((3, 3))
    found = read_query(path)
    assert found.obs_names[7] == "cell7" and not found.layers
    with h5py.File(path, "r+") as file:
        file["col_attrs/CellID"] = np.array([f"c{i}" for i in range(7)], "S")
    with refuses("does not fit its genes and cells"):
        read_query(path)
    with h5py.File(path, "r+") as file:
        file.move("row_attrs/Gene", "row_attrs/chromosome")
    with refuses("nothing in it names its genes, such as .*: it has chromosome"):
        read_query(path)


def test_a_folder_of_very_many_files_is_no_store(
    reference: ad.AnnData, tmp_path: Path, refuses: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference.write_zarr(tmp_path / "r.zarr")
    monkeypatch.setattr(bounds, "MOST_FILES", 20)
    with refuses("it has more than 20 files"):
        read_reference(tmp_path / "r.zarr")


def test_the_only_modality_is_that_of_the_genes(query: ad.AnnData, tmp_path: Path) -> None:
    write_mudata(tmp_path / "q.h5mu", {"only": query})
    assert_same(read_query(tmp_path / "q.h5mu"), query)
