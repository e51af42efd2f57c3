"""What is loaded, trained and placed in one viewer; says so when it changes."""

from __future__ import annotations

import anndata as ad
from psygnal import Signal

from napari_dpvae.colours.categories import drawable_columns
from napari_dpvae.data.checks import check_query, check_reference
from napari_dpvae.data.sections import section_columns
from napari_dpvae.dpvae import DPVAE
from napari_dpvae.errors import DataError
from napari_dpvae.evaluation.experiments import Evaluation, HeldOut
from napari_dpvae.model.same_reference import is_trained_on
from napari_dpvae.viewer.state.colouring import Colouring
from napari_dpvae.viewer.state.look import Look
from napari_dpvae.viewer.state.selection import Selection


class Session:
    """The one truth that widgets, layers and the console share; it knows no window.

    Each property can be set, and emits the signal of its name with ``_changed`` when it is.
    """

    reference_changed = Signal(object)
    query_changed = Signal(object)
    model_changed = Signal(object)
    placed_changed = Signal(object)
    section_key_changed = Signal(object)
    evaluation_changed = Signal(object)
    held_out_changed = Signal(object)

    def __init__(self) -> None:
        self._reference: ad.AnnData | None = None
        self._section_key: str | None = None
        self._query: ad.AnnData | None = None
        self._model: DPVAE | None = None
        self._model_fits: bool | None = None
        self._placed: ad.AnnData | None = None
        self._evaluation: Evaluation | None = None
        self._held_out: HeldOut | None = None
        self.colouring = Colouring(self._data)
        self.look = Look()
        self.selection = Selection(lambda: self._placed)

    @property
    def reference(self) -> ad.AnnData | None:
        """The reference; cells placed over another one are let go when it is set."""
        return self._reference

    @reference.setter
    def reference(self, reference: ad.AnnData | None) -> None:
        if reference is not None:
            check_reference(reference)
        self._reference, self._model_fits = reference, None
        self.placed = None
        self.evaluation = None
        columns = section_columns(reference) if reference is not None else []
        # Whoever hears of the reference may ask for its sections.
        self._section_key = columns[0] if columns else None
        self.reference_changed.emit(reference)
        self.section_key_changed.emit(self._section_key)

    @property
    def section_key(self) -> str | None:
        """Column of the reference's ``obs`` with the section of each spot; the likeliest at first.

        None when all spots are of one section.

        Raises
        ------
        DataError
            When set to a column that the reference does not have.
        """
        return self._section_key

    @section_key.setter
    def section_key(self, key: str | None) -> None:
        if key is not None and (self._reference is None or key not in self._reference.obs):
            raise DataError(f"The reference has no obs column '{key}' with sections.")
        self._section_key = key
        self.section_key_changed.emit(key)

    @property
    def query(self) -> ad.AnnData | None:
        """The dissociated cells; cells placed before stay until others are placed."""
        return self._query

    @query.setter
    def query(self, query: ad.AnnData | None) -> None:
        if query is not None:
            check_query(query)
        self._query = query
        self.query_changed.emit(query)

    @property
    def model(self) -> DPVAE | None:
        """The trained model."""
        return self._model

    @model.setter
    def model(self, model: DPVAE | None) -> None:
        if model is not None and not model.is_trained:
            raise RuntimeError("The model is not trained yet: call fit() or load() first.")
        self._model, self._model_fits = model, None
        self.model_changed.emit(model)

    @property
    def model_fits(self) -> bool:
        """Whether cells that the model places would lie on the reference that is shown."""
        if self._model is None or self._reference is None:
            return True
        if self._model_fits is None:
            self._model_fits = is_trained_on(self._model, self._reference)
        return self._model_fits

    @property
    def placed(self) -> ad.AnnData | None:
        """The placed cells."""
        return self._placed

    @placed.setter
    def placed(self, placed: ad.AnnData | None) -> None:
        self._placed = placed
        self.selection.cells = ()
        self.placed_changed.emit(placed)

    @property
    def evaluation(self) -> Evaluation | None:
        """The last evaluation of this reference."""
        return self._evaluation

    @evaluation.setter
    def evaluation(self, evaluation: Evaluation | None) -> None:
        self._evaluation = evaluation
        self.held_out = None
        self.evaluation_changed.emit(evaluation)

    @property
    def held_out(self) -> HeldOut | None:
        """The held-out cells whose errors are drawn."""
        return self._held_out

    @held_out.setter
    def held_out(self, held_out: HeldOut | None) -> None:
        self._held_out = held_out
        self.held_out_changed.emit(held_out)

    def _data(self) -> list[ad.AnnData]:
        return [data for data in (self._reference, self._placed) if data is not None]

    @property
    def genes(self) -> list[str]:
        """Genes that can be shown: those of the reference and of the placed cells, sorted."""
        return sorted({name for data in self._data() for name in data.var_names})

    @property
    def columns(self) -> list[str]:
        """Columns of ``obs`` that can be shown."""
        return drawable_columns(self._data())

    def with_column(self, column: str | None) -> list[ad.AnnData]:
        """Those of the reference and the placed cells that have a column of ``obs``."""
        return [data for data in self._data() if column in data.obs]

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
