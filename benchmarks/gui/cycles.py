"""``python -m benchmarks.gui.cycles``: a long day at the window, and what it leaves in memory.

Each cycle opens the dock, a reference and a query from files, trains, places, colours by a gene,
by none and by a gene again, and closes the dock; slices and volumes in turn. Prints memory and
threads as it goes, and exits 1 if memory grows by more than 50 MB after the tenth cycle, or threads
or layers are left. Needs a screen (``xvfb-run -a``).
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import threading
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import anndata as ad
import numpy as np
import psutil
from napari import Viewer
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

import napari_dpvae as dpv
from benchmarks.fuzz.corpus import HASTY
from napari_dpvae.viewer.commands import open_dock
from napari_dpvae.viewer.dock.dock import DpvaeDock
from napari_dpvae.viewer.dock.job_row import JobRow

MOST_GROWTH = 50.0
"""Megabytes."""
WARM = 10
"""Cycles after which what is loaded once is loaded."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gui.cycles")
    parser.add_argument("--cycles", type=int, default=200)
    cycles = parser.parse_args().cycles
    viewer = Viewer(show=True)
    layers = len(viewer.layers)
    with tempfile.TemporaryDirectory() as name:
        files = written(Path(name))
        for i in range(1, cycles + 1):
            cycle(viewer, *files[i % 2])
            if i == WARM:
                before, threads = megabytes(), threading.active_count()
            if i % WARM == 0:
                print(f"{i}: {megabytes():.0f} MB, {threading.active_count()} threads", flush=True)
    growth, left = megabytes() - before, len(viewer.layers) - layers
    more = threading.active_count() - threads
    print(f"{growth:+.0f} MB after cycle {WARM}, {more:+d} threads, {left:+d} layers")
    viewer.close()
    return int(growth > MOST_GROWTH or more > 0 or left > 0)


def written(folder: Path) -> tuple[tuple[Path, Path], tuple[Path, Path]]:
    """Reference and query of a slice, and of a volume."""
    phantom = dpv.make_phantom(n_cells=120)
    rng = np.random.default_rng(0)
    volume = phantom.reference.copy()
    depth = rng.uniform(0, 500, volume.n_obs)
    volume.obsm["spatial"] = np.column_stack([volume.obsm["spatial"], depth])
    del volume.uns["spatial"]
    pairs = []
    for name, reference in (("slice", phantom.reference), ("volume", volume)):
        pairs.append((folder / f"{name}.h5ad", folder / f"{name}_query.h5ad"))
        for path, cells in zip(pairs[-1], (reference, phantom.query), strict=True):
            ad.AnnData.write_h5ad(cells, path)
    return pairs[0], pairs[1]


def cycle(viewer: Viewer, reference: Path, query: Path) -> None:
    """Once through the dock, as a person goes."""
    dock = open_dock(viewer)
    for name, value in HASTY.items():
        dock.model.form[name].value = value
    dock.data.reference.open(str(reference))
    wait(dock)
    dock.data.query.open(str(query))
    wait(dock)
    dock.model.train.click()
    wait(dock)
    dock.place.place.click()
    wait(dock)
    genes = dock.session.genes
    for gene in (genes[0], None, genes[1]):
        dock.session.gene = gene
        wait(dock)
    for held in ("placed", "query", "model", "reference"):
        setattr(dock.session, held, None)
    gone: list[bool] = []
    dock.destroyed.connect(lambda: gone.append(True))
    viewer.window.remove_dock_widget("all")
    viewer.layers.clear()
    while not gone:
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def wait(dock: DpvaeDock) -> None:
    """Until no job is under way, and all is drawn."""
    QApplication.processEvents()
    while any(row.running for row in dock.findChildren(JobRow)):
        QApplication.processEvents()
    QApplication.processEvents()


def megabytes() -> float:
    """Of memory that this process holds."""
    gc.collect()
    return psutil.Process().memory_info().rss / 1e6


if __name__ == "__main__":
    sys.exit(main())
