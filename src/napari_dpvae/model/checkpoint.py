"""One safetensors file for a model: tensors, and a JSON header. Never pickle: models are mailed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from napari_dpvae.data.write import replacing
from napari_dpvae.errors import DataError

FORMAT = "napari-dpvae"
VERSION = 1


def save(path: str | Path, tensors: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> None:
    """Write tensors and a header that JSON can hold; the file appears whole or not at all."""
    stamped = {"format": FORMAT, "version": VERSION, **header}
    with replacing(path) as scratch:
        save_file(
            {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()},
            scratch,
            metadata={FORMAT: json.dumps(stamped)},
        )


def load(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The tensors and the header of a file written by :func:`save`.

    Raises
    ------
    DataError
        When the file is not there, is no model of ours, or is of a newer format.
    """
    if not Path(path).is_file():
        raise DataError(f"There is no model file {path}.")
    try:
        with safe_open(path, framework="numpy") as file:
            header = json.loads((file.metadata() or {})[FORMAT])
            newer = header["version"] > VERSION
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise DataError(f"{path} is not a napari-dpvae model file, or it is damaged.") from error
    if newer:
        raise DataError(
            f"{path} was written by a newer napari-dpvae (model format {header['version']}; "
            f"this one reads {VERSION}): update napari-dpvae."
        )
    return tensors, header
