"""Words for what became of placed cells: how many are sure, and why others are not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import anndata as ad
import numpy as np

from napari_dpvae.data.keys import DPVAE, RADIUS, SPATIAL, STATUS
from napari_dpvae.expression.platform import OWN_STATISTICS
from napari_dpvae.uncertainty.status import OUTSIDE, UNCERTAIN

MANY = 0.2
"""From this share on, it is said why cells are uncertain or outside."""
LACKING = 0.2
"""Share of the panel's genes that a query may lack without a word."""


def status_counts(placed: ad.AnnData) -> str:
    """How many cells there are of each status."""
    counts = placed.obs[STATUS].value_counts()
    said = ", ".join(f"{n} {status}" for status, n in counts.items() if n)
    return f"{placed.n_obs} cells: {said}."


def outcome(placed: ad.AnnData) -> Iterator[str]:
    """A line with the number of cells of each status, and lines that say why.

    Parameters
    ----------
    placed
        From :meth:`napari_dpvae.DPVAE.place`.
    """
    counts = placed.obs[STATUS].value_counts()
    yield status_counts(placed)
    if counts.get(UNCERTAIN, 0) > MANY * placed.n_obs:
        yield from _why_uncertain(placed)
    if counts.get(OUTSIDE, 0) > MANY * placed.n_obs:
        yield (
            f"{counts[OUTSIDE]} cells are outside: they are less like their place than cells of "
            "this tissue are; are they of another tissue, or of a type that the reference lacks?"
        )


def _why_uncertain(placed: ad.AnnData) -> Iterator[str]:
    about = placed.uns[DPVAE]
    radius = placed.obs[RADIUS].to_numpy(float)
    if np.isnan(radius).all():
        yield (
            "They are uncertain because the model was not calibrated: train it with 2 members or "
            "more, to the end."
        )
        return
    share = about.get("placement", {}).get("probability", 0.9)
    places = np.asarray(placed.obsm[SPATIAL], float)
    extent = float(np.linalg.norm(np.ptp(places, axis=0)))
    yield (
        f"A cell is uncertain when the circle that holds its true place with a probability of "
        f"{share:.0%} is wider than half of the reference; the median radius is "
        f"{np.nanmedian(radius):.4g} units, where all cells span {extent:.4g}."
    )
    yield from _reasons(about)


def _reasons(about: dict[str, object]) -> Iterator[str]:
    lacking, genes = int(about["genes_missing"]), int(about["genes"])  # type: ignore[call-overload]
    if lacking > LACKING * genes:
        yield (
            f"Why: the query lacks {lacking} of the model's {genes} genes. Check that genes are "
            "named alike (napari-dpvae check), or train on the genes that both have."
        )
    if about["standardised_by"] == "query":
        yield (
            "Why: query and reference differ in platform or unit, and regions are wider across "
            "such a gap. Give raw counts of both, and adapt (fine-tune) the model to the query."
        )
    if lacking <= LACKING * genes and about["standardised_by"] != "query":
        yield (
            "Why: the expression of the reference tells little of where its own held-out spots "
            "lie. More spots, deeper counts or several sections may help; areas are told better "
            "than points (obs dpvae_radius)."
        )


def standardised_how(about: Mapping[str, Any]) -> str:
    """How a query was standardised, where not by the reference alone; else empty.

    Parameters
    ----------
    about
        ``uns["dpvae"]`` of placed cells.
    """
    if about.get("standardised_by") == "query":
        # Files of before call a part "any".
        part = str(about.get("taken_to_cover")) in ("any", "part")
        return (
            "The query is of another kind than the reference: its genes were standardised by "
            f"{OWN_STATISTICS['part' if part else 'whole']}."
        )
    share = float(about.get("own_means", 0))
    if not share:
        return ""
    return (
        f"The query covers the tissue as another section does: {share:.0%} of how its genes' means "
        "differ from the reference's was taken for the section's, and for no cell's place."
    )
