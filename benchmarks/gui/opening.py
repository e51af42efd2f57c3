"""``python -m benchmarks.gui.opening``: what it takes to open a large file in the window.

A million cells as ``.h5ad``, as a query and as a reference, and a pyramid of 40,000 x 40,000 pixels
in a SpatialData store and as a TIFF under the spots of a reference; each in a process of its own,
whose window with the dock is there before. Writes ``benchmarks/results/opening.json``: seconds
until the window shows it and takes events again, seconds of processor time, and the most memory
beyond what the window had. Needs a screen (``xvfb-run -a``) and 4 GB of disk.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import psutil
from scipy import sparse

if TYPE_CHECKING:
    from napari_dpvae.viewer.dock.dock import DpvaeDock

RESULTS = Path(__file__).parents[1] / "results" / "opening.json"
CELLS, GENES, VALUES = 1_000_000, 2000, 60
"""Cells, genes, and values of a cell that are not zero."""
SIDE, TILE, LEVELS = 40_000, 2000, 6
SPOTS = 2000
CASES = ("query", "reference", "SpatialData", "TIFF")
Figures = dict[str, float]


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(opened(sys.argv[1], Path(sys.argv[2]))))
        return
    report = {}
    with tempfile.TemporaryDirectory() as name:
        for case in CASES:
            path = MAKE[case](Path(name))
            done = subprocess.run(
                [sys.executable, "-W", "ignore", "-m", __spec__.name, case, path],
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            report[case] = json.loads(done.stdout.splitlines()[-1])
            print(case, report[case], flush=True)
    RESULTS.write_text(json.dumps(report, indent=2) + "\n")


def opened(case: str, path: Path) -> Figures:
    """Open a file in a window with the dock."""
    from napari import Viewer
    from qtpy.QtWidgets import QApplication

    from napari_dpvae.viewer.dock.dock import DpvaeDock

    viewer = Viewer(show=True)
    dock = DpvaeDock(viewer)
    viewer.window.add_dock_widget(dock, area="right")
    _turn_until(lambda: False, 2)
    with _measured() as figures:
        OPEN[case](dock, path)
        held = "query" if case == "query" else "reference"
        _turn_until(lambda: getattr(dock.session, held) is not None, 600)
        viewer.window._qt_viewer.canvas.native.repaint()
        QApplication.processEvents()
    _turn_until(lambda: dock.data.certainty.text() != "" or case == "query", 60)
    viewer.close()
    return figures


def _in_dock(dock: DpvaeDock, path: Path) -> None:
    dock.data.open_dropped([str(path)])


def _under_spots(dock: DpvaeDock, path: Path) -> None:
    from napari_dpvae import read_reference

    dock.session.reference = read_reference(path.with_suffix(".h5ad"), image=path)


OPEN: dict[str, Callable[[DpvaeDock, Path], None]] = {
    "query": _in_dock,
    "reference": _in_dock,
    "SpatialData": _in_dock,
    "TIFF": _under_spots,
}


@contextmanager
def _measured() -> Iterator[Figures]:
    """Time, and the most memory meanwhile, looked at every hundredth of a second."""
    process = psutil.Process()
    before, cpu, wall = process.memory_info().rss, time.process_time(), time.perf_counter()
    most, done = [before], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            most.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    figures: Figures = {}
    try:
        yield figures
    finally:
        figures["seconds"] = round(time.perf_counter() - wall, 2)
        figures["cpu_seconds"] = round(time.process_time() - cpu, 2)
        done.set()
        watcher.join()
        figures["mb_more"] = round((max(most) - before) / 1e6)


def _turn_until(is_so: Callable[[], bool], seconds: float) -> None:
    from qtpy.QtWidgets import QApplication

    end = time.perf_counter() + seconds
    while not is_so() and time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def write_cells(folder: Path, *, located: bool) -> Path:
    """A million cells, whose values are written in parts."""
    path, rng = folder / f"cells_{located}.h5ad", np.random.default_rng(0)
    obs = pd.DataFrame(index=[f"cell{i}" for i in range(CELLS)])
    obs["type"] = pd.Categorical.from_codes(rng.integers(10, size=CELLS), list("abcdefghij"))
    cells = ad.AnnData(
        sparse.csr_matrix((CELLS, GENES), dtype=np.float32),
        obs=obs,
        var=pd.DataFrame(index=[f"gene{i}" for i in range(GENES)]),
    )
    if located:
        cells.obsm["spatial"] = rng.uniform(0, 1e4, (CELLS, 2))
    cells.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        for name in ("data", "indices", "indptr"):
            del file["X"][name]
        file["X/indptr"] = np.arange(0, CELLS * VALUES + 1, VALUES)
        size = CELLS * VALUES
        data = file.create_dataset("X/data", size, np.float32)
        indices = file.create_dataset("X/indices", size, np.int32)
        for start in range(0, size, size // 10):
            n = size // 10 // VALUES
            first = rng.integers(GENES // VALUES, size=(n, VALUES)) + np.arange(VALUES) * (
                GENES // VALUES
            )
            indices[start : start + n * VALUES] = first.ravel()
            data[start : start + n * VALUES] = rng.poisson(2, n * VALUES) + 1
    return path


def spots() -> ad.AnnData:
    """Spots all over the image."""
    rng = np.random.default_rng(0)
    places = rng.uniform(0, SIDE, (SPOTS, 2))
    rates = np.exp(1 + np.sin(places @ rng.normal(0, 1e-4, (2, 200))))
    cells = ad.AnnData(sparse.csr_matrix(rng.poisson(rates).astype(np.float32)))
    cells.obsm["spatial"] = places
    cells.var_names = [f"gene{i}" for i in range(200)]
    return cells


def noise(side: int) -> np.ndarray:
    """A tile of the image."""
    return np.random.default_rng(0).integers(120, 240, (side, side, 3), dtype=np.uint8)


def write_store(folder: Path) -> Path:
    """A SpatialData store whose image has six levels."""
    import dask.array as da
    from spatialdata import SpatialData
    from spatialdata.models import Image2DModel, PointsModel, TableModel

    table, path = spots(), folder / "image.zarr"
    tile = da.from_array(np.moveaxis(noise(TILE), 2, 0), chunks=(3, TILE, TILE))
    image = da.tile(tile, (1, SIDE // TILE, SIDE // TILE))
    elements = {
        "image": Image2DModel.parse(
            image, dims=("c", "y", "x"), scale_factors=[2] * (LEVELS - 1), chunks=(3, TILE, TILE)
        ),
        "spots": PointsModel.parse(table.obsm["spatial"]),
    }
    table.obs["region"], table.obs["instance"] = pd.Categorical(["spots"] * SPOTS), range(SPOTS)
    elements["table"] = TableModel.parse(
        table, region="spots", region_key="region", instance_key="instance"
    )
    SpatialData.init_from_elements(elements).write(path)
    return path


def write_tiff(folder: Path) -> Path:
    """A tiled TIFF with six levels, and the spots beside it."""
    import tifffile

    path = folder / "image.tif"
    spots().write_h5ad(path.with_suffix(".h5ad"))
    tile = noise(256)
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for level in range(LEVELS):
            side = SIDE >> level
            file.write(
                (tile for _ in range((-(-side // 256)) ** 2)),
                shape=(side, side, 3),
                subifds=0 if level else LEVELS - 1,
                subfiletype=1 if level else 0,
                compression="zlib",
                tile=(256, 256),
                photometric="rgb",
                dtype="uint8",
            )
    return path


MAKE: dict[str, Callable[[Path], Path]] = {
    "query": lambda folder: write_cells(folder, located=False),
    "reference": lambda folder: write_cells(folder, located=True),
    "SpatialData": write_store,
    "TIFF": write_tiff,
}


if __name__ == "__main__":
    main()
