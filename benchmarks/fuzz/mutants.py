"""Changes of a file: the same seed makes the same mutant."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import h5py
import numpy as np

Random = np.random.Generator

ODD = (b"\x00", b"\xff", b"\x7f", b"\x80", b"-1", b"nan", b"1e400", b"\n", b",", b'"', b"{" * 40)
ODD_NUMBERS = (-1, 0, 1, 7, 127, 255, 32767, 2**31 - 1, 2**40, -(2**31), np.nan, np.inf, 1e30)
MOST_CHANGES = 8


def mutate(whole: Path, mutant: Path, seed: int) -> None:
    """Copy a file or a folder, and change one file of it.

    Parameters
    ----------
    whole
        What is copied.
    mutant
        Where to.
    seed
        Of what changes.
    """
    rng = np.random.default_rng(seed)
    if whole.is_dir():
        shutil.copytree(whole, mutant)
        files = sorted(path for path in mutant.rglob("*") if path.is_file())
    else:
        shutil.copyfile(whole, mutant)
        files = [mutant]
    file = files[rng.integers(len(files))]
    if rng.random() < 0.5 and h5py.is_hdf5(file):
        change_number(file, rng)
    elif rng.random() < 0.5 and file.suffix == ".gz":
        file.write_bytes(gzip.compress(changed(gzip.decompress(file.read_bytes()), rng)))
    else:
        file.write_bytes(changed(file.read_bytes(), rng))


def changed(data: bytes, rng: Random) -> bytes:
    """Bytes with a few flipped, replaced, left out, repeated or cut off; what is empty stays so."""
    found = data
    while found == data and data:
        found = bytes(_changed(bytearray(data), rng))
    return found


def _changed(found: bytearray, rng: Random) -> bytearray:
    """Changes of which each, and so all, may change nothing."""
    for _ in range(rng.integers(1, MOST_CHANGES)):
        if not found:
            break
        at, length = int(rng.integers(len(found))), int(rng.integers(1, 32))
        match rng.integers(6):
            case 0:
                found[at] ^= 1 << int(rng.integers(8))
            case 1:
                found[at : at + length] = rng.bytes(length)
            case 2:
                odd = ODD[rng.integers(len(ODD))]
                found[at : at + len(odd)] = odd
            case 3:
                del found[at : at + length]
            case 4:
                found[at:at] = found[at : at + length]
            case 5 if rng.random() < 0.2:
                del found[at:]
    return found


def change_number(file: Path, rng: Random) -> None:
    """One number in a data set or an attribute of HDF5 is another."""
    with h5py.File(file, "r+") as opened:
        places: list[h5py.Dataset | h5py.AttributeManager] = []

        def collect(_: str, entry: h5py.HLObject) -> None:
            if isinstance(entry, h5py.Dataset) and entry.size and entry.dtype.kind in "iufb":
                places.append(entry)
            if "shape" in entry.attrs:
                places.append(entry.attrs)

        opened.visititems(collect)
        place = places[rng.integers(len(places))]
        number = ODD_NUMBERS[rng.integers(len(ODD_NUMBERS))]
        with np.errstate(all="ignore"):
            if isinstance(place, h5py.Dataset):
                values = place[()]
                flat = np.array(values).reshape(-1)
                flat[rng.integers(flat.size)] = np.float64(number).astype(place.dtype)
                place[()] = flat.reshape(place.shape)
            else:
                shape = np.array(place["shape"])
                shape[rng.integers(shape.size)] = np.float64(number).astype(shape.dtype)
                place["shape"] = shape
