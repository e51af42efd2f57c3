"""The one argument that most benchmarks take."""

from __future__ import annotations

import argparse


def seeds(benchmark: str, usual: int) -> range:
    """The seeds to run: ``--seeds``, or as many as are usual for a benchmark."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{benchmark}")
    parser.add_argument("--seeds", type=int, default=usual, help="seeds 0 to SEEDS - 1")
    asked: int = parser.parse_args().seeds
    if asked < 1:
        parser.error("--seeds is how many seeds to run: 1 or more")
    return range(asked)
