"""Run one peer on one task, in a process of its own on one thread, and measure it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anndata as ad
import numpy as np

from benchmarks.cases import Task
from benchmarks.peers.catalogue import Peer
from benchmarks.peers.environments import NotInstallable, interpreter, version
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.evaluation.metrics import measure

ROOT = Path(__file__).parents[2]
THREADS = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")
ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in THREADS} | {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
}

Row = dict[str, Any]


def run(peer: Peer, task: Task, seed: int, limit: float) -> list[Row]:
    """A row for each result of the peer: version, what it used, and measures or why there are none.

    Parameters
    ----------
    peer, task
        What to run, on what.
    seed
        For the peers that draw.
    limit
        Seconds after which it is stopped.
    """
    try:
        python = interpreter(peer.environment)
    except NotInstallable as error:
        return [{"method": name, "reason": str(error)} for name in peer.results.values()]
    used, placed = place(peer, task, seed, limit)
    about = {"version": version(python, peer.package)} | used
    return [
        {"method": name} | about | (_judge(placed[result], task.true) if placed else {})
        for result, name in peer.results.items()
    ]


def place(peer: Peer, task: Task, seed: int, limit: float) -> tuple[Row, dict[str, np.ndarray]]:
    """What the peer used, and (n, d) coordinates for each of its results; none if it failed.

    Raises
    ------
    NotInstallable
        When its environment cannot be made.
    """
    python = interpreter(peer.environment)
    with TemporaryDirectory() as name:
        folder = Path(name)
        _write(task, folder)
        job = [str(python), "-m", "benchmarks.peers.methods", peer.entry, name, str(seed)]
        used = _call(job, folder, limit)
        results = [] if used["reason"] else peer.results
        return used, {result: np.load(folder / f"{result}.npy") for result in results}


def _write(task: Task, folder: Path) -> None:
    """Expression and coordinates alone: no images, no annotations."""
    reference = ad.AnnData(task.reference.X, obsm={SPATIAL: task.reference.obsm[SPATIAL]})
    reference.var_names = task.reference.var_names
    reference.write_h5ad(folder / "reference.h5ad")
    task.query.write_h5ad(folder / "query.h5ad")


def _call(job: list[str], folder: Path, limit: float) -> Row:
    """What the job used, and the reason if it failed."""
    report, log = folder / "usage.json", folder / "log"
    command = [sys.executable, str(Path(__file__).with_name("usage.py")), str(report), str(limit)]
    with log.open("w") as output:
        subprocess.run(
            command + job,
            check=True,
            cwd=ROOT,
            env=os.environ | ONE_THREAD,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    used: Row = json.loads(report.read_text())
    code = used.pop("code")
    used["reason"] = ""
    if code is None:
        used["reason"] = f"not done in {limit:.0f} s"
    elif code:
        used["reason"] = (log.read_text().strip().splitlines() or [f"exit code {code}"])[-1]
    return used


def _judge(placed: np.ndarray, true: np.ndarray) -> Row:
    if not np.isfinite(placed).all():
        return {"reason": "coordinates are not finite"}
    return dict(measure(true, placed))
