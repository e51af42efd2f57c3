"""Go on training with a query: its own ELBO beside the reference's whole objective."""

from __future__ import annotations

import copy
from dataclasses import replace

import anndata as ad
import numpy as np

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.layout import Layout
from napari_dpvae.errors import DataError
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.inputs import Form, Reading
from napari_dpvae.network.network import Network
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.training.ensemble import Ensemble
from napari_dpvae.training.fitting import Fitting
from napari_dpvae.training.trial import Spots


class FineTuning(Fitting):
    """A fitting that starts from a trained model, and also sees a query.

    Cells whose place is not known take part in reconstruction and KL alone. Those whose place is
    known are one more section: they have distances to each other, in whatever frame.

    Parameters
    ----------
    start
        What to go on from.
    reference
        That it was trained on.
    query
        Checked.
    layout
        Of the reference.
    known
        (n, 2 or 3) places of the query's cells in the unit of the reference, NaN where they are not
        known.
    settings
        How to train.

    Raises
    ------
    DataError
        When the model was trained on another reference, or the query lacks the panel's genes.
    """

    def __init__(
        self,
        start: Trained,
        reference: ad.AnnData,
        query: ad.AnnData,
        layout: Layout,
        known: np.ndarray,
        settings: TrainingSettings,
    ) -> None:
        self._start, self._query, self._known = start, query, known
        super().__init__(reference, settings, layout)
        coordinates = np.asarray(reference.obsm[SPATIAL], float)
        if not np.array_equal(coordinates[layout.sections == layout.frame], start.coordinates):
            raise DataError(
                "The model was trained on another reference: fine-tune it with the one it was "
                "trained on, or train a new model."
            )

    def _usual_regularisation(self) -> dict[Form, str]:
        """What the model was trained with."""
        return dict(self._start.card["regularisation"])

    def _prepare(self) -> None:
        """Read reference and query by the panel that is there."""
        self._panel = self._start.panel
        sections = self._layout.sections
        self._adapted = self._start.covered_by(self._query)
        aligned, n = self._adapted.align(self._query), len(sections)
        self._seen = np.ones((n + len(aligned.x), len(aligned.present)), np.float32)
        self._seen[n:] = aligned.present
        coordinates = np.asarray(self._reference.obsm[SPATIAL], float)
        self._spots = Spots(
            np.concatenate([self._panel.standardise(self._reference).x, aligned.x]),
            np.concatenate([coordinates, self._known]),
            np.concatenate([sections, np.full(len(aligned.x), sections.max() + 1)]),
            np.concatenate([self._folds, np.full(len(aligned.x), -1)]),
        )
        if self._layout.pairs is not None:
            pairs = self._layout.pairs.copy()
            pairs.resize((len(self._spots.x), len(self._spots.x)))
            self._layout = replace(self._layout, pairs=pairs)

    def snapshot(self) -> Trained:
        """As :meth:`Fitting.snapshot`, for cells like the query's."""
        return replace(super().snapshot(), panel=self._adapted.panel)

    def _scale(self, ensemble: Ensemble) -> float:
        """As it was: no part is held out from the choice of genes any more."""
        return float(self._start.card["ensemble_scale"])

    @property
    def _weights(self) -> np.ndarray:
        """As they were."""
        weights = np.array([member.weight for member in self._start.members[: len(self._trials)]])
        return weights / weights.sum()

    def _block_scores(self, ensemble: Ensemble) -> np.ndarray:
        """As they were: by now all networks have seen all blocks."""
        return self._start.block_scores

    def _new_network(
        self, fold: int, settings: TrainingSettings, reading: Reading, dropout: float
    ) -> Network:
        return copy.deepcopy(self._start.members[fold].network)
