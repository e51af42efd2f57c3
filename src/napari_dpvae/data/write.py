"""Write results so that no half-written file ever replaces a good one."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import anndata as ad
import h5py

from napari_dpvae.data.checks import check_located
from napari_dpvae.data.hdf5_output import hdf5_output, write_anndata
from napari_dpvae.data.interchange import placement_features, table_for
from napari_dpvae.data.keys import DRAWS
from napari_dpvae.data.matrices import copy_matrices, without_matrices
from napari_dpvae.data.scratch import NEW, OLD, clear, make_scratch, reason, watched
from napari_dpvae.data.writable import writable
from napari_dpvae.errors import DataError

SUFFIXES = (".h5ad", ".zarr", ".csv", ".geojson")
"""What placed cells are written as."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A scratch path beside ``path`` to write to; it takes the name of ``path`` on success.

    A symbolic link stays: the file that it names is replaced.

    Raises
    ------
    DataError
        When the folder is not there or cannot be written, or the disk is full.
    """
    target = _target(path)
    scratch = make_scratch(target)
    try:
        with watched(scratch, target):
            yield scratch
            _keep(scratch)
            # Scratch files are private; give the result the permissions any new file has.
            umask = os.umask(0)
            os.umask(umask)
            scratch.chmod(0o666 & ~umask)
            scratch.replace(target)
            _keep(target.parent)
    except Exception as error:
        _raise_of_disk(error, target)
        raise
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def replacing_store(path: str | Path) -> Iterator[Path]:
    """As :func:`replacing` for a zarr store, which is a folder.

    Raises
    ------
    DataError
        When there is something else at the path, or the folder cannot be written.
    """
    target = _target(path, store=True)
    scratch = make_scratch(target, folder=True)
    try:
        with watched(scratch, target):
            yield scratch / NEW
            if target.exists():
                target.rename(scratch / OLD)
            (scratch / NEW).rename(target)
            _keep(target.parent)
    except Exception as error:
        _raise_of_disk(error, target)
        raise
    finally:
        clear(scratch, target)


def _raise_of_disk(error: BaseException, target: Path) -> None:
    """Say that the disk is full or the like, if that is what an error comes from.

    What could not be written fails again while it is closed, in ways of its own.

    Raises
    ------
    DataError
        Of the first error of the disk.
    """
    found: BaseException | None = error
    while found is not None and not isinstance(found, DataError):
        if isinstance(found, OSError):
            raise DataError(f"Cannot write {target}: {reason(found)}.") from error
        found = found.__cause__ or found.__context__


def check_output(path: str | Path, suffixes: Sequence[str] = ()) -> None:
    """Before minutes of work: can the result be written there.

    Parameters
    ----------
    path
        Of the file, or of the ``.zarr`` folder.
    suffixes
        One of which it must have; any if there are none.

    Raises
    ------
    DataError
        With what to do.
    """
    suffix = Path(str(path)).suffix.lower()
    if suffixes and suffix not in suffixes:
        raise DataError(f"Cannot write {path}: give it the suffix {' or '.join(suffixes)}.")
    store = suffix == ".zarr"
    scratch = make_scratch(_target(path, store=store), folder=store)
    shutil.rmtree(scratch) if store else scratch.unlink()


def write_placed(placed: ad.AnnData, path: str | Path) -> None:
    """Write placed cells: whole, or not at all.

    Parameters
    ----------
    placed
        From :meth:`napari_dpvae.DPVAE.place`. What a file cannot hold is written as text or left
        out, with a warning that names it.
    path
        Its suffix says the format: ``.h5ad``; ``.zarr``, a SpatialData store with the image;
        ``.csv``, one row a barcode; ``.loupe.csv`` and ``.xenium.csv``, groups of cells for Loupe
        Browser and Xenium Explorer; ``.geojson``, which QuPath opens.

    Raises
    ------
    DataError
        For another suffix, or a folder that cannot be written.

    Examples
    --------
    >>> dpv.write_placed(placed, "placed.csv")
    >>> open("placed.csv").readline().split(",")[:3]
    ['barcode', 'x', 'y']
    """
    check_output(path, SUFFIXES)
    check_located(placed, "The placed cells")
    suffix = Path(path).suffix.lower()
    try:
        if suffix == ".zarr":
            from napari_dpvae.data.spatial_data import write_spatialdata

            write_spatialdata(placed, path)
            return
        with replacing(path) as scratch:
            if suffix == ".csv":
                table_for(Path(path).name)(placed).to_csv(scratch)
            elif suffix == ".geojson":
                scratch.write_text(json.dumps(placement_features(placed)), encoding="utf-8")
            else:
                _write_h5ad(placed, scratch)
    except (DataError, MemoryError):
        raise
    except Exception as error:
        # anndata and its libraries fail in many ways; a person needs the file and the reason.
        raise DataError(f"Cannot write {path}: {reason(error)}.") from error


def _write_h5ad(cells: ad.AnnData, path: Path) -> None:
    """Matrices that are in a file are copied from there."""
    bare, matrices = without_matrices(cells)
    write_anndata(writable(bare), path)
    if matrices:
        with hdf5_output(path, change=True) as file:
            copy_matrices(matrices, file)


def write_into_copy(source: str | Path, path: str | Path, cells: ad.AnnData) -> None:
    """Write what is new of cells into a copy of their file: whole, or not at all.

    Everything else of the file, such as its matrices, is copied as it is and not read.

    Parameters
    ----------
    source
        The ``.h5ad`` that the cells were read from.
    path
        Of the copy, ``.h5ad``; may be the same.
    cells
        Their ``obs`` and ``var``, which take the place of the file's; ``obsm`` and ``uns``, whose
        entries are added to the file's.

    Raises
    ------
    DataError
        When the file cannot be written.
    """
    found = writable(cells)
    try:
        with replacing(path) as scratch:
            shutil.copyfile(Path(source).expanduser(), scratch)
            with hdf5_output(scratch, change=True) as file:
                _write_new(file, found)
    except (DataError, MemoryError):
        raise
    except Exception as error:
        raise DataError(f"Cannot write {path}: {reason(error)}.") from error


def _write_new(file: h5py.File, cells: ad.AnnData) -> None:
    """The tables, and what is in ``obsm`` and ``uns``, in place of what is there."""
    ad.io.write_elem(file, "obs", cells.obs)
    ad.io.write_elem(file, "var", cells.var)
    for name in ("obsm", "uns"):
        if name not in file:
            ad.io.write_elem(file, name, {})
        for key, value in getattr(cells, name).items():
            ad.io.write_elem(file[name], key, value)
    if DRAWS in file["obsm"] and DRAWS not in cells.obsm:
        # Of another placing.
        del file["obsm"][DRAWS]


def _target(path: str | Path, *, store: bool = False) -> Path:
    """Where a file goes, links followed, if it can go there."""
    try:
        target = Path(path).expanduser()
        if target.is_symlink():
            target = target.resolve()
        there = target.exists()
        in_folder = target.parent.is_dir()
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise DataError(f"Cannot write {str(path)[:200]}: {reason(error)}.") from error
    if not in_folder:
        raise DataError(f"Cannot write {path}: the folder {target.parent} does not exist.")
    if not there:
        return target
    mode = target.stat().st_mode
    if store:
        known = any((target / name).exists() for name in ("zarr.json", ".zgroup"))
        if not known and not (stat.S_ISDIR(mode) and not any(target.iterdir())):
            raise DataError(f"Cannot write {path}: it exists and is no zarr store.")
    elif stat.S_ISDIR(mode):
        raise DataError(f"Cannot write {path}: it is a folder; name a file in it.")
    elif not stat.S_ISREG(mode):
        raise DataError(f"Cannot write {path}: it is no file; name one.")
    return target


def _keep(path: Path) -> None:
    """Have the disk keep what was written, before a name is given to it."""
    if path.is_dir() and sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):
            # Some file systems cannot, and say so.
            os.fsync(handle)
    finally:
        os.close(handle)
