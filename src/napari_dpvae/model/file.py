"""A trained model as one file, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from napari_dpvae.errors import DataError
from napari_dpvae.expression.normalise import Statistics
from napari_dpvae.expression.panel import GenePanel
from napari_dpvae.geometry.regression import Regression
from napari_dpvae.model import checkpoint
from napari_dpvae.model.header import MOST, Card, Header
from napari_dpvae.model.member import Member
from napari_dpvae.model.trained import Trained
from napari_dpvae.network.inputs import Form
from napari_dpvae.network.network import Network
from napari_dpvae.network.training import NOISES
from napari_dpvae.settings import TrainingSettings

LARGEST_WEIGHT = 1e6
"""Of a network: with larger ones its numbers can leave single precision. Training gives about 1."""
Tensors = dict[str, np.ndarray]


def save_model(trained: Trained, path: str | Path) -> None:
    """Write everything to one safetensors file.

    Raises
    ------
    DataError
        When the file cannot be written.
    """
    checkpoint.save(path, _tensors(trained), _header(trained))


def load_model(path: str | Path) -> Trained:
    """Read a file written by :func:`save_model`.

    Raises
    ------
    DataError
        When the file is not there, damaged, or not a model of ours.
    """
    tensors, header = checkpoint.load(path)
    try:
        if header["version"] == 1:
            tensors, header = _of_version_1(tensors, header)
        if header["version"] < 3:
            header = _of_version_2(header)
        if header["version"] < 4:
            tensors, header = _of_version_3(tensors, header)
        return _trained(tensors, Header.model_validate(header), header["card"])
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise DataError(f"{path} is damaged: its header does not hold '{where}' as it must.") from (
            error
        )
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{path} is damaged: a part of the model is missing or wrong.") from error


def _tensors(trained: Trained) -> dict[str, np.ndarray]:
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
        "panel.pattern": panel.pattern,
    }
    for name, statistics in (("tuned", trained.tuned_to), ("panel.root", panel.root_statistics)):
        if statistics is not None:
            tensors |= {f"{name}.{of}": part for of, part in statistics._asdict().items()}
    for i, member in enumerate(trained.members):
        tensors[f"reference.latents.{i}"] = member.latents
        tensors[f"reference.trained_on.{i}"] = member.trained_on
        tensors |= {f"network.{i}.{name}": weight for name, weight in member.weights().items()}
        if member.regression is not None:
            tensors[f"regression.coefficients.{i}"] = member.regression.coefficients
            tensors[f"regression.intercept.{i}"] = member.regression.intercept
    return tensors | {
        f"image.{resolution}.{library}": np.asarray(image)
        for library, entry in trained.spatial.items()
        for resolution, image in entry.get("images", {}).items()
    }


def _header(trained: Trained) -> dict[str, Any]:
    panel = trained.panel
    return {
        "settings": dataclasses.asdict(trained.settings),
        "asked": dataclasses.asdict(trained.asked),
        "scales": [member.scale for member in trained.members],
        "weights": [member.weight for member in trained.members],
        "dropout": [member.network.dropout for member in trained.members],
        "regression_errors": [
            (member.regression.error, member.regression.anchors_error)
            for member in trained.members
            if member.regression is not None
        ],
        "usual_spread": _null(trained.usual_spread),
        "usual_apart": _null(trained.usual_apart),
        "usual_likeness": [_null(value) for value in trained.usual_likeness],
        "explained": trained.explained,
        "genes": panel.genes.tolist(),
        "core": panel.n_core,
        "counts": panel.counts,
        "square_roots": panel.root_statistics is not None,
        "depth": panel.depth,
        "depth_genes": panel.depth_genes.tolist(),
        "other_names": panel.other_names,
        "scalefactors": {
            library: entry.get("scalefactors", {}) for library, entry in trained.spatial.items()
        },
        "card": trained.card,
        "section_key": trained.section_key,
        "frame": trained.frame,
    }


def _of_version_1(tensors: Tensors, header: Mapping[str, Any]) -> tuple[Tensors, dict[str, Any]]:
    """A file of before, with what it did not hold: networks went on training without dropout."""
    used = header["card"].get("regularisation", {})
    forms: list[Form] = [
        "components" if f"network.{i}.axes" in tensors else "genes"
        for i in range(len(header["scales"]))
    ]
    dropout = [NOISES[form][used[form]].dropout if form in used else 0.0 for form in forms]
    renamed = {
        name.replace("reference.seen.", "reference.trained_on."): tensor
        for name, tensor in tensors.items()
    }
    frame = header["settings"]["frame"] or None
    added = {
        "asked": header["settings"],
        "dropout": dropout,
        "other_names": {},
        "section_key": None,
        "frame": frame,
    }
    return renamed, {**header, **added}


def _of_version_2(header: Mapping[str, Any]) -> dict[str, Any]:
    """A file of before: anchors alone decided, whatever the default is now."""
    asked, settings = ({**header[name], "regression": False} for name in ("asked", "settings"))
    return {
        **header,
        "asked": asked,
        "settings": settings,
        "usual_apart": None,
        "regression_errors": [],
    }


def _of_version_3(tensors: Tensors, header: Mapping[str, Any]) -> tuple[Tensors, dict[str, Any]]:
    """A file of before: components were of logarithms, and all genes counted alike in them."""
    alike = {"panel.pattern": np.ones_like(tensors["panel.deviation"])}
    return tensors | alike, {**header, "square_roots": False}


def _trained(tensors: Tensors, header: Header, card: dict[str, Any]) -> Trained:
    Card.model_validate(card)
    settings = TrainingSettings(**header.settings)
    panel = _panel(tensors, header)
    n_anchors = len(tensors["reference.coordinates"])
    low, median = header.usual_likeness
    return Trained(
        settings=settings,
        asked=TrainingSettings(**header.asked),
        panel=panel,
        members=_members(tensors, header, settings, n_anchors),
        coordinates=_array(tensors, "reference.coordinates", (n_anchors, None)),
        expression=_array(tensors, "reference.expression", (n_anchors, len(panel.genes))),
        usual_spread=_number(header.usual_spread),
        usual_apart=_number(header.usual_apart),
        scores=_array(tensors, "calibration.scores", (None,)),
        block_scores=_array(tensors, "calibration.block_scores", (None,)),
        usual_likeness=(_number(low), _number(median)),
        explained=header.explained,
        spatial=_spatial(tensors, header.scalefactors),
        card=card,
        section_key=header.section_key,
        frame=header.frame,
        tuned_to=_statistics(tensors, "tuned", len(panel.genes))
        if "tuned.mean" in tensors
        else None,
    )


def _array(tensors: Tensors, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """A tensor of numbers in their bounds and of a shape; None is any length.

    Raises
    ------
    ValueError
        Where it is otherwise.
    """
    tensor = tensors[name]
    alike = len(tensor.shape) == len(shape) and all(
        asked is None or found == asked for found, asked in zip(tensor.shape, shape, strict=True)
    )
    # Of what is no number neither holds.
    within = not tensor.size or (-MOST <= tensor.min() and tensor.max() <= MOST)
    if not (alike and within):
        raise ValueError(f"{name} is damaged")
    return tensor


def _panel(tensors: Tensors, header: Header) -> GenePanel:
    genes, n_genes = np.asarray(header.genes, str), len(header.genes)
    if len(set(header.genes)) < n_genes or header.core > n_genes:
        raise ValueError("genes are damaged")
    n_named = len(header.depth_genes) if header.counts else n_genes
    if any(len(names) != n_named for names in header.other_names.values()):
        raise ValueError("names of genes are damaged")
    mean, deviation = _statistics(tensors, "panel", n_genes)
    return GenePanel(
        genes=genes,
        n_core=header.core,
        mean=mean,
        deviation=deviation,
        axes=_array(tensors, "panel.axes", (None, header.core)),
        counts=header.counts,
        depth=header.depth,
        depth_genes=np.asarray(header.depth_genes, str),
        depth_share=_array(tensors, "panel.depth_share", (len(header.depth_genes),)),
        pattern=_array(tensors, "panel.pattern", (n_genes,)),
        other_names=header.other_names,
        root_statistics=_statistics(tensors, "panel.root", n_genes)
        if header.square_roots
        else None,
    )


def _statistics(tensors: Tensors, name: str, n_genes: int) -> Statistics:
    mean, deviation = (_array(tensors, f"{name}.{of}", (n_genes,)) for of in Statistics._fields)
    if not (deviation > 0).all():
        raise ValueError("deviations are damaged")
    return Statistics(mean, deviation)


def _members(
    tensors: Tensors, header: Header, settings: TrainingSettings, n_anchors: int
) -> tuple[Member, ...]:
    if sum(header.weights) <= 0:
        raise ValueError("weights are damaged")
    members = []
    none: list[list[float] | None] = [None] * len(header.scales)
    errors = header.regression_errors or none
    parts = zip(header.scales, header.weights, header.dropout, errors, strict=True)
    for i, (scale, weight, dropout, both) in enumerate(parts):
        latents = _array(tensors, f"reference.latents.{i}", (n_anchors, settings.latent_dim))
        trained_on = _array(tensors, f"reference.trained_on.{i}", (n_anchors,)).astype(bool)
        network = _network(tensors, i, settings, header.core, dropout)
        if network.n_read > len(header.genes) or not trained_on.any():
            raise ValueError("networks are damaged")
        regression = None if both is None else _regression(tensors, i, header, both)
        members.append(Member(network, latents, scale, trained_on, weight, regression))
    return tuple(members)


def _regression(tensors: Tensors, i: int, header: Header, errors: Sequence[float]) -> Regression:
    dims = tensors["reference.coordinates"].shape[1]
    return Regression(
        _array(tensors, f"regression.coefficients.{i}", (len(header.genes), dims)),
        _array(tensors, f"regression.intercept.{i}", (dims,)),
        *errors,
    )


def _network(
    tensors: Tensors, i: int, settings: TrainingSettings, n_core: int, dropout: float
) -> Network:
    prefix = f"network.{i}."
    weights = {
        name.removeprefix(prefix): torch.from_numpy(_array(tensors, name, (None,) * tensor.ndim))
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
    if any(weight.abs().max() > LARGEST_WEIGHT for weight in weights.values()):
        raise ValueError("networks are damaged")
    if len(weights["encoder.0.bias"]) != settings.hidden:
        # Before as many units are made as the settings say.
        raise ValueError("settings are damaged")
    network = Network(
        n_core,
        settings.latent_dim,
        hidden=settings.hidden,
        dropout=dropout,
        fixed_lambda=settings.fixed_lambda,
        axes=weights.get("axes"),
    )
    network.load_state_dict(weights)
    return network.eval()


def _spatial(tensors: Tensors, scalefactors: Mapping[str, Any]) -> dict[str, Any]:
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


def _null(value: float) -> float | None:
    """What stands for a value in JSON."""
    return None if np.isnan(value) else value


def _number(value: float | None) -> float:
    """JSON has no NaN: it stands as null."""
    return np.nan if value is None else value
