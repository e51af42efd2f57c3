"""The dp-VAE as users know it: fit, encode, place, save, load; AnnData in, AnnData out."""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Callable, Generator, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import anndata as ad
import numpy as np
import pandas as pd

from napari_dpvae.data.checks import check_expression, check_query, check_reference
from napari_dpvae.data.keys import DPVAE as UNS
from napari_dpvae.data.keys import LATENT, LIKENESS, RADIUS, SPATIAL, STATUS
from napari_dpvae.errors import DataError
from napari_dpvae.evaluation.metrics import diagonal
from napari_dpvae.expression import Aligned
from napari_dpvae.fitting import EpochReport, Fitting
from napari_dpvae.model_file import load_model, save_model
from napari_dpvae.placement.uncertainty import PROBABILITY, STATUSES, has_home, region_status
from napari_dpvae.settings import PlacementSettings, TrainingSettings
from napari_dpvae.trained import Solved, Trained

logger = logging.getLogger(__name__)

MOST_FREE = 5000
"""Cells that ``free`` takes: it keeps all their distances, and compares them many times."""


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
        self.settings = dataclasses.replace(settings or TrainingSettings(), **changes)
        self._fitting: Fitting | None = None
        self._trained: Trained | None = None

    def fit(
        self,
        reference: ad.AnnData,
        *,
        section_key: str | None = None,
        progress: Callable[[EpochReport], None] | None = None,
    ) -> Self:
        """Train on a reference.

        Parameters
        ----------
        reference
            Spots by genes: raw counts (or normalised values) in ``X``, coordinates in
            ``obsm["spatial"]``.
        section_key
            Column of ``obs`` with the section of each spot, when there are several. Distances are
            compared within a section; the largest one is the frame that cells are placed in.
        progress
            Called with every report.

        Raises
        ------
        DataError
            When the reference cannot be used, with what to do about it.
        """
        for report in self.fit_epochs(reference, section_key=section_key):
            if progress is not None:
                progress(report)
        return self

    def fit_epochs(
        self, reference: ad.AnnData, *, section_key: str | None = None
    ) -> Iterator[EpochReport]:
        """Train, as a generator of epochs.

        Stop draining it at any time: after the first epoch the model is usable.

        Parameters
        ----------
        reference, section_key
            As for :meth:`fit`.

        Yields
        ------
        EpochReport
            One at the start and one after every epoch.

        Raises
        ------
        DataError
            When the reference cannot be used, with what to do about it.
        """
        check_reference(reference, section_key)
        fitting = Fitting(reference, self.settings, section_key)
        for report in fitting.epochs():
            if fitting.started:
                self._fitting, self._trained = fitting, None
            yield report
        self._trained = None

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
            self._trained = self._fitting.snapshot()
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

        Raises
        ------
        DataError
            When the cells lack the panel's genes.
        """
        check_expression(cells, "The data")
        return self.trained.encode(self.trained.align(cells).x)

    def place(
        self, query: ad.AnnData, settings: PlacementSettings | None = None, **changes: Any
    ) -> ad.AnnData:
        """Place dissociated cells in the reference's frame; their own coordinates are not read.

        Parameters
        ----------
        query
            Cells by genes.
        settings
            How to solve the coordinates; the defaults if not given.
        **changes
            Fields of :class:`PlacementSettings` to change, such as ``anchors=32``.

        Returns
        -------
        anndata.AnnData
            A copy of the query with ``obsm["spatial"]``, ``obsm["X_dpvae"]``,
            ``obs["dpvae_radius"]``, ``obs["dpvae_likeness"]``, ``obs["dpvae_status"]`` and
            ``uns["dpvae"]``.

        Raises
        ------
        DataError
            When the query cannot be used, with what to do about it.
        """
        steps = self.place_chunks(query, settings, **changes)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                placed: ad.AnnData = end.value
                return placed

    def place_chunks(
        self, query: ad.AnnData, settings: PlacementSettings | None = None, **changes: Any
    ) -> Generator[float, None, ad.AnnData]:
        """Place, as a generator that yields the share of cells done and returns placed cells.

        Parameters and errors are those of :meth:`place`.
        """
        settings = dataclasses.replace(settings or PlacementSettings(), **changes)
        trained = self.trained
        check_query(query)
        yield 0.0
        aligned = trained.align(query)
        _report_alignment(aligned, trained.panel.genes)
        correction = trained.explained if aligned.statistics == "query" else 0.0
        if settings.mode == "free":
            if query.n_obs > MOST_FREE:
                raise DataError(
                    f"The mode free compares all pairs of cells and takes at most {MOST_FREE}; "
                    f"the query has {query.n_obs}: use the mode anchored."
                )
            solved = trained.place_free(aligned, settings, correction)
        else:
            parts: list[Solved] = []
            for part in trained.place_chunks(aligned, settings, correction):
                parts.append(part)
                yield sum(len(p.points) for p in parts) / query.n_obs
            solved = Solved(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
        return _placed(query, trained, settings, aligned, correction, solved)

    def save(self, path: str | Path) -> None:
        """Write the model, with the reference's coordinates and image, to one safetensors file.

        Raises
        ------
        DataError
            When the file cannot be written.
        """
        save_model(self.trained, path)

    @classmethod
    def load(cls, path: str | Path) -> DPVAE:
        """Read a model written by :meth:`save`.

        Raises
        ------
        DataError
            When the file is not there, damaged, or not a model of ours.
        """
        trained = load_model(path)
        model = cls(trained.settings)
        model._trained = trained
        return model


def _report_alignment(aligned: Aligned, genes: np.ndarray) -> None:
    missing = genes[~aligned.present]
    if len(missing):
        logger.warning(
            "The query lacks %d of the panel's %d genes (%s): they count as the reference's mean.",
            len(missing),
            len(genes),
            ", ".join(missing[:5]) + (", …" if len(missing) > 5 else ""),
        )
    if aligned.statistics == "reference":
        return
    reason = "One of reference and query holds counts and the other normalised values"
    if aligned.gap is not None:
        reason = (
            f"The query is of another kind than the reference (correlation of gene means "
            f"{aligned.gap.mean_correlation:.2f}, depth ratio {aligned.gap.depth_ratio:.2f})"
        )
    logger.warning(
        "%s: its genes were standardised by its own mean and deviation, which takes it to cover "
        "the tissue evenly.",
        reason,
    )


def _placed(
    query: ad.AnnData,
    trained: Trained,
    settings: PlacementSettings,
    aligned: Aligned,
    correction: float,
    solved: Solved,
) -> ad.AnnData:
    """The query with its placement, after the data contract."""
    placed = query.copy()
    radius = trained.conformal * solved.spread
    extent = diagonal(trained.coordinates)
    gap = aligned.statistics == "query"
    at_home = aligned.expressed & has_home(solved.likeness, trained.usual_likeness, gap=gap)
    status = region_status(radius, at_home, extent)
    placed.obsm[SPATIAL] = solved.points
    placed.obsm[LATENT] = solved.latents
    placed.obs[RADIUS] = radius
    placed.obs[LIKENESS] = solved.likeness
    placed.obs[STATUS] = pd.Categorical(status, categories=STATUSES)
    placed.uns.pop(SPATIAL, None)
    if trained.spatial:
        placed.uns[SPATIAL] = copy.deepcopy(trained.spatial)
    placed.uns[UNS] = {
        "training": dataclasses.asdict(trained.settings),
        "placement": dataclasses.asdict(settings),
        "genes": len(trained.panel.genes),
        "genes_missing": int((~aligned.present).sum()),
        "standardised_by": aligned.statistics,
        "decoder_weight": correction,
        "platform_gap": aligned.gap._asdict() if aligned.gap else {},
        "region_probability": PROBABILITY,
        "model": trained.model_hash(),
        "versions": {name: version(name) for name in ("napari-dpvae", "torch", "anndata")},
    }
    return placed
