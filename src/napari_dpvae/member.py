"""One network of the ensemble, with the anchors in its latent space."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from napari_dpvae.model.network import Network
from napari_dpvae.model.training import one_thread
from napari_dpvae.placement.geometry import nearest_anchors, place_anchored
from napari_dpvae.placement.uncertainty import anchor_spread

CHUNK = 4096
"""Cells encoded at once: bounds memory."""
SPREAD_ANCHORS = 16
"""Anchors that the spread is taken over, whatever the settings: it was calibrated so."""
SHARPNESS = 16.0
"""Log-weight of one standard deviation of likeness in :meth:`Member.infer`."""
PAIRS_AT_ONCE = 5_000_000
"""Pairs of cell and anchor that are compared at once: bounds memory."""


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
    """

    network: Network
    latents: np.ndarray
    scale: float

    def weights(self) -> dict[str, np.ndarray]:
        """The network's weights by name."""
        return {name: tensor.cpu().numpy() for name, tensor in self.network.state_dict().items()}

    def encode(self, x: np.ndarray) -> np.ndarray:
        """Latent means (n, latent_dim), float32, of standardised expression x (n, n_genes)."""
        return encode(self.network, x)

    def decode(self, latents: np.ndarray) -> np.ndarray:
        """Standardised expression (n, n_genes), float32, that the latents stand for."""
        with torch.inference_mode(), one_thread():
            z = torch.from_numpy(latents).to(self.network.log_lambda.device)
            return self.network.decode(z).cpu().numpy()

    def infer(self, x: np.ndarray, correction: float) -> np.ndarray:
        """Latents of cells: the encoder's, corrected through the decoder if asked for.

        Parameters
        ----------
        x
            Standardised expression, (n, n_genes).
        correction
            Weight of the decoder against the encoder, 0 to 1.

        Returns
        -------
        numpy.ndarray
            (n, latent_dim) float32.
        """
        latents = self.encode(x)
        if correction == 0:
            return latents
        step = max(1, PAIRS_AT_ONCE // len(self.latents))
        profiles = _unit_rows(self.decode(self.latents))
        parts = [
            self._corrected(latents[i : i + step], x[i : i + step], profiles, correction)
            for i in range(0, len(x), step)
        ]
        return np.concatenate(parts)

    def _corrected(
        self, latents: np.ndarray, x: np.ndarray, profiles: np.ndarray, correction: float
    ) -> np.ndarray:
        """The mean latent of the anchors, weighted by encoder and decoder together.

        A noisy cell is read better by ``p(x|z)`` than by the encoder, which never saw such noise.
        Each anchor's log-weight is ``-(1 - c) |z - z_r|^2 / 2 s^2 + c T a_r``. There ``s`` is the
        usual distance of an anchor to its 16th neighbour, and ``a_r`` how much more than the
        others the cell is like the anchor's decoded profile (by the cosine, as its depth says
        nothing), in standard deviations.
        """
        squared = _squared_distances(latents, self.latents)
        likeness = _unit_rows(x) @ profiles.T
        likeness -= likeness.mean(axis=1, keepdims=True)
        likeness /= np.maximum(likeness.std(axis=1, keepdims=True), 1e-12)
        log_weight = correction * SHARPNESS * likeness
        log_weight -= (1 - correction) / (2 * self._usual_distance**2) * squared
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        return (weight @ self.latents).astype(np.float32)

    @cached_property
    def _usual_distance(self) -> float:
        """Median latent distance of an anchor to its 16th neighbour."""
        distances, _ = nearest_anchors(self.latents, self.latents, SPREAD_ANCHORS + 1)
        return max(float(np.median(distances[:, -1])), 1e-12)

    def place(
        self, latents: np.ndarray, coordinates: np.ndarray, n_anchors: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Solve cells, each on its own, from their distances to the nearest anchors.

        Parameters
        ----------
        latents
            Of the cells, (n, latent_dim).
        coordinates
            Of the anchors, (r, 2 or 3).
        n_anchors
            Anchors per cell.

        Returns
        -------
        points, spread
            (n, 2 or 3) and (n,), in coordinate units.
        """
        most = max(n_anchors, SPREAD_ANCHORS)
        distances, indices = nearest_anchors(latents, self.latents, most)
        anchors = coordinates[indices]
        points = place_anchored(anchors[:, :n_anchors], distances[:, :n_anchors] / self.scale)
        return points, anchor_spread(points, anchors[:, :SPREAD_ANCHORS])


def encode(network: Network, x: np.ndarray) -> np.ndarray:
    """Latent means (n, latent_dim), float32, of standardised expression x (n, n_genes)."""
    device = network.log_lambda.device
    with torch.inference_mode(), one_thread():
        means = [
            network.encode(torch.from_numpy(x[start : start + CHUNK]).to(device))[0].cpu().numpy()
            for start in range(0, len(x), CHUNK)
        ]
    return np.concatenate(means)


def _unit_rows(x: np.ndarray) -> np.ndarray:
    """Rows of length 1; rows of zeros stay."""
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)


def _squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(n, r) squared Euclidean distances of rows."""
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1)[None, :] - 2 * a @ b.T
    return np.maximum(squared, 0.0)
