"""10x matrices: the ``.h5`` of every Cell Ranger, and folders with ``matrix.mtx`` in any naming."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from napari_dpvae.data.formats.bounds import MOST_GZIP, check_memory, opened
from napari_dpvae.data.formats.hdf5 import hdf5
from napari_dpvae.data.formats.modalities import KIND, are_genes, genes_alone
from napari_dpvae.data.numbers_in_text import FLOATS
from napari_dpvae.data.structure import check_structure
from napari_dpvae.errors import DataError

MATRIX = re.compile(r"(matrix|cells_x_genes|quants_mat|counts)\.mtx(\.gz)?$", re.I)
"""What programs call the matrix."""
CELLS_FIRST = re.compile(r"cells_x|quants_mat|count_?matrix", re.I)
"""Those whose rows are cells, where the numbers of cells and genes do not say it."""
BARCODES = ("barcodes", "cells", "rows", "cell_metadata")
FEATURES = ("features", "genes.names", "genes", "cols", "all_genes")
"""What they call the names of cells and of genes."""
ENDS = (".tsv", ".tsv.gz", ".txt", ".txt.gz", ".csv", ".csv.gz")
HEADING = re.compile(r"barcode|bc_|cell|gene|feature|name|\bid\b|symbol|^(x|v1)$", re.I)
"""A word above the names of cells or genes."""
KINDS = [[kind, b"general"] for kind in (b"integer", b"real", b"pattern", b"unsigned-integer")]
"""Of MatrixMarket, in its first line."""
LONGEST_ENTRY = 80
"""Bytes of a line of ``matrix.mtx``."""
SHORTEST_ENTRY = 6
HEADER = 1 << 20
"""Bytes for the header and its comments."""


def read_tenx_h5(path: Path) -> ad.AnnData:
    """Read a ``.h5`` of Cell Ranger or Space Ranger, of one genome or of several.

    Raises
    ------
    DataError
        When it is damaged.
    """
    with hdf5(path) as file:
        if "matrix" in file:
            cells = _of_group(file["matrix"], path, *_features(file["matrix"]["features"]))
            if "library_ids" in file.attrs:
                cells.uns["library_ids"] = _text(np.atleast_1d(file.attrs["library_ids"]))
        else:
            cells = _of_genomes(file, path)
    return genes_alone(cells, path)


def tenx_in_file(file: h5py.File, path: Path, stack: ExitStack) -> ad.AnnData | None:
    """Cells whose matrix stays in a ``.h5`` of Cell Ranger 3 or later.

    None for one of an older kind, or with features that are no genes. Its matrix is by cells, but
    says so in another way than AnnData: a file with three links to it says it in that way.

    Parameters
    ----------
    file, path
        Of the matrix.
    stack
        Keeps the file with the links.
    """
    group = file.get("matrix")
    if not isinstance(group, h5py.Group) or "features" not in group:
        return None
    names, var = _features(group["features"])
    obs = pd.DataFrame(index=_text(group["barcodes"][:]))
    if not are_genes(var).all() or not _fits(group, (len(obs), len(names))):
        return None
    links = Path(stack.enter_context(TemporaryDirectory()), "links.h5")
    with h5py.File(links, "w") as made:
        rows = made.create_group("matrix")
        rows.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0"})
        rows.attrs["shape"] = (len(obs), len(names))
        for part in ("data", "indices", "indptr"):
            rows[part] = h5py.ExternalLink(str(path.resolve()), f"matrix/{part}")
    x = ad.io.sparse_dataset(stack.enter_context(h5py.File(links, "r"))["matrix"])
    check_structure(x, str(path), "its matrix")
    return ad.AnnData(x, obs=obs, var=var)


def _fits(group: h5py.Group, shape: tuple[int, int]) -> bool:
    return tuple(int(n) for n in group["shape"][:]) == shape[::-1]


def is_legacy(file: h5py.File) -> bool:
    """Whether each group is a genome of Cell Ranger 2."""
    return len(file) > 0 and all(
        isinstance(group, h5py.Group) and {"barcodes", "genes", "indptr"} <= set(group)
        for group in file.values()
    )


def _of_genomes(file: h5py.File, path: Path) -> ad.AnnData:
    """All genomes side by side; where there are several, genes begin with the genome's name."""
    parts = []
    for genome, group in file.items():
        prefix = f"{genome}_" if len(file) > 1 else ""
        names = prefix + pd.Index(_text(group["gene_names"][:]))
        var = pd.DataFrame({"gene_ids": _text(group["genes"][:]), "genome": genome}, index=names)
        parts.append(_of_group(group, path, names, var))
    return parts[0] if len(parts) == 1 else ad.concat(parts, axis=1, join="outer", merge="first")


def _features(group: h5py.Group) -> tuple[pd.Index, pd.DataFrame]:
    names = pd.Index(_text(group["name"][:]))
    var = pd.DataFrame({"gene_ids": _text(group["id"][:])}, index=names)
    for key, column in (("feature_type", KIND), ("genome", "genome")):
        if key in group:
            var[column] = _text(group[key][:])
    return names, var


def _of_group(group: h5py.Group, path: Path, names: pd.Index, var: pd.DataFrame) -> ad.AnnData:
    """Cells by genes of a matrix that is stored as genes by cells, in columns."""
    barcodes = _text(group["barcodes"][:])
    shape = (len(barcodes), len(names))
    if not _fits(group, shape):
        raise DataError(
            f"Cannot read {path}: its matrix is not of as many cells and genes as it names: "
            "the file is damaged."
        )
    indices, pointers = group["indices"][:], group["indptr"][:]
    if len(pointers) != shape[0] + 1:
        raise DataError(f"Cannot read {path}: it has not a row pointer for each cell.")
    if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < shape[1]:
        raise DataError(f"Cannot read {path}: it has values of genes that it does not name.")
    arrays = (
        group["data"][:].astype(np.float32),
        indices.astype(np.int64),
        pointers.astype(np.int64),
    )
    try:
        x = sparse.csr_matrix(arrays, shape=shape)
    except ValueError as error:
        raise DataError(f"Cannot read {path}: its matrix is damaged ({error}).") from error
    check_structure(x, str(path), "its matrix")
    x.sum_duplicates()
    return ad.AnnData(x, obs=pd.DataFrame(index=barcodes), var=var)


def _text(values: np.ndarray) -> np.ndarray:
    return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values], dtype=object)


def find_mtx(folder: Path) -> list[Path]:
    """Every matrix of counts in a folder, with any prefix, packed or not.

    Beside Cell Ranger's ``matrix.mtx`` those of other programs, if there is none: kallisto's
    ``cells_x_genes.mtx``, alevin's ``quants_mat.mtx``, ``count_matrix.mtx`` of Parse and others.
    """
    found = [path for path in sorted(folder.iterdir()) if MATRIX.search(path.name)]
    return [path for path in found if "matrix.mtx" in path.name.lower()] or found


def read_tenx_mtx(path: Path) -> ad.AnnData:
    """Read a ``matrix.mtx`` with its barcodes and features (or genes) beside it.

    Parameters
    ----------
    path
        The matrix, or the folder with it.

    Raises
    ------
    DataError
        When a part is not there, does not fit the others, or the matrix is damaged.
    """
    if path.is_dir():
        found = find_mtx(path)
        if len(found) != 1:
            names = ", ".join(entry.name for entry in found) or "no matrix.mtx"
            raise DataError(f"Cannot read {path}: it has {names}: name the one to read.")
        path = found[0]
    size = _header(path)
    barcodes = _table(_beside(path, BARCODES), size)[0]
    features = _table(_beside(path, FEATURES), size)
    x = _matrix(path, size, (len(features), len(barcodes)))
    names = pd.Index(features[min(1, features.shape[1] - 1)].to_numpy())
    var = pd.DataFrame({"gene_ids": features[0].to_numpy()}, index=names)
    if features.shape[1] > 2:
        var[KIND] = features[2].to_numpy()
    cells = ad.AnnData(x, obs=pd.DataFrame(index=barcodes.to_numpy()), var=var)
    return genes_alone(cells, path)


def _beside(matrix: Path, kinds: tuple[str, ...]) -> Path:
    """The file with barcodes or features that has the matrix's prefix, or else none."""
    prefix = MATRIX.sub("", matrix.name)
    stem = re.sub(r"\.mtx(\.gz)?$", "", matrix.name, flags=re.I)
    for start in (prefix, f"{stem}.", f"{stem}_", ""):
        for kind in kinds:
            for end in ENDS:
                if (matrix.parent / f"{start}{kind}{end}").is_file():
                    return matrix.parent / f"{start}{kind}{end}"
    raise DataError(
        f"Cannot read {matrix}: there is no {prefix}{kinds[0]}.tsv (nor .gz) beside it."
    )


def _table(path: Path, size: tuple[int, int, int]) -> pd.DataFrame:
    """The names of the matrix's rows or columns, without a line of headings."""
    with opened(path) as file:
        separator = "," if ".csv" in path.name.lower() else "\t"
        table = pd.read_csv(file, sep=separator, header=None, dtype=str, keep_default_na=False)
    more = len(table) not in size[:2] and len(table) - 1 in size[:2]
    headed = more and bool(HEADING.search(" ".join(table.iloc[0])))
    return table[1:].reset_index(drop=True) if headed else table


def _matrix(path: Path, size: tuple[int, int, int], expected: tuple[int, int]) -> sparse.csr_matrix:
    """(n_cells, n_genes) counts, with no more read than the header and the file's size allow."""
    rows, columns, entries = size
    if (rows, columns) not in (expected, expected[::-1]):
        raise DataError(
            f"Cannot read {path}: it is of {rows:,} genes and {columns:,} cells, but the files "
            f"beside it name {expected[0]:,} and {expected[1]:,}."
        )
    transposed = rows != expected[0] if rows != columns else CELLS_FIRST.search(path.name)
    if entries > rows * columns or entries * SHORTEST_ENTRY > path.stat().st_size * MOST_GZIP:
        raise DataError(f"Cannot read {path}: it says it has {entries:,} values, and cannot.")
    check_memory(entries * 24.0, path, "its matrix")
    with opened(path, HEADER + entries * LONGEST_ENTRY) as file:
        x = _entries(file, path, size).T.tocsr()
    x.sum_duplicates()
    return sparse.csr_matrix(x.T) if transposed else x


def _entries(file: BinaryIO, path: Path, size: tuple[int, int, int]) -> sparse.coo_matrix:
    """The values below the header; scipy's reader ends the process on lines that are cut short."""
    pattern = file.readline(200).split()[3:4] == [b"pattern"]
    types = {"row": np.int64, "column": np.int64} | ({} if pattern else {"value": np.float32})
    # The first line that is no comment says the size.
    table = pd.read_csv(
        file,
        sep=r"\s+",
        comment="%",
        header=0,
        names=list(types),
        dtype=types,
        index_col=False,
        **FLOATS,
    )
    rows, columns, entries = size
    row, column = table["row"].to_numpy() - 1, table["column"].to_numpy() - 1
    if len(table) != entries:
        raise DataError(
            f"Cannot read {path}: it says it has {entries:,} values and has {len(table):,}: copy "
            "it again."
        )
    if entries and (
        min(row.min(), column.min()) < 0 or row.max() >= rows or column.max() >= columns
    ):
        raise DataError(f"Cannot read {path}: it has a value beyond its size: copy it again.")
    value = np.ones(entries, np.float32) if pattern else table["value"].to_numpy()
    return sparse.coo_matrix((value, (row, column)), shape=(rows, columns))


def _header(path: Path) -> tuple[int, int, int]:
    with opened(path) as file:
        first = file.readline(200)
        if not first.startswith(b"%%MatrixMarket matrix coordinate"):
            raise DataError(f"Cannot read {path}: it is no matrix of coordinates (MatrixMarket).")
        if first.split()[3:] not in KINDS:
            raise DataError(
                f"Cannot read {path}: it is a MatrixMarket of another kind than counts."
            )
        left = HEADER
        while (line := file.readline(left)).startswith(b"%") or not line.strip():
            left -= len(line)
            if not line or left <= 0:
                raise DataError(f"Cannot read {path}: it has no header that says its size.")
    try:
        rows, columns, entries = (int(word) for word in line.split())
    except ValueError as error:
        raise DataError(f"Cannot read {path}: its header does not say its size.") from error
    return rows, columns, entries
