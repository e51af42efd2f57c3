"""Step 1: choose the reference and the query, and see what is in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import anndata as ad
import numpy as np
from qtpy.QtWidgets import QLabel

from napari_dpvae.data.concerns import concerns
from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.read import read_query, read_reference
from napari_dpvae.viewer.dock.data.sections import SectionChoice
from napari_dpvae.viewer.dock.data.source import Source
from napari_dpvae.viewer.dock.job import Job, Steps
from napari_dpvae.viewer.dock.step import Step
from napari_dpvae.viewer.dock.style import set_tone
from napari_dpvae.viewer.state.session import Session

if TYPE_CHECKING:
    from napari import Viewer


class DataStep(Step):
    """Reference and query, what is in them, and what to look at twice."""

    folds_when_done = True

    def __init__(self, session: Session, viewer: Viewer) -> None:
        super().__init__(1, "Data", session)
        self.reference = Source(
            "Reference", read_reference, self._set_reference, viewer, "phantom_reference.h5ad"
        )
        self.query = Source("Query", read_query, self._set_query, viewer, "phantom_query.h5ad")
        self.sections = SectionChoice(session)
        self.concerns = QLabel()
        self.concerns.setWordWrap(True)
        set_tone(self.concerns, "warning")
        for i, part in enumerate((self.reference, self.sections, self.query)):
            self.body.insertWidget(i, part)
        self.body.addWidget(self.concerns)
        for source in (self.reference, self.query):
            source.refused.connect(self.complain)
        self.follow(session.reference_changed, self._refresh)
        self.follow(session.query_changed, self._refresh)
        self._refresh()

    def open_dropped(self, paths: list[str]) -> None:
        """Open what was dropped: the reference first, then the query."""
        sources = [self.reference, self.query]
        if len(paths) == 1 and self.session.reference is not None:
            sources = [self.query]
        for source, path in zip(sources, paths, strict=False):
            source.open(path)

    def _set_reference(self, reference: ad.AnnData) -> None:
        self.session.reference = reference

    def _set_query(self, query: ad.AnnData) -> None:
        self.session.query = query

    def _refresh(self) -> None:
        reference, query = self.session.reference, self.session.query
        self.tell(_missing(reference, query))
        self.reference.summary.setText("none yet" if reference is None else _spots(reference))
        self.query.summary.setText("none yet" if query is None else _cells(query))
        if reference is not None and query is not None:
            shared = len(reference.var_names.intersection(query.var_names))
            self.tell(f"{shared:,} genes shared")
            self.summarise(
                f"{reference.n_obs:,} spots · {query.n_obs:,} cells · {shared:,} shared genes"
            )
        self._look_twice(reference, query)
        self.set_done(reference is not None and query is not None)

    def _look_twice(self, reference: ad.AnnData | None, query: ad.AnnData | None) -> None:
        """Find concerns in the background: they look at every value."""
        self.concerns.hide()
        if reference is None:
            return

        def steps() -> Steps:
            yield "looking"
            return concerns(reference, query)

        def show(found: list[str]) -> None:
            if reference is self.session.reference and query is self.session.query:
                self.concerns.setText("\n".join(f"⚠ {concern}" for concern in found))
                self.concerns.setVisible(bool(found))
                if found and self.done:
                    # A step that folds must not hide what it has to say.
                    self.summarise(f"⚠ {self.headline.text()}")
                    self.headline.setToolTip(self.concerns.text())

        job = Job(steps, self)
        job.done.connect(show)
        job.start()


def _missing(reference: ad.AnnData | None, query: ad.AnnData | None) -> str:
    if reference is None and query is None:
        return "open a reference and a query"
    if reference is None:
        return "needs a reference: spots with coordinates"
    return "needs a query: dissociated cells" if query is None else ""


def _spots(reference: ad.AnnData) -> str:
    return " · ".join(
        [f"{reference.n_obs:,} spots", f"{reference.n_vars:,} genes", *_space(reference)]
    )


def _space(reference: ad.AnnData) -> Iterator[str]:
    """Dimensions, unit and image."""
    yield f"{np.shape(reference.obsm[SPATIAL])[1]}-D"
    libraries = reference.uns.get(SPATIAL, {}).values()
    if any(entry.get("scalefactors") for entry in libraries):
        yield "in pixels"
    yield "image" if any(entry.get("images") for entry in libraries) else "no image"


def _cells(query: ad.AnnData) -> str:
    return f"{query.n_obs:,} cells · {query.n_vars:,} genes"
