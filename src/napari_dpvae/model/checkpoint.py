"""One safetensors file for a model: tensors, and a JSON header. Never pickle: models are mailed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from napari_dpvae.data.formats.bounds import existing
from napari_dpvae.data.tensors import save_tensors
from napari_dpvae.errors import DataError

FORMAT = "napari-dpvae"
VERSION = 4
"""1 had no checksum, nor what training goes on with: dropout, and the settings as asked for. 2 had
no regression, and did not know how far apart networks usually are. Components of 3 were those of
logarithms, also where the reference holds counts."""
CHECKSUM = "checksum"


def save(path: str | Path, tensors: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> None:
    """Write tensors and a header that JSON can hold; the file appears whole or not at all."""
    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    stamped = {**header, "format": FORMAT, "version": VERSION}
    stamped[CHECKSUM] = _checksum(whole, stamped)
    save_tensors(path, whole, {FORMAT: json.dumps(stamped, allow_nan=False)})


def load(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The tensors and the header of a file written by :func:`save`.

    Raises
    ------
    DataError
        When the file is not there, is no model of ours, is damaged, or is of a newer format.
    """
    found = existing(path)
    if not found.is_file():
        raise DataError(f"{path} is no model file: name one.")
    try:
        with safe_open(found, framework="numpy") as file:
            header = json.loads((file.metadata() or {})[FORMAT])
            _check_version(path, header)
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except DataError:
        raise
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is not a napari-dpvae model file, or it is damaged.") from error
    checksum = header.pop(CHECKSUM, None)
    # A file that has one is held to it, whatever version damage has made of its own.
    expected = checksum is not None or header["version"] > 1
    if expected and checksum != _checksum(tensors, header):
        raise DataError(
            f"{path} is damaged: its contents are not those that were saved. Get it anew."
        )
    return tensors, header


def _check_version(path: str | Path, header: Mapping[str, Any]) -> None:
    version = header["version"]
    if header["format"] != FORMAT or type(version) is not int or version < 1:
        raise ValueError("no version of ours")
    if version > VERSION:
        raise DataError(
            f"{path} was written by a newer napari-dpvae (model format {version}; "
            f"this one reads {VERSION}): update napari-dpvae."
        )


def _checksum(tensors: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> str:
    """SHA-256 over the header and all tensors, by name."""
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape} ".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()
