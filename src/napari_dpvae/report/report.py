"""The report of a run: one page of HTML that needs no other file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import anndata as ad
import pandas as pd

from napari_dpvae import __version__
from napari_dpvae.analysis.outcome import status_counts
from napari_dpvae.data.checks import check_located, check_reference
from napari_dpvae.data.keys import DPVAE as KEY
from napari_dpvae.data.replacing import check_output, replacing
from napari_dpvae.errors import DataError
from napari_dpvae.model.trained import HasTrained
from napari_dpvae.report.curves import distributions
from napari_dpvae.report.maps import maps
from napari_dpvae.report.sections import (
    Run,
    about_gap,
    about_inputs,
    about_quality,
    about_training,
    citation,
    look_twice,
    versions,
)

MOST_GENES = 2
"""That are drawn."""


def write_report(
    placed: ad.AnnData,
    path: str | Path,
    *,
    reference: ad.AnnData | None = None,
    model: HasTrained | None = None,
    evaluation: pd.DataFrame | None = None,
) -> None:
    """Write what was done and what came of it as one page of HTML, with its pictures inside.

    Parameters
    ----------
    placed
        From :meth:`napari_dpvae.DPVAE.place`, or :func:`napari_dpvae.read_placed`.
    path
        Ends in ``.html``.
    reference
        What they were placed in; drawn beside them.
    model
        What placed them: its card is told, and its held-out error beside chance.
    evaluation
        From :func:`napari_dpvae.evaluate`: measures beside the vanilla VAE.

    Raises
    ------
    DataError
        When these are no placed cells, another model placed them, or the file cannot be written.

    Examples
    --------
    >>> dpv.write_report(placed, "report.html", reference=reference, model=model)
    """
    check_output(path, (".html",))
    run = _checked(placed, reference, model, evaluation)
    page = Template(files(__package__).joinpath("page.html").read_text(encoding="utf-8"))
    html = page.substitute(
        title="Placed cells",
        when=f"{datetime.now():%d %B %Y, %H:%M}",
        version=__version__,
        summary=escape(status_counts(placed)),
        sections="\n".join(_sections(run)),
    )
    with replacing(path) as scratch:
        scratch.write_text(html, encoding="utf-8")


def _checked(
    placed: ad.AnnData,
    reference: ad.AnnData | None,
    model: HasTrained | None,
    evaluation: pd.DataFrame | None,
) -> Run:
    check_located(placed, "The placed cells")
    if KEY not in placed.uns:
        raise DataError("These cells were not placed by napari-dpvae: make them with place.")
    if reference is not None:
        check_reference(reference)
    if evaluation is not None and "method" not in evaluation:
        raise DataError("The evaluation has no column 'method': give the table that evaluate made.")
    about = placed.uns[KEY]
    if model is not None and about.get("model") not in (None, model.trained.model_hash()):
        raise DataError("The cells were placed by another model than this one: give theirs.")
    return Run(placed, about, reference, model, evaluation)


def _sections(run: Run) -> Iterator[str]:
    genes = [] if run.model is None else run.model.trained.panel.genes.tolist()
    # The panel is sorted: its first genes are the most spatial ones.
    genes = [gene for gene in genes if gene in run.placed.var_names][:MOST_GENES]
    for title, body in (
        ("Look twice", look_twice(run)),
        ("Where the cells are", maps(run.placed, run.reference, genes)),
        ("How sure that is", distributions(run.placed)),
        ("How good the model is", about_quality(run)),
        ("What went in", about_inputs(run)),
        ("Query and reference beside each other", about_gap(run)),
        ("How it was trained and placed", about_training(run)),
        ("Versions", versions(run)),
        ("How to cite", citation()),
    ):
        if body:
            yield f"<section><h2>{title}</h2>\n{body}\n</section>"
