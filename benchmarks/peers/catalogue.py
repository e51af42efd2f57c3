"""Which peers there are."""

from __future__ import annotations

from typing import NamedTuple


class Peer(NamedTuple):
    """A method to compare with, run in a process of its own."""

    key: str
    """Its name on the command line."""
    entry: str
    """Module and function in ``benchmarks.peers.methods``."""
    package: str
    """Whose version is reported."""
    results: dict[str, str]
    """Name in the table of each result it writes."""
    environment: str | None = None
    """Its requirements file and virtual environment; the project's own if none."""


def _regression(key: str, name: str) -> Peer:
    return Peer(key, f"regression:{key}", "scikit-learn", {"coordinates": name})


def _plan(key: str, name: str, package: str) -> Peer:
    results = {reading: f"{name} {reading}" for reading in ("argmax", "expectation")}
    return Peer(key, f"{key}:place", package, results, key)


PEERS = (
    _regression("knn", "PCA + kNN"),
    _regression("ridge", "PCA + ridge"),
    _regression("mlp", "PCA + MLP"),
    _plan("novosparc", "novoSpaRc", "novosparc"),
    _plan("tangram", "Tangram", "tangram-sc"),
    Peer("celery", "celery:place", "CeLEryPy", {"coordinates": "CeLEry"}, "celery"),
    Peer("scspace", "scspace:place", "flexscspace", {"coordinates": "scSpace"}, "scspace"),
    _plan("moscot", "moscot", "moscot"),
    _plan("tacco", "TACCO", "tacco"),
)
