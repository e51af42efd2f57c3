"""A disk that is full, and two programs that write one file: a whole file is there, or none."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import anndata as ad
import h5py
import numpy as np
import pytest
from scipy import sparse
from tests.wrong_inputs.kinds import model, tissue

import napari_dpvae as dpv
from napari_dpvae.data.hdf5_output import Disk, hdf5_output
from napari_dpvae.data.rows import in_rows
from napari_dpvae.data.unfinished import Unfinished
from napari_dpvae.figure.figure import draw_figure, write_figure
from napari_dpvae.report.report import write_report

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit"),
    pytest.mark.usefixtures("few_dots"),
]

OUTPUTS = (".h5ad", ".zarr", ".csv", ".geojson", ".safetensors", ".html", ".pdf")
LONG = (".zarr", ".html", ".pdf")
ROOM = (0, 300)
"""Bytes that a file may have."""


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """No file can grow beyond some bytes."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def write() -> Callable[[Path], None]:
    """Writes what the suffix says."""

    placed = model().place(tissue())

    def written(path: Path) -> None:
        match path.suffix:
            case ".safetensors":
                model().save(path)
            case ".html":
                write_report(placed, path)
            case ".pdf":
                write_figure(draw_figure(placed, tissue()), path)
            case _:
                dpv.write_placed(placed, path)

    return written


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("room", "suffix"),
    [
        pytest.param(room, suffix, marks=[pytest.mark.slow] * (room == 0 and suffix in LONG))
        for room in ROOM
        for suffix in OUTPUTS
    ],
)
def test_what_was_there_stays(
    write: Callable[[Path], None], refuses: Any, tmp_path: Path, suffix: str, room: int
) -> None:
    path = tmp_path / f"out{suffix}"
    with refuses(f"Cannot write .*{suffix}: .*File too large"), full_disk(room):
        write(path)
    assert not list(tmp_path.iterdir())
    write(path)
    before = contents(tmp_path)
    with refuses(f"Cannot write .*{suffix}: .*File too large"), full_disk(room):
        write(path)
    assert contents(tmp_path) == before


def test_a_query_is_placed_again_where_there_is_room(refuses: Any, tmp_path: Path) -> None:
    query, output = tmp_path / "query.h5ad", tmp_path / "placed.h5ad"
    tissue().write_h5ad(query)
    with refuses("Cannot write .*File too large"), full_disk(300):
        dpv.place_file(model(), query, output)
    assert list(tmp_path.iterdir()) == [query]
    with refuses("Cannot write .*placed.h5ad: File too large"), full_disk(30_000):
        dpv.place_file(model(), query, output)
    # What was solved is gone on with.
    assert not output.exists() and 0 in Unfinished(output)
    dpv.place_file(model(), query, output, resume=True)
    assert sorted(tmp_path.iterdir()) == [output, query]


def test_rows_find_no_room(refuses: Any, tmp_path: Path) -> None:
    x = sparse.random(2000, 100, 0.5, "csc", np.float32, rng=0)
    ad.AnnData(x).write_h5ad(tmp_path / "columns.h5ad")
    with h5py.File(tmp_path / "columns.h5ad") as file, ExitStack() as stack:
        columns = ad.io.sparse_dataset(file["X"])
        with refuses("cannot be written in .*TMPDIR"), full_disk(10_000):
            in_rows(columns, stack)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError])
def test_hdf5_hears_nothing_of_what_interrupts_it(
    tmp_path: Path, error: type[BaseException]
) -> None:
    """Told of an error it would end the process, after a while."""

    class Interrupted(io.FileIO):
        def write(self, data: Any) -> int:
            raise error

    with Interrupted(str(tmp_path / "a.h5"), "w+") as raw:
        disk = Disk(raw)
        with h5py.File(disk, "w") as file:
            file["x"] = np.arange(100_000)
        with pytest.raises(error):
            disk.check()
    with hdf5_output(tmp_path / "a.h5") as file:
        file["x"] = np.arange(3)


@pytest.mark.parametrize("suffix", [".h5ad", ".zarr", ".safetensors"])
@pytest.mark.filterwarnings("ignore")
def test_two_write_one_file(write: Callable[[Path], None], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"

    def work(_: int) -> None:
        for _ in range(2):
            # The other may be in the middle of it: that is said, too.
            with suppress(dpv.DataError):
                write(path)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    assert list(tmp_path.iterdir()) == [path]
    (dpv.DPVAE.load if suffix == ".safetensors" else dpv.read_placed)(path)
