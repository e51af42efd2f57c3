"""One network of the ensemble, with the anchors in its latent space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_dpvae.expression.panel import GenePanel
from napari_dpvae.geometry.anchors import distance_ratio, nearest, neighbour_finder, place_anchored
from napari_dpvae.geometry.regression import Regression
from napari_dpvae.network.device import one_thread
from napari_dpvae.network.network import Network
from napari_dpvae.uncertainty.conformal import anchor_spread

if TYPE_CHECKING:
    from sklearn.neighbors import NearestNeighbors

CHUNK = 1024
"""Cells encoded at once: bounds memory."""
SPREAD_ANCHORS = 16
"""Anchors that the spread is taken over, whatever the settings: it was calibrated so."""
SHARPNESS = 16.0
"""``T``, the log-weight of one standard deviation of likeness in :meth:`Member.correct`."""


@dataclass(frozen=True)
class Member:
    """A network, and what it makes of the anchors.

    Attributes
    ----------
    network
        In evaluation mode.
    latents
        Of the anchors, (r, latent_dim) float32.
    scale
        ``lambda``: latent distance per coordinate unit.
    trained_on
        (r,) bool: the anchors that the network was trained on; the others were held out.
    weight
        In the mean over the ensemble, against those of the others.
    regression
        Of the coordinates of the spots that the network was trained on; None for none.
    """

    network: Network
    latents: np.ndarray
    scale: float
    trained_on: np.ndarray
    weight: float = 1.0
    regression: Regression | None = None

    @classmethod
    def of(
        cls,
        network: Network,
        latents: np.ndarray,
        coordinates: np.ndarray,
        trained_on: np.ndarray,
        scale: float | None = None,
        regression: Regression | None = None,
    ) -> Member:
        """A network, by what it makes of the anchors.

        Parameters
        ----------
        network, latents, trained_on, regression
            See the attributes.
        coordinates
            Of the anchors, (r, 2 or 3).
        scale
            ``lambda``. None where nothing taught the network one, as a vanilla VAE: then the ratio
            that fits the spots best that it was trained on.
        """
        if scale is None:
            scale = distance_ratio(latents[trained_on], coordinates[trained_on])
        return cls(network, latents, scale, trained_on, regression=regression)

    def weights(self) -> dict[str, np.ndarray]:
        """The network's weights by name."""
        return {name: tensor.cpu().numpy() for name, tensor in self.network.state_dict().items()}

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Standardised expression (n, n_genes), float32, that the latents stand for."""
        with torch.inference_mode(), one_thread():
            z = torch.from_numpy(latents).to(self.network.log_lambda.device)
            return self.network.decode(z).cpu().numpy()

    def with_anchors(self, latents: np.ndarray) -> Member:
        """The same network with more anchors, (k, latent_dim), that it was not trained on."""
        return replace(
            self,
            latents=np.concatenate([self.latents, latents]),
            trained_on=np.append(self.trained_on, np.zeros(len(latents), bool)),
        )

    def of_own_anchors(self) -> Member:
        """The same network with those anchors alone that it was trained on."""
        own = self.trained_on
        return replace(self, latents=self.latents[own], trained_on=own[own])

    @cached_property
    def _finder(self) -> NearestNeighbors:
        return neighbour_finder(self.latents)

    @cached_property
    def _own_finder(self) -> NearestNeighbors:
        if self.trained_on.all():
            return self._finder
        return neighbour_finder(self.latents[self.trained_on])

    @cached_property
    def _usual_distance(self) -> float:
        """Median latent distance of an anchor to its 16th neighbour."""
        distances, _ = nearest(self._finder, self.latents, SPREAD_ANCHORS + 1)
        return max(float(np.median(distances[:, -1])), 1e-12)

    def correct(self, latents: np.ndarray, likeness: np.ndarray, correction: float) -> np.ndarray:
        """The mean latent of the anchors, weighted by encoder and decoder together.

        A noisy cell is read better by ``p(x|z)`` than by the encoder, which never saw such noise.
        Each anchor's log-weight is ``-(1 - c) |z - z_r|^2 / 2 s^2 + c T a_r``, where ``s`` is the
        usual distance of an anchor to its 16th neighbour.

        Parameters
        ----------
        latents
            ``z``, the encoder's, (n, latent_dim).
        likeness
            ``a``, (n, r): how much more than the others each anchor's profile is like the cell.
        correction
            ``c``, the weight of the decoder against the encoder, 0 to 1.

        Returns
        -------
        numpy.ndarray
            (n, latent_dim) float32.
        """
        nearness = (1 - correction) / (2 * self._usual_distance**2)
        anchors, z = torch.from_numpy(self.latents), torch.from_numpy(latents)
        with torch.inference_mode(), one_thread():
            # |z|^2 is the same for all anchors, so that the softmax does not see it. One product
            # makes all of the rest: passes over all pairs are what takes time here.
            near = -nearness * anchors.square().sum(dim=1, keepdim=True)
            cells = torch.cat([2 * nearness * z, torch.ones(len(z), 1)], dim=1)
            log_weight = torch.addmm(
                torch.from_numpy(likeness),
                cells,
                torch.cat([anchors, near], dim=1).T,
                beta=correction * SHARPNESS,
            )
            weight = torch.softmax(log_weight, dim=1)
            # By rows of few columns the product takes five times as long.
            return (weight @ anchors.T.contiguous().T).numpy()

    def place(
        self,
        latents: np.ndarray,
        coordinates: np.ndarray,
        n_anchors: int,
        stabilised: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Solve cells, each on its own, from their distances to the nearest anchors.

        The regression has a say in it, the more the farther apart these anchors lie in the tissue.

        Parameters
        ----------
        latents
            Of the cells, (n, latent_dim).
        coordinates
            Of the anchors, (r, 2 or 3).
        n_anchors
            Anchors per cell.
        stabilised
            (n, n_genes) expression, which the regression reads; anchors alone decide if not given.

        Returns
        -------
        points, spread
            (n, 2 or 3) and (n,), in coordinate units.
        """
        distances, indices = nearest(self._finder, latents, n_anchors)
        points = place_anchored(coordinates[indices], distances / self.scale)
        spread = self.spread(points, latents, coordinates)
        if stabilised is not None:
            points = self.regressed(points, spread, stabilised)
        return points, spread

    def regressed(
        self, points: np.ndarray, spread: np.ndarray, stabilised: np.ndarray
    ) -> np.ndarray:
        """Points (n, 2 or 3) by anchors of this spread (n,), once the regression had its say."""
        if self.regression is None:
            return points
        share = self.regression.share(spread)[:, None]
        return np.asarray((1 - share) * points + share * self.regression.predict(stabilised))

    def beside(self, errors: np.ndarray, spreads: np.ndarray) -> Member:
        """With a regression that knows how far off anchors are: see :meth:`Regression.beside`."""
        if self.regression is None:
            return self
        return replace(self, regression=self.regression.beside(errors, spreads))

    def spread(
        self, points: np.ndarray, latents: np.ndarray, coordinates: np.ndarray
    ) -> np.ndarray:
        """Anchor spread of cells, (n,), in coordinate units.

        Over the anchors that the network was trained on, as when it was calibrated: the latents of
        others are farther off, and would make it wider.

        Parameters
        ----------
        points
            (n, 2 or 3) where the cells were placed.
        latents
            Of the cells, (n, latent_dim).
        coordinates
            Of the anchors, (r, 2 or 3).
        """
        _, indices = nearest(self._own_finder, latents, SPREAD_ANCHORS)
        return anchor_spread(points, coordinates[self.trained_on][indices])


def encode(networks: Sequence[Network], panel: GenePanel, x: np.ndarray) -> list[np.ndarray]:
    """Latent means (n, latent_dim), float32, by each network, of standardised x (n, n_genes)."""
    # Made first: small arrays that stay, between large ones that go, leave holes of no use.
    found = [np.empty((len(x), network.to_mean.out_features), np.float32) for network in networks]
    for start in range(0, len(x), CHUNK):
        part = slice(start, start + CHUNK)
        latents = latents_of(networks, x[part], panel.stabilised(x[part]))
        for own, z in zip(found, latents, strict=True):
            own[part] = z
    return found


def latents_of(
    networks: Sequence[Network], x: np.ndarray, stabilised: np.ndarray
) -> list[np.ndarray]:
    """:func:`encode` of a few cells, whose stabilised expression is known."""
    read = torch.from_numpy(x), torch.from_numpy(stabilised)
    with torch.inference_mode(), one_thread():
        return [
            network.encode(*(each.to(network.log_lambda.device) for each in read))[0].cpu().numpy()
            for network in networks
        ]
