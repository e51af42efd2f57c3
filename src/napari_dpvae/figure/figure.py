"""A figure for print of spots and placed cells: histology, colour bar in real units, scale bar."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import get_args

import anndata as ad
import numpy as np
from matplotlib.artist import Artist
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from napari_dpvae.analysis.cells import in_frame
from napari_dpvae.analysis.virtual import VIRTUAL, virtual_expression
from napari_dpvae.colours.blend import blendable, blended, gene_colours
from napari_dpvae.colours.categories import category_codes, category_colours, is_numeric
from napari_dpvae.colours.scale import USUAL, Expression, Limits, colour_limits
from napari_dpvae.data.checks import check_located
from napari_dpvae.data.features import has_feature
from napari_dpvae.data.images import libraries, spot_size
from napari_dpvae.data.keys import DPVAE, RADIUS, SPATIAL, STATUS
from napari_dpvae.data.replacing import replacing
from napari_dpvae.errors import DataError
from napari_dpvae.figure.marks import (
    Places,
    Uncertainty,
    cell_size,
    lacking,
    name_of,
    shown_places,
    sureness,
)
from napari_dpvae.figure.panel import Part, draw_cells, draw_image, finish, view_box
from napari_dpvae.uncertainty.status import OUTSIDE, STATUSES

FORMATS = (".png", ".svg", ".pdf")
INCHES = 6.0
"""Width of a panel."""
DOTS_PER_INCH = 300
GREY = (0.6, 0.6, 0.6, 1.0)


def draw_figure(
    placed: ad.AnnData | None = None,
    reference: ad.AnnData | None = None,
    *,
    gene: str | None = None,
    genes: Sequence[str] = (),
    column: str | None = None,
    limits: Limits | Mapping[str, Limits] = USUAL,
    colormap: str = "viridis",
    statuses: Collection[str] = STATUSES,
    hidden: Collection[str] = (),
    side_by_side: bool = False,
    places: Places = "estimates",
    uncertainty: Uncertainty = "not shown",
    title: str | None = None,
    microns_per_unit: float | None = None,
) -> Figure:
    """Draw spots and placed cells of a slice over the histology.

    Parameters
    ----------
    placed, reference
        Either, or both. Of a reference of several sections, that which the cells were placed in.
    gene, column
        What colours them: a gene, or a column of ``obs`` with numbers or categories.
    genes
        Two or three in place of one: each has a colour, and these add up.
    limits, colormap
        Of the colour scale of numbers; of several genes the limits of each, by name, or of all.
    statuses
        Placed cells of these kinds are drawn.
    hidden
        Categories that are not.
    side_by_side
        Placed cells to the left, the reference to the right.
    places
        Where placed cells are drawn: at their ``estimates``, at their ``likeliest
        spots``, or all at ``one draw`` of theirs.
    uncertainty
        Whether the less sure placed cells are drawn smaller (``as size``) or fainter
        (``as opacity``).
    title
        What colours the cells if not given.
    microns_per_unit
        For a scale bar in micrometres; else it is in coordinate units.

    Returns
    -------
    matplotlib.figure.Figure
        Not shown: see :func:`write_figure`.

    Raises
    ------
    DataError
        For a volume, when there is nothing to draw, when what colours it is nowhere, or when there
        are no such places.

    Examples
    --------
    >>> figure = dpv.draw_figure(placed, reference, gene="Gene000", side_by_side=True)
    >>> [axes.get_title() for axes in figure.axes[:2]]
    ['placed cells', 'reference']
    """
    for cells, what in ((reference, "The reference's spots"), (placed, "The placed cells")):
        if cells is not None:
            check_located(cells, what)
    if reference is not None and placed is not None:
        reference = _section_of(reference, placed)
    data = [cells for cells in (reference, placed) if cells is not None]
    genes = blendable(genes)
    _check(data, genes or (gene,), column, statuses)
    _check_choices(places, uncertainty)
    if placed is None:
        places = "estimates"
    elif reason := lacking(placed, places):
        raise DataError(reason)
    # Placed cells to the left, as in the window.
    together = [data] if not side_by_side else [[cells] for cells in reversed(data)]
    width, height = np.ptp(view_box(data[0]), axis=0)
    inches = (INCHES * len(together) + 1, INCHES * height / width + 1)
    figure = Figure(figsize=inches, layout="compressed")
    panels = figure.subplots(1, len(together), squeeze=False)[0]
    if genes:
        parts, scales, legend = _blended(placed, reference, genes, limits)
    else:
        of_one = limits if isinstance(limits, Limits) else limits.get(str(gene or column), USUAL)
        parts, scales, legend = _coloured(placed, reference, gene, column, of_one, colormap)
    for axes, shown in zip(panels, together, strict=True):
        draw_image(axes, data[0])
        for cells, colours in zip(data, parts, strict=True):
            if any(cells is one for one in shown):
                drawn = _visible(cells, statuses, hidden, column)
                part = Part(cells, cells.obsm[SPATIAL], spot_size(cells), colours, drawn)
                if placed is not None and cells is placed:
                    part = _as_placed(part, reference, places, uncertainty)
                draw_cells(axes, part)
        finish(axes, data[0], microns_per_unit)
        if side_by_side or places != "estimates":
            axes.set_title(name_of(places) if shown[-1] is placed else "reference", fontsize=10)
    figure.suptitle(title if title is not None else " · ".join(genes) or gene or column or "")
    for unit, ends in scales.items():
        bar = ScalarMappable(Normalize(*ends), colormap)
        figure.colorbar(bar, ax=list(panels), label=unit, shrink=0.8, aspect=30)
    # Cells outside have a mark of their own, whatever colours the others.
    left_out = {*hidden, OUTSIDE} if column == STATUS else set(hidden)
    _add_legend(figure, {n: c for n, c in legend.items() if n not in left_out}, column, placed)
    return figure


def _check(
    data: list[ad.AnnData],
    genes: Sequence[str | None],
    column: str | None,
    statuses: Collection[str],
) -> None:
    """Refuse what cannot be drawn."""
    if not data:
        raise DataError("There is nothing to draw: give placed cells, or a reference.")
    if any(cells.obsm[SPATIAL].shape[1] != 2 for cells in data):
        raise DataError("A figure is drawn of a slice only: take a screenshot of a volume.")
    nowhere = ""
    for gene in genes:
        if gene is not None and not any(has_feature(cells, gene) for cells in data):
            nowhere = f"gene '{gene}'"
    if not nowhere and column is not None and not any(column in cells.obs for cells in data):
        nowhere = f"obs column '{column}'"
    if nowhere:
        raise DataError(
            f"Neither the reference nor the placed cells have the {nowhere}: check its spelling."
        )
    for status in statuses:
        if status not in STATUSES:
            raise DataError(
                f"Placed cells are not of the kind '{status}': choose from {', '.join(STATUSES)}."
            )


def _check_choices(places: str, uncertainty: str) -> None:
    for name, chosen, kind in (
        ("places", places, Places),
        ("uncertainty", uncertainty, Uncertainty),
    ):
        if chosen not in get_args(kind):
            raise DataError(f"{name} is {chosen!r}: choose one of {', '.join(get_args(kind))}.")


def _as_placed(
    part: Part, reference: ad.AnnData | None, places: Places, uncertainty: Uncertainty
) -> Part:
    """Placed cells where, as large and as faint as they are asked for."""
    placed = part.cells
    part = part._replace(places=shown_places(placed, places), size=cell_size(placed, reference))
    if uncertainty == "not shown" or RADIUS not in placed.obs:
        return part
    sure = sureness(placed)
    if uncertainty == "as size":
        return part._replace(size=part.size * sure)
    return part._replace(colours=part.colours * np.where([0, 0, 0, 1], sure[:, None], 1.0))


def _section_of(reference: ad.AnnData, placed: ad.AnnData) -> ad.AnnData:
    """The section of a reference that cells were placed in, with its image alone."""
    here = in_frame(reference, placed)
    if here.all() or not here.any():
        return reference
    section, frame = reference[here].copy(), placed.uns[DPVAE]["frame"]
    images = libraries(section)
    if frame in images:
        section.uns[SPATIAL] = {frame: images[frame]}
    return section


def _add_legend(
    figure: Figure,
    colours: dict[str, np.ndarray],
    column: str | None,
    placed: ad.AnnData | None,
) -> None:
    """Name the categories' colours, and the crosses."""
    marks: list[Artist] = [Patch(color=to_hex(tuple(c)), label=name) for name, c in colours.items()]
    if placed is not None and STATUS in placed.obs and (placed.obs[STATUS] == OUTSIDE).any():
        marks.append(
            Line2D([], [], color="black", marker="x", ls="none", label="outside the reference")
        )
    if marks:
        figure.legend(
            handles=marks,
            loc="outside right upper" if colours else "outside lower right",
            frameon=False,
            title=column if colours else None,
        )


def write_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as ``.png``, ``.svg`` or ``.pdf``.

    Parameters
    ----------
    figure
        As :func:`draw_figure` gives it, or any other of matplotlib's.
    path
        Whose suffix says which of them; what is there is replaced.

    Raises
    ------
    DataError
        For another suffix, or a folder that cannot be written.

    Examples
    --------
    >>> dpv.write_figure(dpv.draw_figure(placed, column="dpvae_radius"), "radius.png")
    """
    if Path(path).suffix not in FORMATS:
        raise DataError(f"Cannot write {path}: give it the suffix {', '.join(FORMATS)}.")
    with replacing(path) as scratch:
        figure.savefig(scratch, dpi=DOTS_PER_INCH, bbox_inches="tight")


def _coloured(
    placed: ad.AnnData | None,
    reference: ad.AnnData | None,
    gene: str | None,
    column: str | None,
    limits: Limits,
    colormap: str,
) -> tuple[list[np.ndarray], dict[str, tuple[float, float]], dict[str, np.ndarray]]:
    """(n, 4) colours of the reference and the placed cells; the scales by unit; the legend."""
    data = [cells for cells in (reference, placed) if cells is not None]
    holders = [cells for cells in data if column in cells.obs]
    if holders and not is_numeric(holders[0].obs[column]):
        legend = category_colours(holders, str(column))
        table = np.vstack([*legend.values(), GREY])
        found = [
            table[category_codes(c.obs[column], list(legend))]
            if column in c.obs
            else np.tile(GREY, (c.n_obs, 1))
            for c in data
        ]
        return found, {}, legend
    values = [_numbers(cells, placed, gene, column) for cells in data]
    scales = {
        unit: colour_limits(*(v for u, v in filter(None, values) if u == unit), limits=limits)
        for unit in dict.fromkeys(own[0] for own in values if own)
    }
    colours = [
        np.tile(GREY, (cells.n_obs, 1))
        if own is None
        else _shades(own[1], scales[own[0]], colormap)
        for cells, own in zip(data, values, strict=True)
    ]
    return colours, scales, {}


def _blended(
    placed: ad.AnnData | None,
    reference: ad.AnnData | None,
    genes: Sequence[str],
    limits: Limits | Mapping[str, Limits],
) -> tuple[list[np.ndarray], dict[str, tuple[float, float]], dict[str, np.ndarray]]:
    """As :func:`_coloured`, by several genes; the legend names the colour of each."""
    data = [cells for cells in (reference, placed) if cells is not None]
    values: list[list[np.ndarray | None]] = [[] for _ in data]
    ends: list[list[tuple[float, float]]] = [[] for _ in data]
    for gene in genes:
        of_gene = limits if isinstance(limits, Limits) else limits.get(gene, USUAL)
        found = [_numbers(cells, placed, gene, None) for cells in data]
        for k, own in enumerate(found):
            alike = [each[1] for each in found if own and each and each[0] == own[0]]
            values[k].append(own[1] if own else None)
            ends[k].append(colour_limits(*alike, limits=of_gene) if own else (0.0, 1.0))
    parts = []
    for cells, of_cells, of_limits in zip(data, values, ends, strict=True):
        colours = blended(of_cells, of_limits)
        known = np.zeros((cells.n_obs, 1)) if colours is None else np.isfinite(colours)
        parts.append(np.where(known, GREY if colours is None else colours, GREY))
    return parts, {}, {gene: rgba for gene, (_, rgba) in gene_colours(genes).items()}


def _shades(values: np.ndarray, ends: tuple[float, float], colormap: str) -> np.ndarray:
    """(n, 4) colours on a scale; grey where there is no value."""
    shades = ScalarMappable(Normalize(*ends), colormap).to_rgba(values)
    return np.where(np.isfinite(values)[:, None], shades, GREY)


def _numbers(
    cells: ad.AnnData, placed: ad.AnnData | None, gene: str | None, column: str | None
) -> tuple[str, np.ndarray] | None:
    """Unit and values (n,) that colour cells on a scale."""
    own = Expression(cells).values(str(gene)) if has_feature(cells, gene) else None
    if own is not None:
        return own[1], own[0]
    if gene is not None and placed is not None and has_feature(placed, gene):
        return VIRTUAL, np.asarray(virtual_expression(placed, [gene], at=cells).X).ravel()
    if column in cells.obs:
        return str(column), cells.obs[column].to_numpy(float)
    return None


def _visible(
    cells: ad.AnnData, statuses: Collection[str], hidden: Collection[str], column: str | None
) -> np.ndarray:
    """(n,) bool: cells whose status and category are drawn."""
    drawn = np.ones(cells.n_obs, bool)
    if STATUS in cells.obs:
        drawn &= cells.obs[STATUS].isin(statuses).to_numpy()
    if hidden and column in cells.obs:
        drawn &= ~cells.obs[column].astype(str).isin(hidden).to_numpy()
    return drawn
