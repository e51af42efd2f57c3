"""A query, read by a model once: what is found of the whole before its cells are placed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import anndata as ad
import numpy as np

from napari_dpvae.expression.aligned import AlignedQuery
from napari_dpvae.expression.composition import as_of_the_whole
from napari_dpvae.expression.panel import GenePanel
from napari_dpvae.model.member import encode
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.device import one_thread
from napari_dpvae.placement.section_effect import shift_of, without_section_effect
from napari_dpvae.settings import QueryCovers
from napari_dpvae.steps import by_threads
from napari_dpvae.uncertainty.status import native_cells


class Centred(NamedTuple):
    """A query with the means that it is read by, and what these were taken for."""

    aligned: AlignedQuery
    """To the model's panel."""
    covers: QueryCovers
    """What of the tissue it was taken to cover: ``whole`` where its means were taken for those of
    all of it, ``any`` where nothing was made of them."""
    own_means: float
    """Share of the query's own means, in place of the reference's, in what centres its genes."""
    shift: float = 0.0
    """Share of what the query's means differ by from the reference's that is beyond chance: 0 where
    cells are taken each by itself, or across a platform gap."""
    whole: float = 0.0
    """How far the query looks as if it covered all of the tissue evenly, 0 to 1."""


@dataclass(frozen=True)
class ReadQuery:
    """A query as a model reads it.

    Attributes
    ----------
    centred
        Aligned to the model's panel.
    usual_likeness
        Least that 99 % of held-out spots reach, and their median, were their genes those that the
        query has.
    decoder_weight
        Of the decoder against the encoder, 0 to 1. Cells of the reference's platform are read best
        by the encoder. For others the decoder weighs as much as its profiles correlate with what
        held-out spots measured.
    weights
        (members,) of the networks in the mean: equal across a platform gap, as spots do not tell
        which of them reads noisier cells better.
    """

    centred: Centred
    usual_likeness: tuple[float, float]
    decoder_weight: float
    weights: np.ndarray

    @property
    def aligned(self) -> AlignedQuery:
        """To the model's panel."""
        return self.centred.aligned

    def without_cells(self) -> ReadQuery:
        """The same, without its own cells."""
        return replace(self, centred=self.centred._replace(aligned=self.aligned.without_cells()))


def read_by(trained: Trained, query: ad.AnnData, covers: QueryCovers = "any") -> ReadQuery:
    """Align a query to a model's panel, and standardise it as its platform asks for.

    Parameters
    ----------
    trained
        The model.
    query
        Checked.
    covers
        ``whole``: the query covers the tissue as the reference does, and takes its own statistics
        in place of the reference's. ``part``: across a platform gap its means are taken to be those
        of a part of the tissue. ``any``: whichever it looks like.

    Raises
    ------
    DataError
        When too few panel genes are there, with what to do about it.
    """
    aligned = _align(trained, query)
    across = aligned.across_gap
    told = float(covers == "whole")
    centred = Centred(aligned, covers, own_means=float(across), whole=told)
    if across and covers != "whole":
        centred = _as_far_as_it_covers(trained, aligned, covers)
    elif aligned.gap is not None and not across:
        centred = _as_another_section(trained, aligned, covers)
    return ReadQuery(
        centred,
        usual_likeness=trained.usual_for(aligned.present),
        decoder_weight=float(np.sqrt(trained.explained)) if across else 0.0,
        weights=np.ones(len(trained.members)) if across else trained.weights,
    )


def _align(trained: Trained, query: ad.AnnData) -> AlignedQuery:
    """By the panel's statistics, or by those of the cells that are of the reference's tissue.

    A query that holds cells of another tissue beside its own looks like one of another platform.
    Where its cells fall into two kinds by likeness and the upper kind is as alike as the
    reference's own spots are, that kind alone is measured.
    """
    panel = trained.query_panel
    aligned = panel.align(query)
    if aligned.gap is None or not aligned.gap.wide:
        return aligned
    native = native_cells(
        _likeness_at_first(trained, panel, aligned), trained.usual_for(aligned.present)[0]
    )
    return aligned if native.all() else panel.align(query, native)


def _likeness_at_first(trained: Trained, panel: GenePanel, aligned: AlignedQuery) -> np.ndarray:
    """(n,) likeness of all cells by one network, were they of the reference's platform."""
    plain, first = aligned.by_reference(panel.mean, panel.deviation), trained.members[0]

    def likeness(rows: slice) -> np.ndarray:
        x = plain.read(rows).x
        (latents,) = encode([first.network], trained.panel, x)
        return plain.likeness(x, first.decode(latents))

    with one_thread():
        return np.concatenate(list(by_threads(likeness, plain.expression.rows())))


def _as_far_as_it_covers(trained: Trained, aligned: AlignedQuery, covers: QueryCovers) -> Centred:
    """With the statistics that a query of the whole tissue would have had.

    By its own means, cells of one layer would be spread over all layers. Without counts, or where
    nothing looks like a part of the tissue, it is taken to cover the whole.
    """
    assert aligned.totals is not None, "a query across a gap has totals"
    as_it_is = Centred(aligned, "whole", own_means=1.0, whole=1.0)
    if aligned.totals.depth is None:
        return as_it_is
    totals = as_of_the_whole(
        trained.panel,
        trained.expression,
        aligned.present,
        aligned.totals,
        trained.settings.seed,
        surely_a_part=covers == "part",
    )
    if totals is aligned.totals:
        return as_it_is
    of_a_part = replace(aligned, totals=totals).by_statistics(totals.mean, totals.deviation)
    return Centred(of_a_part, "part", own_means=1.0)


def _as_another_section(trained: Trained, aligned: AlignedQuery, covers: QueryCovers) -> Centred:
    """A query of the reference's platform, by its own means as far as it covers the tissue.

    A model that was fine-tuned has the means of its section already.
    """
    if covers == "part" or trained.tuned_to is not None:
        return Centred(aligned, covers, own_means=0.0, whole=float(covers == "whole"))
    shift = shift_of(trained, aligned)
    differs = shift.beyond_chance
    if covers == "whole":
        return Centred(_as_whole(aligned), "whole", 1.0, differs, whole=1.0)
    aligned, share = without_section_effect(trained, aligned, shift)
    # What its means differ by, and not as a section's do, they differ by as those of a part do.
    whole = 1 - differs + share
    return Centred(aligned, "whole" if share else "any", share, differs, whole)


def _as_whole(aligned: AlignedQuery) -> AlignedQuery:
    """With the query's own statistics in place of the reference's.

    Sections differ in their means, as much along the axes of the tissue as across them. Cells of a
    part of the tissue differ so too, and must not be taken for all of it.
    """
    assert aligned.totals is not None, "a query with a gap has totals"
    own = aligned.by_statistics(aligned.totals.mean, aligned.totals.deviation)
    return replace(
        own,
        statistics="reference",
        expected_mean=own.mean,
        expected_deviation=own.deviation,
    )
