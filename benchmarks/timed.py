"""``python -m benchmarks.timed``: one step of work in a process of its own, and what it took.

Prints JSON. It uses public names alone, so that the code of another checkout can be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
QUICK = {"epochs": 3, "checks": 0, "blocks": 0, "regularisation": "light"}
"""To place with a model whose training is not measured."""
STATUS = Path("/proc/self/status")
"""Where Linux says what a process holds."""
Figures = dict[str, float]


def timed(*arguments: str | Path, source: Path | None = None) -> Figures:
    """Run a step in a process of its own, on one thread.

    Parameters
    ----------
    *arguments
        Of this module's command line.
    source
        The ``src`` folder of the checkout to run; this one's if not given.

    Returns
    -------
    dict
        ``cpu_seconds`` and ``seconds`` of the step alone, and ``peak_mb`` of the process.
    """
    path = os.pathsep.join(str(folder) for folder in (source or ROOT / "src", ROOT))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "benchmarks.timed", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.timed")
    parser.add_argument("step", choices=("fit", "place", "stream"))
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--quick", action="store_true", help="fit: three epochs, and no checks")
    options = parser.parse_args()
    print(json.dumps(STEPS[options.step](*options.files, quick=options.quick)))


def fit(reference: Path, model: Path | None = None, *, quick: bool) -> Figures:
    """Train on a section with the default settings, and maybe save the model."""
    # To import it takes seconds, and is not what is measured.
    import torch  # noqa: F401

    import napari_dpvae as dpv

    spots = dpv.read_reference(reference)
    trained = dpv.DPVAE(**QUICK if quick else {})
    figures = _measured(lambda: trained.fit(spots))
    if model is not None:
        trained.save(model)
    return figures


def place(model: Path, query: Path, *, quick: bool) -> Figures:
    """Place cells that are in memory."""
    import napari_dpvae as dpv

    trained, cells = dpv.DPVAE.load(model), dpv.read_query(query)
    return _measured(lambda: trained.place(cells))


def stream(model: Path, query: Path, output: Path, *, quick: bool) -> Figures:
    """Place from file to file; through memory by code that cannot do without."""
    import napari_dpvae as dpv

    trained = dpv.DPVAE.load(model)
    if "place_file" in dpv.__all__:
        return _measured(lambda: dpv.place_file(trained, query, output))
    return _measured(lambda: dpv.write_placed(trained.place(dpv.read_query(query)), output))


STEPS: dict[str, Callable[..., Figures]] = {"fit": fit, "place": place, "stream": stream}


def _measured(work: Callable[[], Any]) -> Figures:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return {
        "cpu_seconds": time.process_time() - cpu,
        "seconds": time.perf_counter() - wall,
        "peak_mb": peak_mb(),
    }


def peak_mb() -> float:
    """Of this process alone: what the system says of it counts the one that started it, too."""
    import resource

    if STATUS.exists():
        held = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
        return int(held["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
