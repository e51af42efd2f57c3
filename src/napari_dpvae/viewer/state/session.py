"""What is loaded, trained and placed in one viewer; says so when it changes."""

from __future__ import annotations

from typing import Literal

import anndata as ad
from psygnal import Signal
from scipy import sparse

from napari_dpvae.colours.categories import drawable_columns
from napari_dpvae.data.backed import is_backed
from napari_dpvae.data.checked import Checked, checked_query, checked_reference
from napari_dpvae.data.checks import check_located
from napari_dpvae.data.features import other_features
from napari_dpvae.data.images import libraries
from napari_dpvae.data.keys import DPVAE as KEY
from napari_dpvae.data.sections import section_columns
from napari_dpvae.dpvae import DPVAE
from napari_dpvae.errors import DataError
from napari_dpvae.evaluation.experiments import Evaluation, HeldOutCells
from napari_dpvae.evaluation.hold_out import QUERY
from napari_dpvae.model.same_reference import is_trained_on
from napari_dpvae.viewer.state.colouring import Colouring
from napari_dpvae.viewer.state.look import Look
from napari_dpvae.viewer.state.observed import brief, observed
from napari_dpvae.viewer.state.selection import Selection


class Session:
    """The one truth that widgets, layers and the console share; it knows no window.

    Each attribute can be set, and emits the signal of its name with ``_changed`` when it is.
    """

    reference_changed = Signal(object)
    query_changed = Signal(object)
    model_changed = Signal(object)
    placed_changed = Signal(object)
    section_key_changed = Signal(object)
    evaluation_changed = Signal(object)
    held_out_changed = Signal(object)

    def __init__(self) -> None:
        self._edits = self._kept = 0
        self._fits: tuple[DPVAE, ad.AnnData, bool] | None = None
        self.colouring = Colouring(self.data)
        self.look = Look()
        self.selection = Selection(lambda: self.placed)
        # The first to hear: what hung on the reference before is gone when others do.
        self.reference_changed.connect(self._on_reference)
        self.query_changed.connect(self._on_query)
        self.placed_changed.connect(self._on_placed)
        self.evaluation_changed.connect(self._on_evaluation)
        self.selection.grouped.connect(self._on_grouped)

    @observed(None)
    def reference(self, reference: ad.AnnData | Checked | None) -> ad.AnnData | None:
        """The reference; cells placed over another one are let go when it is set.

        Raises
        ------
        DataError
            When set to what cannot be one.
        """
        if isinstance(reference, Checked):
            return reference.cells
        return None if reference is None else checked_reference(reference)

    @observed(None)
    def section_key(self, key: str | None) -> str | None:
        """Column of the reference's ``obs`` with the section of each spot; the likeliest at first.

        None when all spots are of one section.

        Raises
        ------
        DataError
            When set to a column that the reference does not have.
        """
        columns = [] if self.reference is None else list(self.reference.obs)
        if key is not None and not (isinstance(key, str) and key in columns):
            raise DataError(f"The reference has no obs column {brief(key)} with sections.")
        return key

    @observed(None)
    def query(self, query: ad.AnnData | Checked | None) -> ad.AnnData | None:
        """The dissociated cells; cells placed before stay until others are placed.

        Raises
        ------
        DataError
            When set to what cannot be one.
        """
        if isinstance(query, Checked):
            return query.cells
        # What was left in its file is looked at when it is placed.
        return None if query is None else checked_query(query, values=not is_backed(query))

    @observed(None)
    def model(self, model: DPVAE | None) -> DPVAE | None:
        """The trained model.

        Raises
        ------
        DataError
            When set to what is none.
        """
        if not isinstance(model, DPVAE | None):
            raise DataError(
                f"The model must be a DPVAE and is of the type {type(model).__name__}: train one, "
                "or load it by DPVAE.load."
            )
        if model is not None and not model.is_trained:
            raise RuntimeError("The model is not trained yet: call fit() or load() first.")
        return model

    @observed(None)
    def placed(self, placed: ad.AnnData | None) -> ad.AnnData | None:
        """The placed cells.

        Raises
        ------
        DataError
            When set to what has no places.
        """
        if placed is not None:
            check_located(placed, "The placed cells")
        return placed

    @observed(None)
    def evaluation(self, evaluation: Evaluation | None) -> Evaluation | None:
        """The last evaluation of this reference."""
        return evaluation

    @observed(None)
    def held_out(self, held_out: HeldOutCells | None) -> HeldOutCells | None:
        """The held-out cells whose errors are drawn."""
        return held_out

    def _on_reference(self, reference: ad.AnnData | None) -> None:
        columns = section_columns(reference) if reference is not None else []
        # Whoever hears of the reference may ask for its sections.
        self.section_key_changed.block()
        self.section_key = columns[0] if columns else None
        self.section_key_changed.unblock()
        self.placed = None
        self.evaluation = None
        self.colouring.let_go()

    def _on_query(self) -> None:
        if self.evaluation is not None and self.evaluation.what == QUERY:
            self.evaluation = None

    def _on_placed(self) -> None:
        self.selection.forget()
        self.unsaved = False

    def _on_grouped(self) -> None:
        self.unsaved = True
        self.colouring.let_go()

    def _on_evaluation(self) -> None:
        self.held_out = None

    @property
    def model_fits(self) -> bool:
        """Whether cells that the model places would lie on the reference that is shown."""
        model, reference = self.model, self.reference
        if model is None or reference is None:
            return True
        if self._fits is None or self._fits[0] is not model or self._fits[1] is not reference:
            self._fits = (model, reference, is_trained_on(model, reference))
        return self._fits[2]

    @property
    def placed_by(self) -> Literal["another model", "another query"] | None:
        """What the placed cells are of, where that is not the model and the query there are."""
        placed, model, query = self.placed, self.model, self.query
        if placed is None:
            return None
        named = placed.uns.get(KEY, {}).get("model")
        if model is not None and named is not None and named != model.trained.model_hash():
            return "another model"
        return None if query is None or _may_be_of(placed, query) else "another query"

    @property
    def unsaved(self) -> bool:
        """Whether placed cells were made or grouped here, and are in no file yet."""
        return self._edits > self._kept

    @unsaved.setter
    def unsaved(self, unsaved: bool) -> None:
        if unsaved:
            self._edits += 1
        else:
            self._kept = self._edits

    @property
    def edits(self) -> int:
        """How often placed cells were made or grouped here."""
        return self._edits

    def keep(self, edits: int) -> None:
        """Know that a file has the placed cells as they were after so many edits."""
        self._kept = max(self._kept, edits)

    def data(self) -> list[ad.AnnData]:
        """The reference and the placed cells, those that there are."""
        return [data for data in (self.reference, self.placed) if data is not None]

    @property
    def unit(self) -> str:
        """Of coordinates and distances, in words."""
        held = (entry for data in self.data() for entry in libraries(data).values())
        # Scale factors say how an image fits coordinates that are full-resolution pixels.
        return "pixels" if any(entry.get("scalefactors") for entry in held) else "units"

    @property
    def genes(self) -> list[str]:
        """Genes and features of other kinds that can be shown, sorted; those that all have first.

        A gene that one alone has leaves the other without colour: it is no gene to begin with.
        """
        held = [{*data.var_names, *other_features(data)} for data in self.data()]
        shared = set.intersection(*held) if held else set()
        return [*sorted(shared), *sorted(set().union(*held) - shared)]

    @property
    def columns(self) -> list[str]:
        """Columns of ``obs`` that can be shown."""
        return drawable_columns(self.data())

    def with_column(self, column: str | None) -> list[ad.AnnData]:
        """Those of the reference and the placed cells that have a column of ``obs``."""
        return [data for data in self.data() if column in data.obs]

    @property
    def gene(self) -> str | None:
        """The gene that colours spots and cells; more of how they look is in ``colouring``."""
        return self.colouring.gene

    @gene.setter
    def gene(self, gene: str | None) -> None:
        self.colouring.gene = gene

    @property
    def colormap(self) -> str:
        """The colormap, by napari's name."""
        return self.colouring.colormap

    @colormap.setter
    def colormap(self, colormap: str) -> None:
        self.colouring.colormap = colormap


def _may_be_of(placed: ad.AnnData, query: ad.AnnData) -> bool:
    """Whether placed cells may be the query's: by their names, and how many values they have.

    The cells of many a file are named 0 to n.
    """
    if not placed.obs_names.equals(query.obs_names):
        return False
    held = [each.X.nnz for each in (placed, query) if sparse.issparse(each.X)]
    alike = len(held) < 2 or held[0] == held[1]
    return alike or not placed.var_names.equals(query.var_names)
