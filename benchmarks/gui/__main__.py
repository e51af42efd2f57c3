"""``python -m benchmarks.gui``: writes ``benchmarks/results/gui.json``.

Needs a screen (``xvfb-run -a``), and napari-spatialdata for the comparison with it:
``pip install -c constraints.txt napari-spatialdata``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gui.gaps import Gaps, gaps
from benchmarks.gui.switching import WAYS, milliseconds

RESULTS = Path(__file__).parents[1] / "results" / "gui.json"
CELLS = (10_000, 100_000, 1_000_000)
PACKAGES = ("napari-dpvae", "napari", "napari-spatialdata", "torch", "PyQt6")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gui")
    parser.add_argument(
        "--cells", type=int, nargs="*", default=CELLS, help="numbers of cells; none: the gaps alone"
    )
    options = parser.parse_args()
    report = _stored()
    if options.cells:
        report["machine"] = _machine()
    for way in WAYS if options.cells else ():
        if way == "napari-spatialdata" and report["machine"][way] is None:
            continue
        times = {str(n): round(milliseconds(way, n), 1) for n in options.cells}
        report["gene_switch_ms"][way] = times
        print(way, times, flush=True)
    report["event_loop_gap_ms"] = {job: _told(found) for job, found in gaps().items()}
    for job, told in report["event_loop_gap_ms"].items():
        print(job, told, flush=True)
    RESULTS.write_text(json.dumps(report, indent=2) + "\n")


def _stored() -> dict[str, Any]:
    """What was written before: what is not run now stays."""
    if not RESULTS.is_file():
        return {"machine": _machine(), "gene_switch_ms": {}}
    report: dict[str, Any] = json.loads(RESULTS.read_text())
    return report


def _told(found: Gaps) -> dict[str, float]:
    """Longest and 99th percentile, and the same without waits for a processor."""
    return {
        f"{name}{part}": round(float(np.percentile(held, share)), 1)
        for part, held in (("", found.wall), (" own", found.own))
        for name, share in (("p99", 99), ("longest", 100))
    }


def _machine() -> dict[str, Any]:
    """What it ran on; loads other than its own make every figure larger."""
    return {
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        **{package: _version(package) for package in PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    main()
