"""Place from file to file: a chunk of cells in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anndata as ad

from napari_dpvae import __version__
from napari_dpvae.data.backed import is_backed, name_in_file, opened_query
from napari_dpvae.data.concerns import concerns_of_query
from napari_dpvae.data.counts import X
from napari_dpvae.data.paths import as_path, is_there
from napari_dpvae.data.replacing import check_output
from napari_dpvae.data.unfinished import Unfinished
from napari_dpvae.data.write import SUFFIXES, write_into_copy, write_placed
from napari_dpvae.expression import aligned
from napari_dpvae.model.trained import Trained
from napari_dpvae.placement.engine import Engine
from napari_dpvae.placement.place import placement_steps, with_panel_names
from napari_dpvae.placement.request import checked_request
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.steps import drain

if TYPE_CHECKING:
    from napari_dpvae.dpvae import DPVAE


def place_file(
    model: DPVAE,
    query: str | Path,
    output: str | Path,
    settings: PlacementSettings | None = None,
    *,
    matrix: bool = True,
    layer: str | None = None,
    known_key: str | None = None,
    gene_table: Mapping[str, str] | None = None,
    tell: Callable[[str], None] | None = None,
    progress: Callable[[float], None] | None = None,
    client: Any = None,
    resume: bool = False,
    **changes: Any,
) -> ad.AnnData:
    """Place the cells of a file, and write them to another.

    The matrices of an ``.h5ad``, AnnData ``.zarr`` or 10x ``.h5`` of genes are never in memory as a
    whole: they are read in chunks, by way of a scratch file where they are stored by columns, and
    copied from file to file. Other files are read whole. Places, regions and status are those of
    :meth:`napari_dpvae.DPVAE.place`.

    Parameters
    ----------
    model
        Trained.
    query, layer
        As for :func:`napari_dpvae.read_query`.
    output
        ``.h5ad``, ``.zarr``, ``.csv`` or ``.geojson``; written whole, or not at all.
    settings, known_key, **changes
        As for :meth:`napari_dpvae.DPVAE.place`.
    matrix
        Whether the output holds the expression of the cells; if not, it holds their coordinates,
        ``obs`` and the names of the genes.
    gene_table
        The reference's gene name by the query's.
    tell
        Is called with each sentence about the query that should be looked at twice.
    progress
        Is called with the share of cells done.
    client
        Of a Dask cluster (``distributed.Client``), whose workers solve the cells; threads of this
        process if not given. The result is the same.
    resume
        Whether to go on where the same placing was interrupted: until the output is written, what
        is solved lies in a folder beside it, whose name ends in ``.unfinished``.

    Returns
    -------
    anndata.AnnData
        The cells with their placement, without a matrix.

    Raises
    ------
    DataError
        When the query cannot be used or the output not be written, with what to do about it.

    Examples
    --------
    >>> found = dpv.place_file(model, sample / "phantom_query.h5ad", "placed.h5ad")
    >>> found.n_obs
    500
    """
    check_output(output, SUFFIXES)
    settings = PlacementSettings.of(settings, changes)
    trained = model.trained
    kept = Unfinished(output, resume=resume)
    # Opened first: that says in a sentence what is no path, and what is not there.
    with opened_query(query, layer=layer, places=known_key is not None) as cells:
        kept.begin(_identity(trained, query, settings, layer, known_key, gene_table))
        in_file = is_backed(cells)
        as_it_is = in_file and name_in_file(cells.X) == X
        if tell is not None:
            for sentence in concerns_of_query(cells):
                tell(sentence)
        cells, known = checked_request(trained, cells, settings, known_key)
        named = cells if gene_table is None else with_panel_names(trained, cells, gene_table)
        steps = placement_steps(trained, named, known, settings, engine=Engine(client, kept))
        found = drain(steps, progress)
        bare = found.into(ad.AnnData(obs=cells.obs.copy(), var=found.var))
    suffix = Path(output).suffix.lower()
    if not matrix or suffix in (".csv", ".geojson"):
        write_placed(bare, output)
    elif as_it_is and suffix == ".h5ad" and as_path(query).is_file():
        write_into_copy(query, output, bare)
    elif in_file:
        with opened_query(query, layer=layer, all_else=True) as cells:
            write_placed(found.into(cells), output)
    else:
        write_placed(found.into(cells), output)
    kept.remove()
    return bare


def _identity(trained: Trained, query: str | Path, settings: PlacementSettings, *how: Any) -> str:
    """Of a placing: another one has other chunks."""
    file = as_path(query).resolve()
    state = file.stat() if is_there(file) else None
    seen = None if state is None else (state.st_size, state.st_mtime_ns)
    return repr((trained.model_hash(), str(file), seen, settings, how, aligned.CHUNK, __version__))
