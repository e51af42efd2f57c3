"""The pictures of the report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import anndata as ad
import numpy as np

from napari_dpvae.colours.categories import drawable_columns, is_numeric
from napari_dpvae.data.keys import LIKENESS, RADIUS, RADIUS_WIDE, SPATIAL, STATUS
from napari_dpvae.figure.figure import draw_figure
from napari_dpvae.report.html import paragraph, picture

OURS = (STATUS, RADIUS, RADIUS_WIDE, LIKENESS)
VOLUME = "The cells lie in a volume, which is not drawn on a page: open them in napari."


def maps(placed: ad.AnnData, reference: ad.AnnData | None, genes: Sequence[str]) -> str:
    """Placed cells on the tissue by status, radius, type and genes, the reference beside them."""
    if np.shape(placed.obsm[SPATIAL])[1] != 2:
        return paragraph(VOLUME)
    pictures = [
        picture(draw_figure(placed, column=column), caption) for column, caption in _columns(placed)
    ]
    for gene in genes:
        beside = reference is not None
        figure = draw_figure(placed, reference, gene=gene, side_by_side=beside)
        pictures.append(picture(figure, f"Expression of {gene}", wide=beside))
    return f'<div class="figures">{"".join(pictures)}</div>'


def _columns(placed: ad.AnnData) -> Iterator[tuple[str, str]]:
    """Columns that are drawn, with what they say: ours, and the first of the query's own kinds."""
    if STATUS in placed.obs:
        yield STATUS, "Status: placed, uncertain, or outside the reference"
    if RADIUS in placed.obs and placed.obs[RADIUS].notna().any():
        yield RADIUS, "Radius of the region that holds a cell with the stated probability"
    for name in drawable_columns([placed]):
        if name not in OURS and not is_numeric(placed.obs[name]):
            yield name, f"The column {name} that the cells came with"
            return
