"""10x matrices in every naming, of several kinds of features, damaged and forged."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import io as sio
from scipy import sparse

from napari_dpvae import read_query, read_reference

KINDS = ["Gene Expression"] * 290 + ["Antibody Capture"] * 7 + ["Multiplexing/Capture"] * 3


def write_h5(cells: ad.AnnData, path: Path, kinds: list[str] | None = None) -> None:
    x = sparse.csr_matrix(cells.X)
    with h5py.File(path, "w") as file:
        matrix = file.create_group("matrix")
        matrix["barcodes"] = np.array(cells.obs_names, "S")
        matrix["data"], matrix["indptr"] = x.data.astype(np.int32), x.indptr.astype(np.int64)
        matrix["indices"] = x.indices.astype(np.int64)
        matrix["shape"] = np.array(cells.shape[::-1], np.int32)
        features = matrix.create_group("features")
        features["id"] = np.array([f"ENSG{i:011d}" for i in range(cells.n_vars)], "S")
        features["name"] = np.array(cells.var_names, "S")
        features["feature_type"] = np.array(kinds or ["Gene Expression"] * cells.n_vars, "S")
        features["genome"] = np.array(["GRCh38"] * cells.n_vars, "S")


def write_mtx(
    cells: ad.AnnData,
    folder: Path,
    *,
    end: str = "",
    genes: str = "features.tsv",
    columns: int = 3,
    prefix: str = "",
    heading: bool = False,
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    matrix = io.BytesIO()
    sio.mmwrite(matrix, sparse.coo_matrix(sparse.csr_matrix(cells.X).T.astype(int)))
    rows = ["\t".join(["id", "name", "type"][:columns])] if heading else []
    for i, name in enumerate(cells.var_names):
        row = [f"ENSG{i:011d}", name, "Gene Expression"] if columns > 1 else [name]
        rows.append("\t".join(row[:columns]))
    parts = {
        "matrix.mtx": matrix.getvalue(),
        "barcodes.tsv": "\n".join(cells.obs_names).encode(),
        genes: "\n".join(rows).encode(),
    }
    for name, content in parts.items():
        packed = gzip.compress(content) if end else content
        (folder / f"{prefix}{name}{end}").write_bytes(packed)
    return folder


@pytest.fixture
def query(phantom: Any) -> ad.AnnData:
    return phantom.query.copy()


def assert_same(found: ad.AnnData, expected: ad.AnnData) -> None:
    assert found.obs_names.tolist() == expected.obs_names.tolist()
    assert found.var_names.tolist() == expected.var_names.tolist()
    np.testing.assert_array_equal(found.X.toarray(), expected.X.toarray())


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize(("genes", "columns"), [("features.tsv", 3), ("genes.tsv", 2)])
@pytest.mark.parametrize("prefix", ["", "GSM1_sample_"])
def test_every_naming(
    query: ad.AnnData, tmp_path: Path, end: str, genes: str, columns: int, prefix: str
) -> None:
    folder = write_mtx(query, tmp_path / "m", end=end, genes=genes, columns=columns, prefix=prefix)
    for path in (folder, folder / f"{prefix}matrix.mtx{end}"):
        found = read_query(path)
        assert_same(found, query)
        assert found.var["gene_ids"].iloc[1] == "ENSG00000000001"


def test_a_line_of_headings_and_names_alone(query: ad.AnnData, tmp_path: Path) -> None:
    assert_same(read_query(write_mtx(query, tmp_path / "headed", heading=True)), query)
    assert_same(read_query(write_mtx(query, tmp_path / "names", columns=1)), query)


def test_a_matrix_of_cells_by_genes(query: ad.AnnData, tmp_path: Path) -> None:
    folder = write_mtx(query, tmp_path / "m")
    sio.mmwrite(folder / "matrix.mtx", sparse.coo_matrix(query.X.astype(int)))
    assert_same(read_query(folder), query)


@pytest.mark.parametrize("inner", ["filtered_feature_bc_matrix", "filtered_gene_bc_matrices/hg19"])
def test_the_folder_of_outputs(query: ad.AnnData, tmp_path: Path, inner: str) -> None:
    write_mtx(query, tmp_path / "run" / "outs" / inner)
    (tmp_path / "run" / "outs" / "web_summary.html").write_text("<html>")
    assert_same(read_query(tmp_path / "run"), query)
    write_h5(query, tmp_path / "run" / "outs" / "filtered_feature_bc_matrix.h5")
    write_h5(query[:9].copy(), tmp_path / "run" / "outs" / "raw_feature_bc_matrix.h5")
    assert_same(read_query(tmp_path / "run" / "outs"), query)


def test_other_features_travel_along(
    query: ad.AnnData, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_h5(query, tmp_path / "q.h5", KINDS)
    found = read_query(tmp_path / "q.h5")
    assert_same(found, query[:, :290].copy())
    assert "Antibody Capture" in caplog.text
    proteins = found.obsm["Antibody_Capture"]
    np.testing.assert_array_equal(proteins.toarray(), query.X[:, 290:297].toarray())
    assert found.uns["modalities"]["Antibody_Capture"].tolist() == list(query.var_names[290:297])
    assert found.obsm["Multiplexing_Capture"].shape == (query.n_obs, 3)
    found.write_h5ad(tmp_path / "again.h5ad")


def test_a_file_without_genes_is_refused(query: ad.AnnData, tmp_path: Path, refuses: Any) -> None:
    write_h5(query, tmp_path / "atac.h5", ["Peaks"] * 300)
    with refuses("no genes but Peaks"):
        read_query(tmp_path / "atac.h5")


def test_two_genomes_of_an_old_file(query: ad.AnnData, model: Any, tmp_path: Path) -> None:
    x = sparse.csr_matrix(query.X)
    with h5py.File(tmp_path / "old.h5", "w") as file:
        for genome, cells in (("GRCh38", range(120)), ("mm10", range(60, 120))):
            part = x[list(cells)]
            group = file.create_group(genome)
            group["barcodes"] = np.array(query.obs_names[list(cells)], "S")
            group["genes"] = np.array([f"{genome}ENS{i}" for i in range(300)], "S")
            names = query.var_names if genome == "GRCh38" else query.var_names.str.upper()
            group["gene_names"] = np.array(names, "S")
            group["data"] = part.data.astype(np.int32)
            group["indices"], group["indptr"] = part.indices, part.indptr
            group["shape"] = np.array(part.shape[::-1])
    found = read_query(tmp_path / "old.h5")
    assert found.shape == (120, 600)
    assert found.var_names[0] == f"GRCh38_{query.var_names[0]}"
    assert found.X[:60, 300:].sum() == 0
    np.testing.assert_allclose(
        model.place(found).obsm["spatial"], model.place(query).obsm["spatial"], atol=1e-3
    )


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("indices", 2_000_000_000, "genes that it does not name"),
        ("indices", 300, "genes that it does not name"),
        ("indices", -1, "genes that it does not name"),
        ("indptr", 2_000_000_000, "damaged"),
        ("indptr", -1000, "damaged"),
        ("shape", 7, "not of as many cells and genes"),
    ],
)
def test_a_forged_h5_is_refused(
    query: ad.AnnData, tmp_path: Path, refuses: Any, where: str, value: int, said: str
) -> None:
    write_h5(query, tmp_path / "q.h5")
    with h5py.File(tmp_path / "q.h5", "r+") as file:
        file[f"matrix/{where}"][1 if where == "shape" else 5] = value
    with refuses(said):
        read_query(tmp_path / "q.h5")


def test_a_matrix_that_does_not_fit_its_names_is_refused(
    query: ad.AnnData, tmp_path: Path, refuses: Any
) -> None:
    folder = write_mtx(query, tmp_path / "m")
    (folder / "barcodes.tsv").write_text("one\ntwo\n")
    with refuses("files beside it name 300 and 2"):
        read_query(folder)
    (folder / "barcodes.tsv").unlink()
    with refuses("no barcodes.tsv"):
        read_query(folder)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("300 120 999999999", "says it has 999,999,999 values"),
        ("1000000000000 1000000000000 1", "beside it name"),
        ("three hundred", "does not say its size"),
        ("300 120", "does not say its size"),
        ("", "no header"),
    ],
)
def test_a_forged_matrix_is_refused(
    query: ad.AnnData, tmp_path: Path, refuses: Any, header: str, said: str
) -> None:
    folder = write_mtx(query, tmp_path / "m")
    text = f"%%MatrixMarket matrix coordinate integer general\n{header}\n1 1 1\n"
    (folder / "matrix.mtx").write_text(text if header else text.splitlines()[0])
    with refuses(said):
        read_query(folder)


def test_a_matrix_that_unpacks_to_far_more_is_refused(
    query: ad.AnnData, tmp_path: Path, refuses: Any
) -> None:
    folder = write_mtx(query, tmp_path / "m", end=".gz")
    head = b"%%MatrixMarket matrix coordinate integer general\n300 120 3\n1 1 1\n"
    with gzip.open(folder / "matrix.mtx.gz", "wb") as file:
        file.write(head)
        for _ in range(64):
            file.write(b"1 1 1\n" * (1 << 17))
    with refuses("unpacks to more|not valid|[Tt]oo many"):
        read_query(folder)


PROGRAMS = {
    "kallisto": ("cells_x_genes.mtx", "cells_x_genes.barcodes.txt", "cells_x_genes.genes.txt"),
    "alevin": ("quants_mat.mtx", "quants_mat_rows.txt", "quants_mat_cols.txt"),
    "Parse": ("count_matrix.mtx", "cell_metadata.csv", "all_genes.csv"),
}


@pytest.mark.parametrize("names", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("n_cells", [120, 90])
def test_matrices_of_other_programs(
    query: ad.AnnData, tmp_path: Path, names: tuple[str, str, str], n_cells: int
) -> None:
    query = query[:n_cells, :120].copy()
    matrix, cells, genes = (tmp_path / name for name in names)
    sio.mmwrite(matrix, sparse.coo_matrix(query.X.astype(int)))
    cells.write_text("\n".join(query.obs_names) + "\n")
    genes.write_text("\n".join(query.var_names) + "\n")
    for path in (tmp_path, matrix):
        assert_same(read_query(path), query)


def test_folders_that_hold_the_folder(query: ad.AnnData, tmp_path: Path, refuses: Any) -> None:
    write_mtx(query, tmp_path / "Solo.out" / "Gene" / "filtered")
    assert_same(read_query(tmp_path / "Solo.out" / "Gene"), query)
    write_mtx(query, tmp_path / "filtered_gene_bc_matrices" / "GRCh38", genes="genes.tsv")
    assert_same(read_query(tmp_path / "filtered_gene_bc_matrices"), query)
    write_mtx(query, tmp_path / "multi" / "outs" / "per_sample_outs" / "s1" / "count" / "m")
    with refuses("name one .outs/per_sample_outs/s1/count"):
        read_query(tmp_path / "multi")


def test_places_of_a_table_beside_a_matrix(phantom: Any, tmp_path: Path) -> None:
    spots = phantom.reference
    write_mtx(spots, tmp_path / "m")
    table = pd.DataFrame(spots.obsm["spatial"], spots.obs_names, ["x", "y"])
    table[::-1].to_csv(tmp_path / "m" / "bead_locations.csv")
    for found in (
        read_reference(tmp_path / "m"),
        read_reference(tmp_path / "m", coordinates=tmp_path / "m" / "bead_locations.csv"),
    ):
        np.testing.assert_allclose(found.obsm["spatial"], spots.obsm["spatial"])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"\n", b"\n5 1\n", "says it has|not as its format"),
        (b" ", b" 1e400 ", "not as its format"),
        (b"1 ", b"-1 ", "beyond its size|not as its format"),
        (b"1 ", b"999999 ", "beyond its size"),
        (b" ", b"\x00", "not as its format|not finite"),
    ],
)
def test_lines_that_are_damaged_are_refused(
    query: ad.AnnData, tmp_path: Path, refuses: Any, old: bytes, new: bytes, said: str
) -> None:
    matrix = write_mtx(query, tmp_path / "m") / "matrix.mtx"
    *head, body = matrix.read_bytes().split(b"\n", 3)
    matrix.write_bytes(b"\n".join([*head, body.replace(old, new, 1)]))
    with refuses(said):
        read_query(matrix)


def test_a_matrix_of_pairs_is_refused(query: ad.AnnData, tmp_path: Path, refuses: Any) -> None:
    folder = write_mtx(query, tmp_path / "m")
    text = (folder / "matrix.mtx").read_text()
    (folder / "matrix.mtx").write_text(text.replace("general", "symmetric", 1))
    with refuses("of another kind than counts"):
        read_query(folder)


def test_a_folder_of_several_matrices_asks_for_one(
    query: ad.AnnData, tmp_path: Path, refuses: Any
) -> None:
    for name in ("one", "two"):
        write_h5(query, tmp_path / f"{name}_filtered_feature_bc_matrix.h5")
    with refuses(r"several matrices \(.*one_.*two_.*\): name one"):
        read_query(tmp_path)


def test_pointers_that_do_not_fit_the_cells_are_refused(
    query: ad.AnnData, tmp_path: Path, refuses: Any
) -> None:
    write_h5(query, tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        pointers = file["matrix/indptr"][()]
        del file["matrix/indptr"]
        file["matrix/indptr"] = pointers[:-3]
    with refuses("not a row pointer for each cell"):
        read_query(tmp_path / "m.h5")
