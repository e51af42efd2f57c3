"""Every format that is read: how it is recognised, and what reads it. By content, not by suffix."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import anndata as ad

from napari_dpvae.data.formats import tables
from napari_dpvae.data.formats.anndata_files import (
    read_anndata_zarr,
    read_h5ad,
    read_h5mu,
    read_loom,
)
from napari_dpvae.data.formats.bounds import check_regular, is_plain, opened
from napari_dpvae.data.formats.delimited import UTF16
from napari_dpvae.data.formats.hdf5 import hdf5, is_hdf5
from napari_dpvae.data.formats.platforms import platform_of, read_platform
from napari_dpvae.data.formats.space_ranger import is_space_ranger, read_space_ranger
from napari_dpvae.data.formats.spatialdata_store import read_spatialdata
from napari_dpvae.data.formats.tenx import find_mtx, is_legacy, read_tenx_h5, read_tenx_mtx
from napari_dpvae.errors import DataError

GIVE = (
    "give a .h5ad, .zarr, .loom, .h5mu, 10x .h5, CSV or TSV file, or a Space Ranger, 10x, Xenium "
    "or like folder"
)
DEEPEST, MOST_LOOKED_AT, MOST_NAMED = 4, 200, 3
"""How far something is looked for within a folder that is none of the formats."""
CONVERT = "convert it to .h5ad in the program that wrote it"


@dataclass(frozen=True)
class Format:
    """A kind of file or folder.

    Attributes
    ----------
    name
        As people call it.
    library
        What reads it, beside this package.
    recognises
        Whether a path is one; looks at the content.
    read
        To one AnnData, in memory.
    """

    name: str
    library: str
    recognises: Callable[[Path], bool]
    read: Callable[[Path], ad.AnnData]


def _holds(*names: str) -> Callable[[Path], bool]:
    """Recognises an HDF5 file with these entries at its root."""

    def recognises(path: Path) -> bool:
        if not is_hdf5(path):
            return False
        with hdf5(path) as file:
            return all(name in file for name in names)

    return recognises


def _is_legacy_tenx(path: Path) -> bool:
    if not is_hdf5(path):
        return False
    with hdf5(path) as file:
        return is_legacy(file)


def _is_matrix_market(path: Path) -> bool:
    return path.is_file() and _head(path, 14).startswith(b"%%MatrixMarket")


def _is_text_table(path: Path) -> bool:
    if not (path.is_file() and tables.is_table(path)):
        return False
    head = _head(path, 4096)
    if head.startswith(UTF16):
        return True
    return bool(head.strip()) and b"\x00" not in head and not head.lstrip().startswith(b"<")


def _zarr_attributes(path: Path) -> dict[str, Any] | None:
    """Attributes at the root of a zarr store, of format 2 or 3; None for another folder."""
    import zarr

    if not path.is_dir() or not any((path / n).is_file() for n in ("zarr.json", ".zgroup")):
        return None
    return dict(zarr.open_group(path, mode="r").attrs)


def _is_anndata_zarr(path: Path) -> bool:
    attributes = _zarr_attributes(path)
    if attributes is None:
        return False
    return attributes.get("encoding-type") == "anndata" or all(
        (path / name).is_dir() for name in ("obs", "var")
    )


def _is_spatialdata(path: Path) -> bool:
    attributes = _zarr_attributes(path)
    kinds = ("tables", "table", "points", "shapes")
    return attributes is not None and (
        "spatialdata_attrs" in attributes or any((path / kind).is_dir() for kind in kinds)
    )


def _is_space_ranger(path: Path) -> bool:
    return path.is_dir() and is_space_ranger(path)


def _is_tenx_folder(path: Path) -> bool:
    return path.is_dir() and bool(_tenx_inside(path))


def _tenx_inside(path: Path) -> list[Path]:
    """The 10x matrices of a folder or of its outputs, those of called cells first."""
    for folder in (path, path / "outs"):
        if not folder.is_dir():
            continue
        if find_mtx(folder) or _one_genome(folder):
            return [folder]
        for pattern in ("*filtered*matri*", "filtered", "*raw*matri*", "raw", "*.h5"):
            found = [
                entry
                for entry in sorted(folder.glob(pattern))
                if (entry.suffix == ".h5" and _is_tenx_h5(entry))
                or (entry.is_dir() and (find_mtx(entry) or _one_genome(entry)))
            ]
            if found:
                return found
    return []


def _one_genome(folder: Path) -> Path | None:
    """Cell Ranger 2 has a folder for each genome in that of its matrices."""
    inner = [entry for entry in folder.iterdir() if entry.is_dir() and find_mtx(entry)]
    return inner[0] if len(inner) == 1 else None


def _read_tenx_folder(path: Path) -> ad.AnnData:
    found = _tenx_inside(path)
    files = [entry for entry in found if entry.is_file()] or found
    if len(files) > 1:
        names = ", ".join(entry.name for entry in files)
        raise DataError(f"Cannot read {path}: it has several matrices ({names}): name one.")
    chosen = files[0]
    if chosen.is_file():
        return read_tenx_h5(chosen)
    return read_tenx_mtx(chosen if find_mtx(chosen) else _one_genome(chosen) or chosen)


def _is_tenx_h5(path: Path) -> bool:
    return _holds("matrix/barcodes", "matrix/features")(path) or _is_legacy_tenx(path)


FORMATS = (
    Format("SpatialData .zarr", "spatialdata", _is_spatialdata, read_spatialdata),
    Format("AnnData .zarr", "anndata", _is_anndata_zarr, read_anndata_zarr),
    Format("MuData .h5mu", "anndata, h5py", _holds("mod", "obs"), read_h5mu),
    Format("AnnData .h5ad", "anndata", _holds("obs", "var"), read_h5ad),
    Format("loom", "h5py", _holds("matrix", "row_attrs", "col_attrs"), read_loom),
    Format("10x .h5", "h5py", _is_tenx_h5, read_tenx_h5),
    Format("10x matrix.mtx", "scipy", _is_matrix_market, read_tenx_mtx),
    Format("Xenium, MERSCOPE, CosMx, Slide-seq, Stereo-seq", "h5py, pandas; spatialdata-io",
           lambda path: path.is_dir() and platform_of(path) is not None, read_platform),
    Format("Space Ranger outs", "h5py, pandas, Pillow",
           _is_space_ranger, read_space_ranger),
    Format("10x folder", "h5py, scipy", _is_tenx_folder, _read_tenx_folder),
    Format("counts and coordinates as CSV or TSV in a folder", "pandas",
           lambda path: path.is_dir() and tables.is_pair(path), tables.read_pair),
    Format("counts as CSV or TSV", "pandas", _is_text_table, tables.read_table),
)  # fmt: skip
"""Asked in this order: MuData also has obs and var, and is told from AnnData by its modalities."""


def recognise(path: Path) -> Format:
    """The format of a file or folder.

    Raises
    ------
    DataError
        When it is none that is read, with what to do.
    """
    check_regular(path)
    for each in FORMATS:
        if each.recognises(path):
            return each
    raise DataError(f"Cannot read {path}: {_what_it_is(path)}.")


def _what_it_is(path: Path) -> str:
    """Words for what is not read."""
    if path.is_dir():
        if not any(path.iterdir()):
            return f"it is an empty folder: {GIVE}"
        if "multiscales" in str(_zarr_attributes(path)):
            return "it is an image (OME-Zarr) and no table of cells: give it as the image of one"
        inside = _known_inside(path)
        if inside:
            return f"it is a folder of things that can be read: name one ({', '.join(inside)})"
        return (
            "it is a folder with nothing in it that is known: it is not a Space Ranger folder "
            f"(spatial/tissue_positions…), nor a 10x one (matrix.mtx): {GIVE}"
        )
    head = _head(path, 512, unpack=False)
    if not head:
        return f"it is empty: {GIVE}"
    if path.suffix.lower() in (".rds", ".rda", ".rdata"):
        return f"it is a file of R: {CONVERT}"
    if path.suffix.lower() in (".gef", ".gem", ".h5seurat"):
        return f"it is a {path.suffix} file: {CONVERT}"
    if head.startswith(b"\x1f\x8b"):
        if not _head(path, 4096):
            return "it is packed with gzip, and damaged or ends too early: copy it again"
        inner = Path(path.stem).suffix or "file in it"
        return f"it is packed with gzip: unpack the {inner} first (gunzip)"
    if path.suffix.lower() in (".xlsx", ".xls"):
        return "it is a workbook: save its sheet as CSV"
    if head.startswith(b"PK\x03\x04"):
        return "it is packed as zip: unpack it first"
    if is_hdf5(path) or head.startswith(b"\x89HDF"):
        with hdf5(path) as file:
            names = ", ".join(list(file)[:6]) or "nothing"
        return f"it is HDF5 but neither AnnData, 10x, loom nor MuData (it has {names}): {GIVE}"
    if re.match(rb"\s*<(!doctype|html|\?xml)", head, re.I):
        return "it is a web page, not the file: download it again"
    return f"it is none of the formats that are read: {GIVE}"


def _known_inside(folder: Path) -> list[str]:
    """What is read within a folder, at most :data:`DEEPEST` folders down; the first few."""
    found: list[str] = []
    level = [folder]
    for _ in range(DEEPEST):
        inner = [entry for each in level for entry in sorted(each.iterdir()) if is_plain(entry)]
        known = filter(_is_known, inner[:MOST_LOOKED_AT])
        found = [str(entry.relative_to(folder)) for entry in islice(known, MOST_NAMED)]
        if found:
            break
        level = [entry for entry in inner if entry.is_dir()]
    return found


def _is_known(path: Path) -> bool:
    try:
        return any(each.recognises(path) for each in FORMATS)
    except (DataError, OSError):
        return False


def _head(path: Path, size: int, *, unpack: bool = True) -> bytes:
    """The first bytes of a file, once unpacked."""
    if not unpack:
        check_regular(path)
        with open(path, "rb") as file:
            return file.read(size)
    try:
        with opened(path) as file:
            return file.read(size)
    except (OSError, EOFError, zlib.error):
        return b""
