"""A trained model as one file, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_dpvae.errors import DataError
from napari_dpvae.expression.panel import GenePanel
from napari_dpvae.model import checkpoint
from napari_dpvae.model.member import Member
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.network import Network
from napari_dpvae.settings import TrainingSettings


def save_model(trained: Trained, path: str | Path) -> None:
    """Write everything to one safetensors file.

    Raises
    ------
    DataError
        When the file cannot be written.
    """
    panel = trained.panel
    tensors = {
        "reference.coordinates": trained.coordinates,
        "reference.expression": trained.expression,
        "calibration.scores": trained.scores,
        "calibration.block_scores": trained.block_scores,
        "panel.mean": panel.mean,
        "panel.deviation": panel.deviation,
        "panel.axes": panel.axes,
        "panel.depth_share": panel.depth_share,
    }
    for i, member in enumerate(trained.members):
        tensors[f"reference.latents.{i}"] = member.latents
        tensors[f"reference.seen.{i}"] = member.seen
        tensors |= {f"network.{i}.{name}": weight for name, weight in member.weights().items()}
    tensors |= {
        f"image.{resolution}.{library}": np.asarray(image)
        for library, entry in trained.spatial.items()
        for resolution, image in entry.get("images", {}).items()
    }
    header = {
        "settings": dataclasses.asdict(trained.settings),
        "scales": [member.scale for member in trained.members],
        "weights": [member.weight for member in trained.members],
        "usual_spread": _null(trained.usual_spread),
        "usual_likeness": [_null(value) for value in trained.usual_likeness],
        "explained": trained.explained,
        "genes": panel.genes.tolist(),
        "core": panel.n_core,
        "counts": panel.counts,
        "depth": panel.depth,
        "depth_genes": panel.depth_genes.tolist(),
        "scalefactors": {
            library: _plain(entry.get("scalefactors", {}))
            for library, entry in trained.spatial.items()
        },
        "card": trained.card,
    }
    checkpoint.save(path, tensors, header)


def load_model(path: str | Path) -> Trained:
    """Read a file written by :func:`save_model`.

    Raises
    ------
    DataError
        When the file is not there, damaged, or not a model of ours.
    """
    tensors, header = checkpoint.load(path)
    try:
        return _trained(tensors, header)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{path} is damaged: a part of the model is missing.") from error


def _trained(tensors: Mapping[str, np.ndarray], header: Mapping[str, Any]) -> Trained:
    settings = TrainingSettings(**header["settings"])
    panel = GenePanel(
        genes=np.asarray(header["genes"], str),
        n_core=header["core"],
        mean=tensors["panel.mean"],
        deviation=tensors["panel.deviation"],
        axes=tensors["panel.axes"],
        counts=header["counts"],
        depth=header["depth"],
        depth_genes=np.asarray(header["depth_genes"], str),
        depth_share=tensors["panel.depth_share"],
    )
    members = tuple(
        Member(
            _network(tensors, i, settings, panel.n_core),
            tensors[f"reference.latents.{i}"],
            scale,
            tensors[f"reference.seen.{i}"],
            weight,
        )
        for i, (scale, weight) in enumerate(zip(header["scales"], header["weights"], strict=True))
    )
    low, median = header["usual_likeness"]
    return Trained(
        settings=settings,
        panel=panel,
        members=members,
        coordinates=tensors["reference.coordinates"],
        expression=tensors["reference.expression"],
        usual_spread=_number(header["usual_spread"]),
        scores=tensors["calibration.scores"],
        block_scores=tensors["calibration.block_scores"],
        usual_likeness=(_number(low), _number(median)),
        explained=header["explained"],
        spatial=_spatial(tensors, header["scalefactors"]),
        card=header["card"],
    )


def _null(value: float) -> float | None:
    """What stands for a value in JSON."""
    return None if np.isnan(value) else value


def _number(value: float | None) -> float:
    """JSON has no NaN: it stands as null."""
    return np.nan if value is None else value


def _network(
    tensors: Mapping[str, np.ndarray], i: int, settings: TrainingSettings, n_core: int
) -> Network:
    prefix = f"network.{i}."
    weights = {
        name.removeprefix(prefix): torch.from_numpy(tensor)
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
    network = Network(n_core, settings.latent_dim, hidden=settings.hidden, axes=weights.get("axes"))
    network.load_state_dict(weights)
    return network.eval()


def _spatial(tensors: Mapping[str, np.ndarray], scalefactors: Mapping[str, Any]) -> dict[str, Any]:
    """``uns["spatial"]`` as it was."""
    spatial: dict[str, Any] = {
        library: {"images": {}, "scalefactors": factors}
        for library, factors in scalefactors.items()
    }
    for name, tensor in tensors.items():
        if name.startswith("image."):
            _, resolution, library = name.split(".", 2)
            spatial[library]["images"][resolution] = tensor
    return spatial


def _plain(value: Any) -> Any:
    """The value with numpy's scalars and arrays turned into what JSON can hold."""
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value
