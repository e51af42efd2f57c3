"""How long the window keeps a person waiting while it trains and while it places."""

from __future__ import annotations

import time
from collections.abc import Callable

import anndata as ad
import numpy as np
from napari import Viewer
from qtpy.QtCore import QEventLoop, QTimer
from scipy import sparse

from benchmarks.cases import DATA
from napari_dpvae.data.read import read_query, read_reference
from napari_dpvae.viewer.dock.dock import DpvaeDock
from napari_dpvae.viewer.dock.step import Step

TICK_MS = 10
AFTERWARDS_MS = 3000
"""The result is drawn in this time, which is a part of the wait."""
EPOCHS = 40
MANY = 100_000
"""Cells that are placed: those of one section, repeated with noise."""


def gaps() -> dict[str, list[float]]:
    """Milliseconds between ticks of a timer in the window, for each job of the dock."""
    viewer = Viewer(show=True)
    try:
        dock = DpvaeDock(viewer)
        viewer.window.add_dock_widget(dock, area="right")
        dock.session.reference = read_reference(DATA / "breast_her2st_C2.h5ad")
        dock.session.query = tiled(read_query(DATA / "breast_her2st_C3.h5ad"), MANY)
        dock.model.form["epochs"].value = EPOCHS
        dock.model.form["regularisation"].value = "light"
        settle()
        training = ticks(dock.model, dock.model.train.click)
        placing = ticks(dock.place, dock.place.place.click)
        return {"training": training, "placing": placing}
    finally:
        viewer.close()


def tiled(query: ad.AnnData, n: int) -> ad.AnnData:
    """So many cells: each is one of the query's with other counts, drawn around its own."""
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(query.X)[rng.integers(query.n_obs, size=n)]
    counts.data = rng.poisson(counts.data).astype(np.float32)
    counts.eliminate_zeros()
    cells = ad.AnnData(counts, var=query.var[[]])
    cells.obs_names = [f"cell{i}" for i in range(n)]
    return cells


def ticks(step: Step, start: Callable[[], None]) -> list[float]:
    """Start a step's job; the milliseconds between the ticks until it has ended."""
    times = [time.perf_counter()]
    timer = QTimer()
    timer.setInterval(TICK_MS)
    timer.timeout.connect(lambda: times.append(time.perf_counter()))
    loop = QEventLoop()
    start()
    job = step.progress.job
    for ending in (job.done, job.failed, job.stopped):
        ending.connect(lambda: QTimer.singleShot(AFTERWARDS_MS, loop.quit))
    timer.start()
    loop.exec_()
    timer.stop()
    between: list[float] = (1000 * np.diff(times)).tolist()
    return between


def settle() -> None:
    """Let the window draw itself."""
    loop = QEventLoop()
    QTimer.singleShot(2000, loop.quit)
    loop.exec_()
