"""Open references, queries and placed cells from files."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
from scipy import sparse

from napari_dpvae.data.checks import check_expression, check_query, check_reference
from napari_dpvae.data.coordinates import settled_places
from napari_dpvae.data.counts import with_expression
from napari_dpvae.data.formats.registry import recognise
from napari_dpvae.data.formats.spatialdata_store import read_spatialdata
from napari_dpvae.data.formats.tables import read_table
from napari_dpvae.data.gene_names import name_column
from napari_dpvae.data.images import libraries
from napari_dpvae.data.keys import DPVAE, SPATIAL
from napari_dpvae.data.structure import check_matrices
from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)


def read_reference(
    path: str | Path,
    *,
    layer: str | None = None,
    section_key: str | None = None,
    coordinates: str | Path | None = None,
) -> ad.AnnData:
    """Open and check a reference.

    Parameters
    ----------
    path
        A file or folder of any format in :data:`napari_dpvae.data.formats.registry.FORMATS`.
    layer
        Layer with the raw counts, ``raw`` for those of ``.raw``, ``X`` for X as it is. If not
        given, X where it holds counts, else counts that are elsewhere.
    section_key
        Column of ``obs`` with the section of each spot, when there are several.
    coordinates
        For counts as CSV or TSV: the table with the coordinates of each spot. Looked for beside
        the counts if not given.

    Returns
    -------
    anndata.AnnData
        Counts in ``X``, coordinates in ``obsm["spatial"]``.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    reference = settled_places(_read(path, layer, coordinates))
    if SPATIAL in reference.uns:
        reference.uns[SPATIAL] = dict(libraries(reference))
    _check_has_places(reference, path)
    check_reference(reference, section_key)
    return reference


def read_query(path: str | Path, *, layer: str | None = None) -> ad.AnnData:
    """Open and check a query.

    Parameters
    ----------
    path, layer
        As for :func:`read_reference`.

    Returns
    -------
    anndata.AnnData
        Counts in ``X``.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    query = _read(path, layer)
    check_query(query)
    return query


def read_placed(path: str | Path) -> ad.AnnData:
    """Open cells that were placed before, from ``.h5ad`` or ``.zarr``.

    Raises
    ------
    DataError
        When the file is not there or holds no placed cells.
    """
    found = _existing(path)

    def read(file: Path) -> ad.AnnData:
        chosen = recognise(file)
        if chosen.read is read_spatialdata:
            return read_spatialdata(file, placed=True)
        return chosen.read(file)

    placed = _open(found, read)
    if DPVAE not in placed.uns or SPATIAL not in placed.obsm:
        raise DataError(f"{path} holds no placed cells: make it with place.")
    check_matrices(placed, str(path))
    check_expression(placed, str(path))
    return placed


def _read(path: str | Path, layer: str | None, coordinates: str | Path | None = None) -> ad.AnnData:
    """Any file, with the expression that is asked for in X."""
    found = _existing(path)

    def read(file: Path) -> ad.AnnData:
        if coordinates is not None:
            return read_table(file, _existing(coordinates))
        return recognise(file).read(file)

    cells = _unique_genes(_named_genes(_open(found, read)))
    cells.X = _in_rows(cells.X)
    check_matrices(cells, str(path))
    return with_expression(cells, layer)


def _existing(path: str | Path) -> Path:
    found = Path(path).expanduser()
    try:
        there = found.exists()
    except (OSError, ValueError) as error:
        raise DataError(f"Cannot read {path}: {error}.") from error
    if not there:
        raise DataError(f"There is no file or folder {path}.")
    return found


def _open(path: Path, reader: Callable[[Path], ad.AnnData]) -> ad.AnnData:
    try:
        return reader(path)
    except (DataError, MemoryError):
        raise
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"Cannot read {path}: a packed file in it is damaged or ends too early: copy it again."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"Cannot read {path}: it has bytes that are no text (UTF-8): save it as UTF-8, or copy "
            "it again."
        ) from error
    except Exception as error:
        # Readers fail in many ways on a damaged file; a person needs the file and the reason.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"Cannot read {path}: {reason[:300]}") from error


def _check_has_places(reference: ad.AnnData, path: str | Path) -> None:
    """Say how formats that have no ``obsm`` are given their coordinates."""
    if SPATIAL in reference.obsm:
        return
    format_name = recognise(Path(path).expanduser()).name
    if format_name.startswith("10x"):
        raise DataError(
            f"The reference {path} has no coordinates: put Space Ranger's folder 'spatial', with "
            "the positions of spots, beside its counts."
        )
    if "CSV" in format_name:
        raise DataError(
            f"The reference {path} has no coordinates: give a table with the columns barcode, x "
            "and y beside it, called like it with _coordinates.csv, or put them in "
            f"obsm['{SPATIAL}'] of an .h5ad."
        )


def _named_genes(cells: ad.AnnData) -> ad.AnnData:
    """Converters leave 0, 1, 2, … for names where the genes are named in a column."""
    column = name_column(cells.var) if list(cells.var_names[:3]) == ["0", "1", "2"] else None
    if column is not None:
        logger.warning("Genes are numbered: they are named by var['%s'].", column)
        cells.var_names = cells.var[column].astype(str).to_numpy()
    return cells


def _unique_genes(cells: ad.AnnData) -> ad.AnnData:
    """Some genes share a name (one symbol, two identifiers): number the later ones."""
    if not cells.var_names.is_unique:
        logger.warning(
            "%d genes share a name with another and were numbered.",
            int(cells.var_names.duplicated().sum()),
        )
        cells.var_names_make_unique()
    if not cells.obs_names.is_unique:
        logger.warning(
            "%d cells share a name with another and were numbered.",
            int(cells.obs_names.duplicated().sum()),
        )
        cells.obs_names_make_unique()
    return cells


def _in_rows(x: Any) -> Any:
    """Sparse matrices as rows or columns; other kinds cannot be cut."""
    if sparse.issparse(x) and x.format not in ("csr", "csc"):
        return x.tocsr()
    return x
