"""Step 3: place the query's cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import anndata as ad
from qtpy.QtWidgets import QPushButton

from napari_dpvae.analysis.outcome import standardised_how
from napari_dpvae.data.keys import DPVAE, RADIUS, STATUS
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.uncertainty.status import OUTSIDE, STATUSES
from napari_dpvae.viewer.canvas.outlines import layer_outlines
from napari_dpvae.viewer.dock.drawing import draw_later
from napari_dpvae.viewer.dock.forms import FoldedForm, SettingsForm
from napari_dpvae.viewer.dock.job import Steps, sentence
from napari_dpvae.viewer.dock.job_row import JobRow
from napari_dpvae.viewer.dock.place.domain import DomainBox
from napari_dpvae.viewer.dock.place.known import KnownBox
from napari_dpvae.viewer.dock.step import Step
from napari_dpvae.viewer.dock.style import column, form
from napari_dpvae.viewer.dock.unsaved import Unsaved
from napari_dpvae.viewer.state.selection import GROUP
from napari_dpvae.viewer.state.session import Session

if TYPE_CHECKING:
    from napari import Viewer

WORDS = dict(zip(STATUSES, ("placed", "uncertain", "outside the reference"), strict=True))
AGAIN = {
    "another model": "place again to see what this one says.",
    "another query": "place again to see the new one.",
}
NOTHING_KNOWN = (
    "The mode impute ties cells to others whose places are known, and the query has no obsm entry "
    "with two or three coordinates: add one, or take another mode."
)
MANY_OUTSIDE = 0.2
"""Share of cells outside the reference from which on it is a warning."""

MANY_MISSING = 0.1
"""Share of the panel's genes."""


class PlaceStep(Step):
    """One button that places the cells, and how many found a place."""

    folds_when_done = True

    def __init__(self, session: Session, viewer: Viewer, unsaved: Unsaved) -> None:
        super().__init__(3, "Place", session)
        self._unsaved = unsaved
        self.place = QPushButton("Place &cells")
        self.place.setProperty("main", True)
        self.place.setToolTip("Solve where each cell of the query lies in the reference.")
        self.place.clicked.connect(self.start)
        self.form = SettingsForm(PlacementSettings)
        self.domain = DomainBox(viewer)
        self.progress = JobRow()
        self.known = KnownBox(session)
        self._rows = form(where=self.domain, known_places=self.known)
        self.form["mode"].changed.connect(self._show_known)
        parts = (self.place, self._rows, FoldedForm(self.form), self.progress)
        self.body.insertLayout(0, column(*parts, spacing=6))
        for signal in (session.reference_changed, session.query_changed, session.model_changed):
            self.follow(signal, self._on_changed)
        self.follow(session.placed_changed, self._refresh)
        self.give_way(self.progress)
        self._show_known()
        self._refresh()

    def start(self) -> None:
        """Place with the form's settings, in the background; groups do not go unasked."""
        placed = self.session.placed
        if placed is not None and GROUP in placed.obs:
            self._unsaved.before(self._start, self, "Placing again loses the groups made, and")
        else:
            self._start()

    def _start(self) -> None:
        model, query = self.session.model, self.session.query
        if model is None or query is None or not self._ready:
            return
        try:
            settings = self.form.take()
        except ValueError as error:
            self.complain(sentence(error))
            return

        self._colour_by(model.genes)
        drawn = self.domain.layer
        known = self.known.key if settings.mode == "impute" else None
        if settings.mode == "impute" and known is None:
            self.complain(NOTHING_KNOWN)
            return

        def steps() -> Steps:
            yield 0.0
            outlines = None if drawn is None else layer_outlines(drawn)
            placed = yield from model.place_chunks(
                query, settings, known_key=known, outlines=outlines, copy_matrices=False
            )
            return placed

        self._under_way = (self.session.reference, model, query)
        job = self.progress.run(steps, "placing")
        job.progressed.connect(self._on_progress)
        job.done.connect(self._on_placed)
        job.failed.connect(self.complain)

    def _colour_by(self, genes: Sequence[str]) -> None:
        """One of the panel's, where nothing colours yet: the scale is there before the cells."""
        if self.session.colouring.shown is None:
            draw_later(self.window())
            # The panel is sorted: its first genes are the most spatial ones.
            there = set(self.session.genes)
            self.session.gene = next((gene for gene in genes if gene in there), None)

    def _show_known(self) -> None:
        wanted = self.form["mode"].value == "impute"
        for part in (self.known, self._rows.labelForField(self.known)):
            part.setVisible(wanted)

    def _on_changed(self) -> None:
        """What is being placed is of other data now: it ends."""
        now = (self.session.reference, self.session.model, self.session.query)
        if self.busy and any(a is not b for a, b in zip(now, self._under_way, strict=True)):
            self.progress.stop.click()
        self._refresh()

    def _on_progress(self, share: float) -> None:
        self.progress.show_share(share, f"placing · {share:.0%}")

    def _on_placed(self, placed: ad.AnnData) -> None:
        self.session.placed = placed
        self.session.unsaved = True

    @property
    def _ready(self) -> bool:
        session = self.session
        complete = session.model is not None and session.query is not None
        return complete and session.model_fits and not self.busy

    def _refresh(self) -> None:
        self.place.setEnabled(self._ready)
        self.set_done(self.session.placed is not None and self.session.placed_by is None)
        if not self.busy:
            self._tell_placement()

    def _tell_placement(self) -> None:
        session = self.session
        placed, stale = session.placed, session.placed_by
        if placed is not None and stale is not None:
            self.warn(f"The {placed.n_obs:,} cells on show are of {stale}: {AGAIN[stale]}")
            self.unfolded = True
        elif placed is not None:
            self._tell_placed(placed)
        elif session.query is None:
            self.tell("needs a query")
        elif session.model is None:
            self.tell("needs a model")
        elif not session.model_fits:
            self.tell("needs a model that was trained on this reference")
        else:
            self.tell("ready to place")

    def _tell_placed(self, placed: ad.AnnData) -> None:
        notes = _notes(placed)
        text = "\n".join([_summary(placed, self.session.unit), *notes])
        (self.warn if notes else self.tell)(text)
        # It folds at once.
        mark = "⚠ " if notes else ""
        self.summarise(mark + _counts(placed, dict(zip(STATUSES, STATUSES, strict=True))))


def _counts(placed: ad.AnnData, words: dict[str, str]) -> str:
    """How many cells have which status, in these words."""
    if STATUS not in placed.obs:
        return f"{placed.n_obs:,} cells placed"
    counts = placed.obs[STATUS].value_counts()
    return " · ".join(f"{counts[s]:,} {words[s]}" for s in STATUSES if counts.get(s))


def _summary(placed: ad.AnnData, unit: str) -> str:
    """How many cells have which status, and how wide their regions are."""
    text = _counts(placed, WORDS)
    if _calibrated(placed):
        text += f" · median radius {placed.obs[RADIUS].median():.4g} {unit}"
    return text


def _calibrated(placed: ad.AnnData) -> bool:
    """Whether there are regions: a model stopped within its first network has none."""
    return RADIUS in placed.obs and placed.obs[RADIUS].notna().any()


def _notes(placed: ad.AnnData) -> list[str]:
    """What to look twice at."""
    how, notes = placed.uns.get(DPVAE, {}), []
    if not _calibrated(placed):
        notes.append("There are no regions: training was stopped within its first network.")
    outside = (placed.obs[STATUS] == OUTSIDE).mean() if STATUS in placed.obs else 0.0
    if outside > MANY_OUTSIDE:
        notes.append(f"{outside:.0%} of the cells are unlike anything in the reference.")
    if how.get("genes_missing", 0) > MANY_MISSING * how.get("genes", 0):
        notes.append(
            f"{how['genes_missing']:,} of the {how['genes']:,} panel genes are not in the query: "
            "they count as the reference's mean."
        )
    if standardised := standardised_how(how):
        notes.append(standardised)
        if _calibrated(placed) and how.get("calibrated_as") == "reference":
            notes.append("It holds no counts that tell its noise: regions may be too narrow.")
    return notes
