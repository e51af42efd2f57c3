"""Put dissociated single cells back into tissue, with a distance-preserving VAE."""

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "DPVAE": "dpvae",
    "DataError": "errors",
    "EpochReport": "training.report",
    "PlacementSettings": "settings",
    "TrainingSettings": "settings",
    "draw_figure": "figure.figure",
    "evaluate": "evaluation.experiments",
    "make_phantom": "data.phantom",
    "model_card": "model.card",
    "place_file": "placement.stream",
    "read_phantom": "data.phantom",
    "read_placed": "data.read",
    "read_query": "data.read",
    "read_reference": "data.read",
    "session": "viewer.open",
    "view": "viewer.open",
    "virtual_expression": "analysis.virtual",
    "write_figure": "figure.figure",
    "write_placed": "data.write",
    "write_report": "report.report",
    "write_spatialdata": "data.spatial_data",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    """Import a public name on first use: torch, scanpy and napari take seconds to import."""
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return __all__
