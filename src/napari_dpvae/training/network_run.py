"""One network: trained on a part of the spots, and assessed on the others."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from scipy import sparse

from napari_dpvae.expression.panel import GenePanel
from napari_dpvae.geometry.anchors import distance_ratio
from napari_dpvae.model.member import Member, encode
from napari_dpvae.network.inputs import Inputs, principal_axes
from napari_dpvae.network.network import Network
from napari_dpvae.network.pairs import make_pairs
from napari_dpvae.network.training import NOISES, Losses, train
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.training.fitted import FittedNetwork, assess
from napari_dpvae.training.plan import Run
from napari_dpvae.training.spots import Spots, scaled


class NetworkRun:
    """Drain :meth:`epochs`, then ask for what was :meth:`fitted`.

    Parameters
    ----------
    run
        What to train.
    settings
        Of the training.
    regularisation
        Its name.
    panel
        That the spots were standardised by.
    spots
        All n.
    frame
        (n,) bool: the anchors.
    """

    def __init__(
        self,
        run: Run,
        settings: TrainingSettings,
        regularisation: str,
        panel: GenePanel,
        spots: Spots,
        frame: np.ndarray,
    ) -> None:
        self._settings, self._panel = replace(settings, seed=run.seed), panel
        self._spots, self._frame, self._trained_on = spots, frame, ~run.held_out
        self._noise = NOISES[run.inputs.form][regularisation]
        part = spots.take(self._trained_on)
        self._centred, self._unit = scaled(part.coordinates, part.sections)
        self._network = copy.deepcopy(run.start) or new_network(
            self._settings, panel, run.inputs, self._noise.dropout, part.x
        )

    def epochs(
        self, given: sparse.csr_array | None = None, measured: np.ndarray | None = None
    ) -> Iterator[Losses]:
        """Train; yields the losses of every epoch.

        Parameters
        ----------
        given
            (n, n) weights of the pairs whose distance is preserved; None to find them by a mask.
        measured
            (n, n_genes) 1 where a gene was measured, else 0; None if all were.
        """
        chosen = self._trained_on
        part = self._spots.take(chosen)
        pairs = make_pairs(
            self._settings,
            part.coordinates,
            part.sections,
            None if given is None else given[chosen][:, chosen],
        )
        return train(
            self._network,
            torch.from_numpy(part.x),
            torch.from_numpy(np.nan_to_num(self._centred)),
            pairs,
            self._settings,
            self._noise.inputs,
            None if measured is None else torch.from_numpy(measured[chosen]),
        )

    def member(self) -> Member:
        """The network as it stands, with all anchors."""
        return self._member(self._frame)

    def fitted(self) -> FittedNetwork:
        """How it places the spots of the frame that it was not trained on."""
        own, held_out = self._frame & self._trained_on, self._frame & ~self._trained_on
        return assess(
            self.member(),
            self._member(own),
            self._panel,
            self._spots.take(own),
            self._spots.take(held_out),
        )

    def _member(self, anchors: np.ndarray) -> Member:
        """With the spots of a boolean mask as anchors."""
        spots = self._spots.take(anchors)
        latents = encode(self._network, spots.x)
        scale = float(self._network.scale.detach()) / self._unit
        if self._settings.alpha2 == 0 and not self._settings.fixed_lambda:
            # Nothing taught a vanilla VAE its lambda: take the ratio that fits best.
            scale = distance_ratio(latents, spots.coordinates)
        return Member(self._network, latents, scale, self._trained_on[anchors])


def new_network(
    settings: TrainingSettings, panel: GenePanel, inputs: Inputs, dropout: float, x: np.ndarray
) -> Network:
    """A network to train.

    Parameters
    ----------
    settings
        With the seed of this network.
    panel
        That it decodes the core of.
    inputs
        What it reads.
    dropout
        Share of hidden units silenced while training.
    x
        (n, n_genes) standardised, that it will be trained on.
    """
    axes = None
    if inputs.form == "components":
        read = slice(inputs.n_genes)
        axes = principal_axes(x[:, read], panel.deviation[read])
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        return Network(
            panel.n_core,
            settings.latent_dim,
            hidden=settings.hidden,
            dropout=dropout,
            fixed_lambda=settings.fixed_lambda,
            axes=axes,
        )
