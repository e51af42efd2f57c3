"""Arrays by name in one safetensors file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from napari_dpvae.data.replacing import replacing
from napari_dpvae.data.scratch import reason
from napari_dpvae.errors import DataError


def save_tensors(
    path: str | Path, arrays: Mapping[str, np.ndarray], metadata: dict[str, str] | None = None
) -> None:
    """Write arrays: whole, or not at all.

    Raises
    ------
    DataError
        When the file cannot be written.
    """
    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    try:
        with replacing(path) as scratch:
            save_file(whole, scratch, metadata=metadata)
    except SafetensorError as error:
        raise DataError(f"Cannot write {path}: {reason(error)}.") from error
