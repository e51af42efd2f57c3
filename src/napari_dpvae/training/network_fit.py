"""One network of the ensemble: fitted to a part of the spots, and assessed on the others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy import sparse

from napari_dpvae.expression.panel import GenePanel
from napari_dpvae.geometry.anchors import distance_ratio
from napari_dpvae.model.member import Member, encode
from napari_dpvae.network.inputs import Reading, principal_axes
from napari_dpvae.network.network import Network
from napari_dpvae.network.pairs import make_pairs
from napari_dpvae.network.training import Losses, Noise, train
from napari_dpvae.settings import TrainingSettings
from napari_dpvae.training.trial import Spots, Trial, assess, scaled


class NetworkFit:
    """Drain :meth:`epochs`, then ask for the :meth:`trial`.

    Parameters
    ----------
    network
        A new one, or a trained one to go on with.
    settings
        With the seed of this network.
    panel
        That the spots were standardised by.
    spots
        All n.
    taken
        (n,) bool: those that it is trained on.
    frame
        (n,) bool: the anchors.
    """

    def __init__(
        self,
        network: Network,
        settings: TrainingSettings,
        panel: GenePanel,
        spots: Spots,
        taken: np.ndarray,
        frame: np.ndarray,
    ) -> None:
        self._network, self._settings, self._panel = network, settings, panel
        self._spots, self._taken, self._frame = spots, taken, frame
        self._centred, self._unit = scaled(spots.coordinates[taken], spots.sections[taken])

    def epochs(
        self, noise: Noise, given: sparse.csr_array | None, seen: np.ndarray | None
    ) -> Iterator[Losses]:
        """Train; yields the losses of every epoch.

        Parameters
        ----------
        noise
            On the inputs.
        given
            (n, n) weights of the pairs whose distance is preserved; None to find them by a mask.
        seen
            (n, n_core) 1 where a gene was measured, else 0; None if all were.
        """
        part, taken = self._spots.take(self._taken), self._taken
        pairs = make_pairs(
            self._settings,
            part.coordinates,
            part.sections,
            None if given is None else given[taken][:, taken],
        )
        return train(
            self._network,
            torch.from_numpy(part.x),
            torch.from_numpy(np.nan_to_num(self._centred)),
            pairs,
            self._settings,
            noise.inputs,
            None if seen is None else torch.from_numpy(seen[taken]),
        )

    def member(self) -> Member:
        """The network as it stands, with all anchors."""
        return self._member(self._frame)

    def trial(self) -> Trial:
        """How it places the spots of the frame that it was not trained on."""
        seen, unseen = self._frame & self._taken, self._frame & ~self._taken
        return assess(
            self.member(),
            self._member(seen),
            self._panel,
            self._spots.take(seen),
            self._spots.take(unseen),
        )

    def _member(self, anchors: np.ndarray) -> Member:
        """With the spots of a boolean mask as anchors."""
        spots = self._spots.take(anchors)
        latents = encode(self._network, spots.x)
        scale = float(self._network.scale.detach()) / self._unit
        if self._settings.alpha2 == 0 and not self._settings.fixed_lambda:
            # Nothing taught a vanilla VAE its lambda: take the ratio that fits best.
            scale = distance_ratio(latents, spots.coordinates)
        return Member(self._network, latents, scale, self._taken[anchors])


def new_network(
    settings: TrainingSettings, panel: GenePanel, reading: Reading, dropout: float, x: np.ndarray
) -> Network:
    """A network to train.

    Parameters
    ----------
    settings
        With the seed of this network.
    panel
        That it decodes the core of.
    reading
        What it reads.
    dropout
        Share of hidden units silenced while training.
    x
        (n, n_genes) standardised, that it will be trained on.
    """
    axes = None
    if reading.form == "components":
        read = slice(reading.n_genes)
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
