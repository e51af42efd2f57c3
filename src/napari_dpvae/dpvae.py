"""The dp-VAE as users know it: fit, encode, place, save, load; AnnData in, AnnData out.

Each method imports what does its work: torch, anndata and what they bring take seconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from napari_dpvae.errors import DataError
from napari_dpvae.settings import PlacementSettings, TrainingSettings
from napari_dpvae.steps import drain

if TYPE_CHECKING:
    import anndata as ad
    import numpy as np

    from napari_dpvae.data.unfinished import Unfinished
    from napari_dpvae.model.trained import Trained
    from napari_dpvae.training.report import EpochReport, Model


class DPVAE:
    """A distance-preserving variational autoencoder (Zhou & Du, arXiv 2408.00911).

    Parameters
    ----------
    settings
        How to train; the defaults if not given.
    **changes
        Fields of :class:`TrainingSettings` to change, such as ``latent_dim=10``.

    Examples
    --------
    >>> import napari_dpvae as dpv
    >>> phantom = dpv.read_phantom()
    >>> model = dpv.DPVAE(epochs=20).fit(phantom.reference)
    >>> placed = model.place(phantom.query)
    >>> placed.obsm["spatial"].shape
    (500, 2)
    """

    def __init__(self, settings: TrainingSettings | None = None, **changes: Any) -> None:
        self.settings = TrainingSettings.of(settings, changes)
        # Makes the model of a training that is under way or was stopped.
        self._fitting: Model | None = None
        self._trained: Trained | None = None

    def fit(
        self,
        reference: ad.AnnData,
        *,
        section_key: str | None = None,
        progress: Callable[[EpochReport], None] | None = None,
        unfinished: Unfinished | None = None,
    ) -> Self:
        """Train on a reference.

        Parameters
        ----------
        reference
            Spots by genes: raw counts (or normalised values) in ``X``, coordinates in
            ``obsm["spatial"]``. Features that ``var["feature_types"]`` calls proteins or the like
            have no part in it.
        section_key
            Column of ``obs`` with the section of each spot, when there are several. Distances are
            compared within a section.
        progress
            Called with every report.
        unfinished
            Where networks that are trained are kept, such as
            ``Unfinished("model.safetensors", resume=True)`` of ``napari_dpvae.data.unfinished``: a
            training that was interrupted ends in the model that it would have. Remove it once the
            model is saved.

        Raises
        ------
        DataError
            When the reference cannot be used, with what to do about it.

        Examples
        --------
        >>> seen = []
        >>> small = dpv.DPVAE(epochs=2, genes=40, members=2, checks=0, blocks=0)
        >>> small.fit(reference, progress=seen.append).is_trained
        True
        >>> seen[-1].epoch == seen[-1].epochs
        True
        """
        epochs = self.fit_epochs(reference, section_key=section_key, unfinished=unfinished)
        drain(epochs, progress)
        return self

    def fit_epochs(
        self,
        reference: ad.AnnData,
        *,
        section_key: str | None = None,
        unfinished: Unfinished | None = None,
    ) -> Generator[EpochReport, None, None]:
        """:meth:`fit` as a generator that yields a report at the start and after every epoch.

        Stop draining it at any time: after the first epoch the model is usable.
        """
        from napari_dpvae.data.checked import checked_reference
        from napari_dpvae.data.layout import Layout
        from napari_dpvae.training.fitting import fit
        from napari_dpvae.training.report import followed

        reference = checked_reference(reference, section_key)
        layout = Layout.read(reference, section_key, self.settings.frame, self.settings.pairs_key)
        steps = fit(reference, layout, self.settings, unfinished)
        self._trained = yield from followed(steps, self._keep)
        self._fitting = None

    def _keep(self, model: Model) -> None:
        """What a training under way has come to."""
        self._fitting, self._trained = model, None

    def fine_tune(
        self,
        reference: ad.AnnData,
        query: ad.AnnData,
        *,
        known_key: str | None = None,
        section_key: str | None = None,
        epochs: int = 30,
        learning_rate: float = 1e-3,
        progress: Callable[[EpochReport], None] | None = None,
    ) -> DPVAE:
        """Go on training with a query, so that its cells are placed better.

        The query's cells have no part in the distance term, unless their place is known. The new
        model standardises cells by the query's mean and deviation in place of the reference's, so
        the query must cover the same tissue, not a part of it.

        Parameters
        ----------
        reference, section_key
            As the model was trained with: see :meth:`fit`.
        query
            Cells by genes, from all over the tissue.
        known_key
            Entry of the query's ``obsm`` with the places that are known, (n, 2 or 3); NaN where
            they are not. Their unit must be the reference's, but they may have a frame of their
            own: only distances between them are used.
        epochs, learning_rate
            Passes over reference and query, and the peak of the one-cycle learning rate.
        progress
            Called with every report.

        Returns
        -------
        DPVAE
            A new model; this one stays as it is.

        Raises
        ------
        DataError
            When reference or query cannot be used, with what to do about it.

        Examples
        --------
        >>> tuned = model.fine_tune(reference, query, epochs=2)
        >>> tuned.trained.model_hash() == model.trained.model_hash()
        False
        """
        steps = self.fine_tune_epochs(
            reference,
            query,
            known_key=known_key,
            section_key=section_key,
            epochs=epochs,
            learning_rate=learning_rate,
        )
        return drain(steps, progress)

    def fine_tune_epochs(
        self,
        reference: ad.AnnData,
        query: ad.AnnData,
        *,
        known_key: str | None = None,
        section_key: str | None = None,
        epochs: int = 30,
        learning_rate: float = 1e-3,
    ) -> Generator[EpochReport, None, DPVAE]:
        """:meth:`fine_tune` as a generator of epochs that returns the new model."""
        from napari_dpvae.data.checked import checked_query, checked_reference
        from napari_dpvae.data.coordinates import known_coordinates
        from napari_dpvae.data.gene_names import match_genes, report_match
        from napari_dpvae.data.layout import Layout
        from napari_dpvae.model.same_reference import anchor_spots
        from napari_dpvae.placement.query import read_by
        from napari_dpvae.training.fine_tuning import fine_tune
        from napari_dpvae.training.report import followed

        reference = checked_reference(reference, section_key)
        query = checked_query(query)
        layout = Layout.read(reference, section_key, self.settings.frame, self.settings.pairs_key)
        query, match = match_genes(reference.var_names, query, reference_var=reference.var)
        report_match(match)
        start = self.trained
        if not start.is_calibrated:
            raise DataError(
                "The model's networks were not done when its training was stopped: train it for "
                "longer before it is adapted to a query."
            )
        anchors = anchor_spots(start, reference)
        if anchors is None:
            raise DataError(
                "The model was trained on another reference: fine-tune it with the one it was "
                "trained on, or train a new model."
            )
        known = known_coordinates(query, known_key, start.coordinates.shape[1])
        settings = dataclasses.replace(
            start.settings,
            epochs=epochs,
            learning_rate=learning_rate,
            members=len(start.members),
            checks=0,
            blocks=0,
        )
        aligned = read_by(start, query, "whole").aligned
        tuned = DPVAE(self.settings)
        steps = fine_tune(start, reference, aligned, layout, anchors, known, settings)
        tuned._trained = yield from followed(steps, tuned._keep)
        tuned._fitting = None
        return tuned

    @property
    def is_trained(self) -> bool:
        """Whether the model can encode and place."""
        return self._trained is not None or self._fitting is not None

    @property
    def trained(self) -> Trained:
        """What the model has learned.

        Raises
        ------
        RuntimeError
            Before :meth:`fit` or :meth:`load`.
        """
        if self._trained is None:
            if self._fitting is None:
                raise RuntimeError("The model is not trained yet: call fit() or load() first.")
            self._trained = self._fitting()
        return self._trained

    @property
    def card(self) -> dict[str, Any]:
        """What the model was trained on, when, and how well it places held-out spots."""
        return self.trained.card

    @property
    def genes(self) -> list[str]:
        """The gene panel."""
        names: list[str] = self.trained.panel.genes.tolist()
        return names

    def encode(self, cells: ad.AnnData) -> np.ndarray:
        """Latent means (n, latent_dim) of cells, which are aligned to the panel by gene name.

        Parameters
        ----------
        cells
            Cells by genes, as :meth:`place` takes them.

        Raises
        ------
        DataError
            When the cells lack the panel's genes.

        Examples
        --------
        >>> model.encode(query).shape
        (120, 2)
        """
        from napari_dpvae.data.checked import checked_query
        from napari_dpvae.placement.query import read_by

        trained = self.trained
        read = read_by(trained, checked_query(cells))
        return trained.consensus(trained.encode(read.aligned.x), read.weights)

    def place(
        self,
        query: ad.AnnData,
        settings: PlacementSettings | None = None,
        *,
        known_key: str | None = None,
        outlines: Sequence[np.ndarray] | None = None,
        client: Any = None,
        copy_matrices: bool = True,
        **changes: Any,
    ) -> ad.AnnData:
        """Place dissociated cells in the reference's frame; their own coordinates are not read.

        Parameters
        ----------
        query
            Cells by genes; features of other kinds (``var["feature_types"]``) move to ``obsm``.
        settings
            How to solve the coordinates; the defaults if not given.
        known_key
            For the mode ``impute``: the entry of the query's ``obsm`` with the coordinates that
            are known, (n, 2 or 3) in the reference's frame; NaN for cells to be solved.
        outlines
            Polygons that the cells do not leave, each (k, 2) vertices in coordinate units, in
            place of the domain in the settings.
        client
            Of a Dask cluster (``distributed.Client``), whose workers solve the cells; threads of
            this process if not given. The result is the same.
        copy_matrices
            Whether placed cells have matrices of their own. If not they have the query's: what is
            changed in place in the one changes in the other.
        **changes
            Fields of :class:`PlacementSettings` to change, such as ``anchors=32``.

        Returns
        -------
        anndata.AnnData
            A copy of the query with ``obsm["spatial"]``, ``obsm["X_dpvae"]``, ``uns["dpvae"]`` and
            the columns ``dpvae_radius``, ``dpvae_radius_wide``, ``dpvae_likeness`` and
            ``dpvae_status`` of ``obs``.

        Raises
        ------
        DataError
            When the query cannot be used, with what to do about it.

        Examples
        --------
        >>> placed = model.place(query, anchors=32)
        >>> placed.obs["dpvae_status"].cat.categories.tolist()
        ['placed', 'uncertain', 'outside']
        """
        steps = self.place_chunks(
            query,
            settings,
            known_key=known_key,
            outlines=outlines,
            client=client,
            copy_matrices=copy_matrices,
            **changes,
        )
        return drain(steps)

    def place_chunks(
        self,
        query: ad.AnnData,
        settings: PlacementSettings | None = None,
        *,
        known_key: str | None = None,
        outlines: Sequence[np.ndarray] | None = None,
        client: Any = None,
        copy_matrices: bool = True,
        **changes: Any,
    ) -> Generator[float, None, ad.AnnData]:
        """Place, as a generator that yields the share of cells done and returns placed cells.

        Parameters and errors are those of :meth:`place`.
        """
        from napari_dpvae.placement.engine import Engine
        from napari_dpvae.placement.place import place_steps

        chosen = PlacementSettings.of(settings, changes)
        return place_steps(
            self.trained, query, chosen, known_key, outlines, Engine(client), copy_matrices
        )

    def save(self, path: str | Path) -> None:
        """Write the model, with the reference's coordinates and image, to one safetensors file.

        Parameters
        ----------
        path
            Of the file; what is there is replaced.

        Raises
        ------
        DataError
            When the file cannot be written.
        """
        from napari_dpvae.model.file import save_model

        save_model(self.trained, path)

    @classmethod
    def load(cls, path: str | Path) -> DPVAE:
        """Read a model written by :meth:`save`.

        Parameters
        ----------
        path
            Of the file.

        Raises
        ------
        DataError
            When the file is not there, damaged, or not a model of ours.

        Examples
        --------
        >>> model.save("model.safetensors")
        >>> dpv.DPVAE.load("model.safetensors").genes == model.genes
        True
        """
        from napari_dpvae.model.file import load_model

        trained = load_model(path)
        model = cls(trained.asked)
        model._trained = trained
        return model
