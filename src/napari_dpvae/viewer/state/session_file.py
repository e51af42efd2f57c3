"""A session as one file: what is open, trained and placed, and how it is shown."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anndata as ad

from napari_dpvae.colours.scale import Limits
from napari_dpvae.data.backed import in_memory
from napari_dpvae.data.formats.bounds import check_regular, existing
from napari_dpvae.data.hdf5_output import write_anndata
from napari_dpvae.data.read import read_placed, read_query, read_reference
from napari_dpvae.data.replacing import check_output, replacing
from napari_dpvae.data.scratch import reason
from napari_dpvae.data.writable import writable
from napari_dpvae.dpvae import DPVAE
from napari_dpvae.errors import DataError
from napari_dpvae.viewer.state.session import Session

SUFFIX = ".dpvae"
SHOWN, MODEL = "shown.json", "model.safetensors"
CELLS = {"reference": read_reference, "query": read_query, "placed": read_placed}
"""What holds cells, in the order in which it is put back: a reference lets placed cells go."""
DAMAGED = (KeyError, ValueError, RuntimeError, AttributeError, EOFError)
"""What is raised of a part that is not there, no text, no JSON, or is packed or locked."""
LOOK = ("arrangement", "uncertainty", "regions", "places")


def write_session(session: Session, path: str | Path) -> None:
    """Write all that a session holds: whole, or not at all.

    Parameters
    ----------
    session
        Its reference, query, model, placed cells with their groups, and how they are shown.
    path
        Ends in ``.dpvae``: a zip archive of ``.h5ad`` and safetensors files, which other programs
        can open as well.

    Raises
    ------
    DataError
        When the file cannot be written.
    """
    check_output(path, (SUFFIX,))
    with replacing(path) as scratch, TemporaryDirectory() as folder:
        with zipfile.ZipFile(scratch, "w") as archive:
            archive.writestr(SHOWN, json.dumps(_shown(session), indent=1))
            for name in CELLS:
                cells: ad.AnnData | None = getattr(session, name)
                if cells is not None:
                    part = Path(folder, f"{name}.h5ad")
                    write_anndata(writable(in_memory(cells)), part)
                    archive.write(part, part.name)
            if session.model is not None:
                session.model.save(Path(folder, MODEL))
                archive.write(Path(folder, MODEL), MODEL)


class SavedSession:
    """What a session file holds, read and checked.

    Parameters
    ----------
    path
        Written by :func:`write_session`.

    Raises
    ------
    DataError
        When it is not there, damaged, or no session.
    """

    def __init__(self, path: str | Path) -> None:
        self._cells: dict[str, ad.AnnData] = {}
        self._model: DPVAE | None = None
        found = existing(path)
        check_regular(found)
        try:
            with zipfile.ZipFile(found) as archive:
                self._shown: dict[str, Any] = json.loads(_member(archive, SHOWN))
                # Of before genes could be blended.
                self._shown.setdefault("genes", [])
                lacking = _shown(Session()).keys() - self._shown.keys()
                if lacking:
                    raise KeyError(f"it does not say {min(lacking)}")
                self._read(archive)
        except DataError:
            raise
        except (OSError, zipfile.BadZipFile, *DAMAGED) as error:
            raise DataError(
                f"{path} is no session of napari-dpvae, or damaged: save it again "
                f"({reason(error)})."
            ) from error

    def _read(self, archive: zipfile.ZipFile) -> None:
        with TemporaryDirectory() as folder:
            names = set(archive.namelist())
            for name, read in CELLS.items():
                part = f"{name}.h5ad"
                if part in names:
                    Path(folder, part).write_bytes(_member(archive, part))
                    self._cells[name] = read(Path(folder, part))
            if MODEL in names:
                Path(folder, MODEL).write_bytes(_member(archive, MODEL))
                self._model = DPVAE.load(Path(folder, MODEL))

    def put_into(self, session: Session) -> None:
        """Put it all in place of what a session holds, and show it as it was."""
        session.reference = self._cells.get("reference")
        session.section_key = self._shown.get("section_key")
        session.query = self._cells.get("query")
        session.model = self._model
        session.placed = self._cells.get("placed")
        look, colouring = session.look, session.colouring
        for name in LOOK:
            setattr(look, name, self._shown[name])
        look.statuses = self._shown["statuses"]
        colouring.colormap = self._shown["colormap"]
        colouring.markers = self._shown["markers"]
        if self._shown["gene"] is not None:
            colouring.gene = self._shown["gene"]
            colouring.genes = self._shown["genes"]
        elif self._shown["column"] is not None:
            colouring.column = self._shown["column"]
            colouring.hidden = self._shown["hidden"]
        colouring.limits = Limits(*self._shown["limits"])


def _shown(session: Session) -> dict[str, Any]:
    """How a session is shown; JSON can hold it."""
    look, colouring = session.look, session.colouring
    return {
        "version": 1,
        "section_key": session.section_key,
        **{name: getattr(look, name) for name in LOOK},
        "statuses": sorted(look.statuses),
        "gene": colouring.gene,
        "genes": list(colouring.genes),
        "column": colouring.column,
        "colormap": colouring.colormap,
        "markers": list(colouring.markers),
        "limits": list(colouring.limits),
        "hidden": sorted(colouring.hidden),
    }


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A part of the archive; parts are stored as they are, so that none can be a bomb."""
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise DataError(f"The part {name} of the session is packed: save the session again.")
    return archive.read(name)
