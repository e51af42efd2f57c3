"""How long the window keeps a person waiting in a session: the first of each thing it does."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
from napari import Viewer
from qtpy.QtCore import QEventLoop, QTimer
from scipy import sparse

from benchmarks.cases import DATA
from benchmarks.gui.opening import write_cells
from napari_dpvae.data.read import read_query
from napari_dpvae.viewer.dock.dock import DpvaeDock
from napari_dpvae.viewer.dock.job_row import JobRow

TICK_MS = 10
AFTERWARDS_MS = 3000
"""The result is drawn in this time, which is a part of the wait."""
WARMING_MS = 4000
"""A person looks for the file to open."""
EPOCHS = 40
MANY = 100_000
"""Cells that are placed: those of one section, repeated with noise."""
SCHEDULE = Path("/proc/thread-self/schedstat")
"""Where Linux says how long a thread has run, and has waited for a processor."""


class Gaps(NamedTuple):
    """Milliseconds between ticks of a timer in the window."""

    wall: np.ndarray
    own: np.ndarray
    """Without those in which the window's thread waited for a processor: other work's."""


def gaps() -> dict[str, Gaps]:
    """For each job of the dock, in one session, and for all of them."""
    viewer = Viewer(show=True)
    try:
        dock = DpvaeDock(viewer)
        viewer.window.add_dock_widget(dock, area="right")
        settle(WARMING_MS)
        found = {}
        data, name = dock.data, str(DATA / "breast_her2st_C2.h5ad")
        found["opening a reference"] = ticks(
            data.reference.progress, lambda: data.reference.open(name)
        )
        with tempfile.TemporaryDirectory() as folder:
            million = str(write_cells(Path(folder), located=False))
            found["opening a million cells"] = ticks(
                data.query.progress, lambda: data.query.open(million)
            )
        dock.session.query = tiled(read_query(DATA / "breast_her2st_C3.h5ad"), MANY)
        dock.model.form["epochs"].value = EPOCHS
        dock.model.form["regularisation"].value = "light"
        settle()
        for name, step, button in (
            ("training", dock.model, dock.model.train),
            ("placing and drawing", dock.place, dock.place.place),
        ):
            found[name] = ticks(step.progress, button.click)
        every = (np.concatenate(each) for each in zip(*found.values(), strict=True))
        return found | {"the whole session": Gaps(*every)}
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


def ticks(progress: JobRow, start: Callable[[], None]) -> Gaps:
    """Start a job that a row shows; from then until what it brought has been drawn."""
    times, waits = [time.perf_counter()], [_waited()]

    def tick() -> None:
        times.append(time.perf_counter())
        waits.append(_waited())

    timer = QTimer()
    timer.setInterval(TICK_MS)
    timer.timeout.connect(tick)
    loop = QEventLoop()
    start()
    job = progress.job
    assert job is not None
    for ending in (job.done, job.failed, job.stopped):
        ending.connect(lambda: QTimer.singleShot(AFTERWARDS_MS, loop.quit))
    timer.start()
    loop.exec_()
    timer.stop()
    wall = 1000 * np.diff(times)
    return Gaps(wall, wall - 1000 * np.diff(waits))


def _waited() -> float:
    """Seconds that this thread has waited for a processor; 0 where nobody says."""
    return int(SCHEDULE.read_text().split()[1]) / 1e9 if SCHEDULE.exists() else 0.0


def settle(milliseconds: int = 2000) -> None:
    """Let the window draw itself."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec_()
