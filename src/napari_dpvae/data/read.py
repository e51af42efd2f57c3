"""Open references, queries and placed cells from files."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
from scipy import sparse

from napari_dpvae.data.beside import IDENTITY, as_matrix, with_image
from napari_dpvae.data.checks import check_expression, check_located, check_query, check_reference
from napari_dpvae.data.coordinates import settled_places
from napari_dpvae.data.counts import with_expression
from napari_dpvae.data.formats.bounds import existing
from napari_dpvae.data.formats.delimited import decoding
from napari_dpvae.data.formats.registry import recognise
from napari_dpvae.data.formats.space_ranger import with_places_beside
from napari_dpvae.data.formats.spatialdata_store import read_spatialdata
from napari_dpvae.data.formats.tables import coordinates_in, read_table, with_coordinates
from napari_dpvae.data.gene_names import name_column
from napari_dpvae.data.images import libraries
from napari_dpvae.data.joined import joined, section_names
from napari_dpvae.data.keys import DPVAE, SPATIAL
from napari_dpvae.data.paths import as_path
from napari_dpvae.data.structure import check_matrices, sum_duplicates
from napari_dpvae.errors import DataError

logger = logging.getLogger(__name__)

MOST_ALIKE = 0.5
"""Share of genes with the name of another, above which they are no names."""


def read_reference(
    path: str | Path | Sequence[str | Path],
    *,
    layer: str | None = None,
    section_key: str | None = None,
    coordinates: str | Path | None = None,
    image: str | Path | None = None,
    image_affine: object = IDENTITY,
) -> ad.AnnData:
    """Open and check a reference.

    Parameters
    ----------
    path
        A file or folder of any format in :data:`napari_dpvae.data.formats.registry.FORMATS`; or
        several, each a section of one reference: ``obs["section"]`` then names them, and is the
        section key.
    layer
        Layer with the raw counts, ``raw`` for those of ``.raw``, ``X`` for X as it is. If not
        given, X where it holds counts, else counts that are elsewhere.
    section_key
        Column of ``obs`` with the section of each spot, when one file holds several.
    coordinates
        A table with the coordinates of each spot, where the file has none. Looked for beside the
        counts if these are a CSV or TSV, or of 10x.
    image
        A file of its own to lie under the spots: PNG, JPEG, TIFF, OME-TIFF or OME-Zarr.
    image_affine
        From (x, y) in the image's pixels to coordinates: the side of a pixel, six numbers in rows,
        an array (2, 3) or (3, 3), or a file with that.

    Returns
    -------
    anndata.AnnData
        Counts in ``X``, coordinates in ``obsm["spatial"]``.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.

    Examples
    --------
    >>> reference = dpv.read_reference(sample / "phantom_reference.h5ad")
    >>> reference.n_obs, reference.obsm["spatial"].shape
    (321, (321, 2))
    """
    if isinstance(path, Sequence) and not isinstance(path, str | bytes):
        return _read_sections(path, layer, {section_key, coordinates, image})
    reference = _with_places(_read(path, layer, coordinates), path)
    _check_has_places(reference, path)
    check_reference(reference, section_key)
    if image is not None:
        return with_image(reference, existing(image), image_affine)
    if not np.array_equal(as_matrix(image_affine), np.eye(3)):
        raise DataError("An image's affine is given, and no image: give both, or neither.")
    return reference


def _read_sections(
    paths: Sequence[str | Path], layer: str | None, others: set[object]
) -> ad.AnnData:
    """Each file as a section of one reference."""
    if others != {None}:
        raise DataError(
            "Several files are a section each: a section key, a table of coordinates or an image "
            "can be given for one file only."
        )
    if not len(paths):
        raise DataError("There is no file for the reference: name one or more.")
    names = section_names(paths)
    return joined(
        [_read_section(*each, layer) for each in zip(names, paths, strict=True)],
        names,
    )


def _read_section(name: str, path: str | Path, layer: str | None) -> ad.AnnData:
    try:
        return read_reference(path, layer=layer)
    except DataError as error:
        if str(path) in str(error):
            raise
        raise DataError(f"Section {name}: {error}") from error


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

    Examples
    --------
    >>> dpv.read_query(sample / "phantom_query.h5ad").shape
    (500, 300)
    """
    query = _read(path, layer)
    check_query(query)
    return query


def read_either(path: str | Path) -> ad.AnnData:
    """Open what may be a reference, a query or placed cells: that shows by what is in it.

    Returns
    -------
    anndata.AnnData
        Spots, if it has ``obsm["spatial"]``; those were placed, if it has ``uns["dpvae"]``.

    Raises
    ------
    DataError
        With what is wrong, where, and what to do.
    """
    cells = _with_places(_read(path, None), path)
    if SPATIAL in cells.obsm and DPVAE not in cells.uns:
        check_reference(cells)
    else:
        check_query(cells)
    return cells


def read_placed(path: str | Path) -> ad.AnnData:
    """Open cells that were placed before, from ``.h5ad`` or ``.zarr``.

    Parameters
    ----------
    path
        Of a file or a store that :func:`write_placed` or :func:`write_spatialdata` wrote.

    Raises
    ------
    DataError
        When the file is not there or holds no placed cells.

    Examples
    --------
    >>> dpv.write_placed(placed, "placed.h5ad")
    >>> dpv.read_placed("placed.h5ad").obsm["spatial"].shape
    (120, 2)
    """
    found = existing(path)

    def read(file: Path) -> ad.AnnData:
        chosen = recognise(file)
        if chosen.read is read_spatialdata:
            return read_spatialdata(file, placed=True)
        return chosen.read(file)

    with reading(path):
        placed = read(found)
    if not isinstance(placed.uns.get(DPVAE), Mapping) or SPATIAL not in placed.obsm:
        raise DataError(f"{path} holds no placed cells: make it with place.")
    check_expression(placed, str(path))
    sum_duplicates(placed)
    check_located(placed, f"The cells of {path}")
    return placed


def _read(path: str | Path, layer: str | None, coordinates: str | Path | None = None) -> ad.AnnData:
    """Any file, with the expression that is asked for in X."""
    found = existing(path)

    def read(file: Path) -> ad.AnnData:
        chosen = recognise(file)
        if coordinates is None:
            return chosen.read(file)
        if chosen.read is read_table:
            return read_table(file, existing(coordinates))
        return with_coordinates(chosen.read(file), existing(coordinates), file)

    with reading(path):
        cells = read(found)
    cells = unique_names(_named_genes(cells))
    cells.X = _in_rows(cells.X)
    check_matrices(cells, str(path))
    sum_duplicates(cells)
    cells = with_expression(cells, layer)
    cells.X = _in_rows(cells.X)
    return cells


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Whatever fails within is said of this file.

    Raises
    ------
    DataError
        In place of what a library raises, with its reason.
    """
    try:
        with decoding(path):
            yield
    except (DataError, MemoryError):
        raise
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"Cannot read {path}: a packed file in it is damaged or ends too early: copy it again."
        ) from error
    except Exception as error:
        # Readers fail in many ways on a damaged file; a person needs the file and the reason.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(
            f"Cannot read {path}: a part of it is missing or not as its format asks for "
            f"({reason[:200].rstrip('.')}): copy it again, or write it anew from its source."
        ) from error


def _with_places(spots: ad.AnnData, path: str | Path) -> ad.AnnData:
    """Spots with what is known of their places and images, which may be nothing."""
    if _is_tenx(path) and SPATIAL not in spots.obsm:
        spots = _with_places_beside(spots, as_path(path))
    spots = settled_places(spots)
    if SPATIAL in spots.uns:
        spots.uns[SPATIAL] = dict(libraries(spots))
    return spots


def _with_places_beside(spots: ad.AnnData, path: Path) -> ad.AnnData:
    """Spots of 10x with the places of Space Ranger, or of a table, that lie beside them."""
    spots = with_places_beside(spots, path)
    table = coordinates_in(path if path.is_dir() else path.absolute().parent)
    if SPATIAL in spots.obsm or table is None:
        return spots
    logger.warning("The coordinates are taken from %s.", table)
    return with_coordinates(spots, table, path)


def _check_has_places(reference: ad.AnnData, path: str | Path) -> None:
    """Say how formats that have no ``obsm`` are given their coordinates."""
    if SPATIAL in reference.obsm:
        return
    if _is_tenx(path):
        raise DataError(
            f"The reference {path} has no coordinates: name the folder of its instrument, or put "
            "Space Ranger's folder 'spatial', or a table coordinates.csv with the columns barcode, "
            "x and y, beside its counts."
        )
    if "CSV" in recognise(as_path(path)).name:
        raise DataError(
            f"The reference {path} has no coordinates: give a table with the columns barcode, x "
            "and y beside it, called like it with _coordinates.csv, or put them in "
            f"obsm['{SPATIAL}'] of an .h5ad."
        )


def _is_tenx(path: str | Path) -> bool:
    return recognise(as_path(path)).name.startswith("10x")


def _named_genes(cells: ad.AnnData) -> ad.AnnData:
    """Converters leave 0, 1, 2, … for names where the genes are named in a column."""
    column = name_column(cells.var) if list(cells.var_names[:3]) == ["0", "1", "2"] else None
    if column is not None:
        logger.warning("Genes are numbered: they are named by var['%s'].", column)
        cells.var_names = cells.var[column].astype(str).to_numpy()
    return cells


def unique_names(cells: ad.AnnData) -> ad.AnnData:
    """Some genes share a name (one symbol, two identifiers): number the later ones.

    Raises
    ------
    DataError
        When most do.
    """
    if not cells.var_names.is_unique:
        twice = int(cells.var_names.duplicated().sum())
        if twice > MOST_ALIKE * cells.n_vars:
            raise DataError(
                f"{twice:,} of {cells.n_vars:,} genes have the name of another (such as "
                f"'{cells.var_names[0]}'): put the names of genes in var_names."
            )
        logger.warning("%d genes share a name with another and were numbered.", twice)
        cells.var_names_make_unique()
    if not cells.obs_names.is_unique:
        logger.warning(
            "%d cells share a name with another and were numbered.",
            int(cells.obs_names.duplicated().sum()),
        )
        cells.obs_names_make_unique()
    return cells


def _in_rows(x: Any) -> Any:
    """Numbers as this machine has them; sparse matrices as rows or columns, which can be cut."""
    if x is not None and not x.dtype.isnative:
        x = x.astype(x.dtype.newbyteorder("="))
    if sparse.issparse(x) and x.format not in ("csr", "csc"):
        return x.tocsr()
    return x
