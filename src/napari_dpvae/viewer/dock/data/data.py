"""Step 1: choose the reference and the query, and see what is in them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import anndata as ad
import numpy as np
from qtpy.QtWidgets import QPushButton

from napari_dpvae.analysis.prospect import found_again
from napari_dpvae.data.backed import is_backed, open_either, open_query
from napari_dpvae.data.checked import Checked, checked_query, checked_reference
from napari_dpvae.data.concerns import concerns
from napari_dpvae.data.gene_names import match_genes
from napari_dpvae.data.images import image_sizes
from napari_dpvae.data.keys import DPVAE, SPATIAL
from napari_dpvae.data.phantom import sample_folder
from napari_dpvae.data.read import read_reference
from napari_dpvae.viewer.dock.data.opened_layers import OpenedLayers
from napari_dpvae.viewer.dock.data.sections import SectionChoice
from napari_dpvae.viewer.dock.data.session_row import SessionRow
from napari_dpvae.viewer.dock.data.source import Door, Source
from napari_dpvae.viewer.dock.job import Job, Steps, sentence
from napari_dpvae.viewer.dock.step import Step
from napari_dpvae.viewer.dock.style import note
from napari_dpvae.viewer.dock.unsaved import Unsaved
from napari_dpvae.viewer.state.session import Session
from napari_dpvae.viewer.state.session_file import SUFFIX

if TYPE_CHECKING:
    from napari import Viewer


NONE = "none yet"
SAMPLE = ("phantom_reference.h5ad", "phantom_query.h5ad")


class DataStep(Step):
    """Reference and query, what is in them, and what to look at twice."""

    folds_when_done = True

    def __init__(self, session: Session, viewer: Viewer, unsaved: Unsaved) -> None:
        super().__init__(1, "Data", session)
        self._unsaved = unsaved
        self.reference = Source(
            "Reference",
            Door(read_reference, checked_reference, self._set_reference),
            viewer,
            SAMPLE[0],
            sections=True,
        )
        query = Door(open_query, _as_query, self._set_query)
        self.query = Source("Query", query, viewer, SAMPLE[1])
        self.sections = SectionChoice(session)
        self.concerns = note("warning")
        self.certainty = note("muted")
        self.certainty.setToolTip("What to expect of this reference, before a model is trained.")
        self.sample = QPushButton("Try it on a sample")
        self.sample.setToolTip("Open the phantom: a small tissue, and cells whose place is known.")
        self.sample.clicked.connect(self.open_sample)
        self.saved = SessionRow(session, unsaved)
        self.saved.refused.connect(self.complain)
        for i, part in enumerate((self.reference, self.sections, self.query)):
            self.body.insertWidget(i, part)
        for part in (self.concerns, self.certainty, self.sample, self.saved):
            self.body.addWidget(part)
        self.give_way(*(part.progress for part in (self.reference, self.query, self.saved)))
        self._n_shared: int | None = None
        """Genes that both have, by whatever both call them; not known at first."""
        self._dropped: list[str] = []
        self._placed: ad.AnnData | None = None
        """Of what was dropped: shown last, as another reference takes placed cells away."""
        self._refused: list[str] = []
        """Of what was dropped: said last, as what opens after it says what there is."""
        for source in (self.reference, self.query):
            source.refused.connect(self._on_refused)
            source.opened.connect(self._open_dropped)
        opened = OpenedLayers(viewer, self._wants, self._take_opened, self)
        self.destroyed.connect(lambda: opened.end())
        self.follow(session.reference_changed, self._on_data)
        self.follow(session.query_changed, self._on_data)
        self.follow(session.section_key_changed, self._look_twice)
        self._on_data()

    def open_dropped(self, paths: list[str]) -> None:
        """Open what was dropped: a session, or paths of cells.

        What has no coordinates is the query, and cells that were placed are shown as such. Of two
        others the first is the reference; more than two are the sections of one. Where there is a
        reference, one path alone is the query.
        """
        if paths and paths[0].endswith(SUFFIX):
            self.saved.open(paths[0])
            return
        if len(paths) == 1 and self.session.reference is not None:
            self.query.open(paths[0], Door(open_query, _as_query, self._take_query))
            return
        if len(paths) > 2:
            self.reference.open(paths)
            return
        self._dropped = paths
        self._roles = {"reference", "query"}
        self._open_dropped()

    def open_sample(self) -> None:
        """Open the phantom's reference and query."""
        self.open_dropped([str(sample_folder() / name) for name in SAMPLE])

    def _open_dropped(self) -> None:
        """The next of what was dropped."""
        if not self._dropped:
            placed, self._placed = self._placed, None
            if placed is not None:
                self._show_placed(placed)
            if self._refused:
                self.complain("\n".join(self._refused))
                self._refused = []
            return
        path = self._dropped.pop(0)
        row = self.reference if "reference" in self._roles else self.query
        row.open(path, Door(open_either, _as_either, partial(self._take_either, path=path)))

    def _on_refused(self, text: str) -> None:
        """What else was dropped opens still."""
        self._refused.append(text)
        self._open_dropped()

    def _take_either(self, cells: ad.AnnData, path: str) -> None:
        """A reference has coordinates, which nobody placed."""
        if _kind(cells) == "placed":
            self._placed = cells
            return
        located = SPATIAL in cells.obsm and "reference" in self._roles
        self._roles.discard("reference" if located else "query")
        (self.reference if located else self.query).came_from(path, cells)
        (self._set_reference if located else self._set_query)(cells)

    def _take_query(self, cells: ad.AnnData) -> None:
        if _kind(cells) == "placed":
            self._show_placed(cells)
        else:
            self._set_query(cells)

    def _show_placed(self, placed: ad.AnnData) -> None:
        def show() -> None:
            with self.session.look.unhurriedly():
                self.session.placed = placed

        self._unsaved.before(show, self, "Opening others")

    def _wants(self, cells: ad.AnnData) -> bool:
        """Whether there is none of this kind yet; what has been taken comes once more."""
        held = getattr(self.session, _kind(cells))
        return held is None or held is cells

    def _take_opened(self, cells: ad.AnnData) -> None:
        """Take what napari itself opened."""
        try:
            setattr(self.session, _kind(cells), cells)
        except ValueError as error:
            self.complain(sentence(error))

    def _set_reference(self, reference: ad.AnnData) -> None:
        self._unsaved.before(lambda: self._put(reference), self, "Another reference")

    def _put(self, reference: ad.AnnData) -> None:
        with self.session.look.unhurriedly():
            self.session.reference = Checked(reference)

    def _set_query(self, query: ad.AnnData) -> None:
        self.session.query = Checked(query)

    def _on_data(self) -> None:
        self._n_shared = None
        self._look_twice()
        self._refresh()

    def _refresh(self) -> None:
        reference, query = self.session.reference, self.session.query
        self.sample.setVisible(reference is None and query is None)
        self.reference.show_cells(reference, _spots(reference, self.session.unit))
        self.query.show_cells(query, _cells(query))
        self.set_done(reference is not None and query is not None)
        if not self.busy:
            self._tell_data()

    def _tell_data(self) -> None:
        reference, query = self.session.reference, self.session.query
        if reference is None or query is None:
            self.tell(_missing(reference, query))
            if reference is query:
                self.summarise("needs a reference and a query")
            return
        shared = self._n_shared
        if shared is None:
            shared = len(reference.var_names.intersection(query.var_names))
        self.tell(f"{shared:,} genes shared")
        headline = f"{reference.n_obs:,} spots · {query.n_obs:,} cells"
        if concerns := self.concerns.text():
            # A step that folds must not hide what it has to say.
            self.summarise(f"⚠ {headline}")
            self.headline.setToolTip(concerns)
        else:
            self.summarise(headline)

    def _look_twice(self) -> None:
        """Find concerns in the background: they look at every value."""
        reference, query = self.session.reference, self.session.query
        self._show_concerns([])
        self.certainty.hide()
        if reference is None:
            return
        section_key = self.session.section_key

        def steps() -> Steps:
            yield "looking"
            found = concerns(reference, query, section_key=section_key)
            shared = _shared(reference, query)
            yield "looking"
            return found, shared, found_again(reference, query, section_key=section_key)

        def show(result: tuple[list[str], int | None, str]) -> None:
            now = (self.session.reference, self.session.query)
            if reference is now[0] and query is now[1] and section_key == self.session.section_key:
                found, self._n_shared, certainty = result
                self.certainty.setText(certainty)
                self.certainty.show()
                self._show_concerns(found)
                # What went wrong since is not talked over.
                if self.status.property("tone") != "error":
                    self._refresh()

        job = Job(steps, self)
        job.done.connect(show)
        job.start()

    def _show_concerns(self, found: list[str]) -> None:
        self.concerns.setText("\n".join(f"⚠ {concern}" for concern in found))
        self.concerns.setVisible(bool(found))


def _shared(reference: ad.AnnData, query: ad.AnnData | None) -> int | None:
    """Genes that both have, by whatever both call them."""
    if query is None:
        return None
    names = ad.AnnData(var=query.var)
    return match_genes(reference.var_names, names, reference_var=reference.var)[1].matched


def _as_query(cells: ad.AnnData) -> ad.AnnData:
    if _kind(cells) == "placed":
        return cells
    # What was left in its file is looked at when it is placed.
    return checked_query(cells, values=not is_backed(cells))


def _as_either(cells: ad.AnnData) -> ad.AnnData:
    return checked_reference(cells) if _kind(cells) == "reference" else _as_query(cells)


def _kind(cells: ad.AnnData) -> str:
    if DPVAE in cells.uns and SPATIAL in cells.obsm:
        return "placed"
    return "reference" if SPATIAL in cells.obsm else "query"


def _missing(reference: ad.AnnData | None, query: ad.AnnData | None) -> str:
    if reference is None and query is None:
        return "open a reference (spots with coordinates) and a query (dissociated cells)"
    if reference is None:
        return "needs a reference: spots with coordinates"
    return "needs a query: dissociated cells" if query is None else ""


def _spots(reference: ad.AnnData | None, unit: str) -> str:
    """How many, and their dimensions, unit and image."""
    if reference is None:
        return NONE
    parts = [f"{reference.n_obs:,} spots", f"{reference.n_vars:,} genes"]
    parts.append(f"{np.shape(reference.obsm[SPATIAL])[1]}-D" + (" in pixels" * (unit == "pixels")))
    return " · ".join([*parts, "image" if image_sizes(reference) else "no image"])


def _cells(query: ad.AnnData | None) -> str:
    if query is None:
        return NONE
    return f"{query.n_obs:,} cells · {query.n_vars:,} genes"
