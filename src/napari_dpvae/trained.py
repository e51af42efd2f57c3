"""What a trained model knows: enough to place cells, and to be written to one file."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from napari_dpvae.errors import DataError
from napari_dpvae.expression import GenePanel
from napari_dpvae.model import checkpoint
from napari_dpvae.model.network import Network
from napari_dpvae.model.training import one_thread
from napari_dpvae.placement.domain import Domain
from napari_dpvae.placement.geometry import nearest_anchors, place_anchored, place_free
from napari_dpvae.placement.uncertainty import anchor_spread
from napari_dpvae.settings import PlacementSettings, TrainingSettings

CHUNK = 4096
"""Cells encoded or placed at once: bounds memory, and sets how often progress shows."""
SPREAD_ANCHORS = 16
"""Anchors that the spread is taken over, however many place the cell: regions are calibrated so."""


class Solved(NamedTuple):
    """Placed cells, in coordinate units."""

    points: np.ndarray
    """(n, 2 or 3)."""
    spread: np.ndarray
    """(n,) anchor spread."""


@dataclass(frozen=True)
class Trained:
    """A network together with the reference it was trained on.

    Attributes
    ----------
    settings
        What it was trained with.
    panel
        The genes that the network reads.
    network
        In evaluation mode, on the CPU.
    latents, coordinates
        Of the anchors, (r, latent_dim) float32 and (r, 2 or 3) float64.
    scale
        ``lambda``: latent distance per coordinate unit.
    conformal
        Radius of a region per unit of anchor spread; NaN until calibrated.
    spatial
        The reference's ``uns["spatial"]``: images and scale factors, by library.
    card
        What a person wants to know of the model; JSON can hold it.
    """

    settings: TrainingSettings
    panel: GenePanel
    network: Network
    latents: np.ndarray
    coordinates: np.ndarray
    scale: float
    conformal: float
    spatial: dict[str, Any]
    card: dict[str, Any]

    def place_chunks(self, latents: np.ndarray, settings: PlacementSettings) -> Iterator[Solved]:
        """Solve cells from their latents (n, latent_dim), each on its own, a chunk at a time."""
        domain = Domain(self.coordinates)
        for start in range(0, len(latents), CHUNK):
            distances, indices = nearest_anchors(
                latents[start : start + CHUNK],
                self.latents,
                max(settings.anchors, SPREAD_ANCHORS),
            )
            anchors, m = self.coordinates[indices], settings.anchors
            points = place_anchored(anchors[:, :m], distances[:, :m] / self.scale)
            if settings.keep_in_domain:
                points = domain.keep_inside(points)
            yield Solved(points, anchor_spread(points, anchors[:, :SPREAD_ANCHORS]))

    def place_free(self, latents: np.ndarray, settings: PlacementSettings) -> Solved:
        """Solve cells together from the distances between their latents (n, latent_dim)."""
        points = place_free(latents, self.latents, self.coordinates, self.scale, self.settings.seed)
        if settings.keep_in_domain:
            points = Domain(self.coordinates).keep_inside(points)
        _, indices = nearest_anchors(latents, self.latents, SPREAD_ANCHORS)
        return Solved(points, anchor_spread(points, self.coordinates[indices]))

    def model_hash(self) -> str:
        """Names the weights: the first 16 hex digits of their SHA-256."""
        digest = hashlib.sha256()
        for name, weight in sorted(_weights(self.network).items()):
            digest.update(name.encode() + weight.tobytes())
        return digest.hexdigest()[:16]

    def save(self, path: str | Path) -> None:
        """Write everything to one safetensors file."""
        tensors = {f"network.{name}": weight for name, weight in _weights(self.network).items()}
        tensors |= {
            "reference.latents": self.latents,
            "reference.coordinates": self.coordinates,
            "panel.mean": self.panel.mean,
            "panel.deviation": self.panel.deviation,
            "panel.depth_share": self.panel.depth_share,
        }
        scalefactors = {}
        for library, entry in self.spatial.items():
            scalefactors[library] = _plain(entry.get("scalefactors", {}))
            for resolution, image in entry.get("images", {}).items():
                tensors[f"image.{resolution}.{library}"] = np.asarray(image)
        checkpoint.save(
            path,
            tensors,
            {
                "settings": dataclasses.asdict(self.settings),
                "scale": self.scale,
                "conformal": None if np.isnan(self.conformal) else self.conformal,
                "genes": self.panel.genes.tolist(),
                "counts": self.panel.counts,
                "depth_genes": self.panel.depth_genes.tolist(),
                "scalefactors": scalefactors,
                "card": self.card,
            },
        )

    @classmethod
    def load(cls, path: str | Path) -> Trained:
        """Read a file written by :meth:`save`.

        Raises
        ------
        DataError
            When the file is not there, damaged, or not a model of ours.
        """
        tensors, header = checkpoint.load(path)
        try:
            return cls._from_file(tensors, header)
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DataError(f"{path} is damaged: a part of the model is missing.") from error

    @classmethod
    def _from_file(cls, tensors: dict[str, np.ndarray], header: dict[str, Any]) -> Trained:
        settings = TrainingSettings(**header["settings"])
        panel = GenePanel(
            np.asarray(header["genes"], str),
            tensors["panel.mean"],
            tensors["panel.deviation"],
            header["counts"],
            np.asarray(header["depth_genes"], str),
            tensors["panel.depth_share"],
        )
        network = Network(len(panel.genes), settings.latent_dim, hidden=settings.hidden)
        network.load_state_dict(
            {
                name.removeprefix("network."): torch.from_numpy(tensor)
                for name, tensor in tensors.items()
                if name.startswith("network.")
            }
        )
        spatial: dict[str, Any] = {
            library: {"images": {}, "scalefactors": factors}
            for library, factors in header["scalefactors"].items()
        }
        for name, tensor in tensors.items():
            if name.startswith("image."):
                _, resolution, library = name.split(".", 2)
                spatial[library]["images"][resolution] = tensor
        conformal = header["conformal"]
        return cls(
            settings,
            panel,
            network.eval(),
            tensors["reference.latents"],
            tensors["reference.coordinates"],
            header["scale"],
            np.nan if conformal is None else conformal,
            spatial,
            header["card"],
        )


def encode(network: Network, x: np.ndarray) -> np.ndarray:
    """Latent means (n, latent_dim), float32, of standardised expression x (n, n_genes)."""
    device = network.log_lambda.device
    with torch.inference_mode(), one_thread():
        means = [
            network.encode(torch.from_numpy(x[start : start + CHUNK]).to(device))[0].cpu().numpy()
            for start in range(0, len(x), CHUNK)
        ]
    return np.concatenate(means)


def _weights(network: Network) -> dict[str, np.ndarray]:
    return {name: tensor.cpu().numpy() for name, tensor in network.state_dict().items()}


def _plain(value: Any) -> Any:
    """The value with numpy's scalars and arrays turned into what JSON can hold."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value
