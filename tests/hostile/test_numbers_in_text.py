"""Numbers in text whose exponent ends the process in pandas: no numbers, wherever they stand."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from benchmarks.fuzz.corpus import write_mtx, write_tables, write_visium
from tests.conftest import Refuses

import napari_dpvae as dpv
from napari_dpvae.data.numbers_in_text import to_numbers
from napari_dpvae.data.phantom import Phantom

ENDS_PANDAS = "1e2147483648"


Write = Callable[[ad.AnnData, Path], None]


def without_end(path: Path, number: bytes) -> None:
    """One number of a file, which is none of its first, gets an exponent that ends pandas."""
    unpack, pack = (gzip.decompress, gzip.compress) if path.suffix == ".gz" else (bytes, bytes)
    lines = unpack(path.read_bytes()).split(b"\n")
    lines[5] = re.sub(number, ENDS_PANDAS.encode(), lines[5])
    assert lines[5].endswith(ENDS_PANDAS.encode())
    path.write_bytes(pack(b"\n".join(lines)))


def test_among_counts_in_a_table(phantom: Phantom, tmp_path: Path, refuses: Refuses) -> None:
    write_tables(phantom.reference[:20, :30].copy(), tmp_path / "tables")
    without_end(tmp_path / "tables" / "counts.csv", rb"(?<=,)[\d.]+$")
    with refuses("1 values in X that are not finite"):
        dpv.read_reference(tmp_path / "tables")


def test_among_counts_of_10x(phantom: Phantom, tmp_path: Path, refuses: Refuses) -> None:
    write_mtx(phantom.query[:20, :30], tmp_path / "mtx")
    without_end(tmp_path / "mtx" / "matrix.mtx.gz", rb"(?<=\d )\d+$")
    # From pandas 3.1 on it is read, as a number that is not finite.
    with refuses("a part of it is missing or not as its format asks for|not finite"):
        dpv.read_query(tmp_path / "mtx")


@pytest.mark.parametrize(
    ("write", "file"),
    [(write_visium, "spatial/tissue_positions.csv"), (write_tables, "coordinates.csv")],
)
def test_among_places(phantom: Phantom, tmp_path: Path, write: Write, file: str) -> None:
    whole = phantom.reference[:20, :30].copy()
    write(whole, tmp_path / "folder")
    without_end(tmp_path / "folder" / file, rb"(?<=,)[\d.]+$")
    found = dpv.read_reference(tmp_path / "folder")
    # As one whose place is empty, it is left out with a word, and the others stay where they are.
    assert found.n_obs == whole.n_obs - 1
    np.testing.assert_array_equal(found.obsm["spatial"], whole[found.obs_names].obsm["spatial"])


def test_in_a_column_of_places(phantom: Phantom, tmp_path: Path, refuses: Refuses) -> None:
    reference = phantom.reference.copy()
    for name, values in zip("xy", reference.obsm.pop("spatial").T, strict=True):
        reference.obs[name] = [ENDS_PANDAS, *map(str, values[1:])]
    reference.write_h5ad(tmp_path / "reference.h5ad")
    with refuses("are not numbers"):
        dpv.read_reference(tmp_path / "reference.h5ad")


@pytest.mark.parametrize("odd", [ENDS_PANDAS, "1E+4002177826491", b"171e400217782649107", "x"])
def test_text_becomes_numbers(odd: object) -> None:
    found = to_numbers(pd.Series(["1.5", odd, " 2e3 ", True], dtype=object))
    np.testing.assert_array_equal(found, [1.5, np.nan, 2000, 1])
