"""Where tensors are computed: on which device, and by how many threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from napari_dpvae.errors import DataError


def find_devices(name: str) -> tuple[torch.device, ...]:
    """The torch devices of a settings name.

    ``auto`` takes cuda, then mps, then cpu; ``all`` the same, but every graphics card that cuda
    has.

    Raises
    ------
    DataError
        When the named device is not on this machine.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    found = next((device for device, found in there.items() if found), "cpu")
    if name == "all" and found == "cuda":
        return tuple(torch.device("cuda", card) for card in range(torch.cuda.device_count()))
    if name in ("auto", "all"):
        name = found
    if not there.get(name, True):
        raise DataError(f"The device {name} is not on this machine: choose auto or cpu.")
    return (torch.device(name),)


@contextmanager
def one_thread() -> Iterator[None]:
    """One torch thread within: networks this small run slower on several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
