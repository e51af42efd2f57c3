"""What the JSON header of a model file may hold."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from napari_dpvae.network.inputs import Form

LEAST, MOST = 1e-20, 1e20
"""No distance, scale or error of a tissue is beyond: their squares must not be either."""
Positive = Annotated[float, Field(ge=LEAST, le=MOST)]
NotNegative = Annotated[float, Field(ge=0, le=MOST)]
Share = Annotated[float, Field(ge=0, le=1)]
Correlation = Annotated[float, Field(ge=-2, le=2)]


class _Strict(BaseModel):
    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class Card(_Strict):
    """What a person wants to know of a model; the measures are those of held-out spots."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False, extra="allow")

    trained: Annotated[datetime, Field(strict=False)]
    spots: PositiveInt
    genes: PositiveInt
    epochs: str
    devices: list[str] = []
    stopped_at: str | None = None
    losses: dict[str, float] | None = None
    curve: dict[str, list[float]] | None = None
    curve_of: str | None = None
    regularisation: dict[Form, str] | None = None
    networks: PositiveInt | None = None
    ensemble_scale: Positive | None = None
    held_out_error: NotNegative | None = None


class Header(_Strict):
    """Everything about a model that is not an array."""

    settings: dict[str, Any]
    asked: dict[str, Any]
    scales: Annotated[list[Positive], Field(min_length=1)]
    weights: list[NotNegative]
    dropout: list[Share]
    usual_spread: NotNegative | None
    usual_apart: NotNegative | None
    regression_errors: list[Annotated[list[NotNegative], Field(min_length=2, max_length=2)]]
    usual_likeness: Annotated[list[Correlation | None], Field(min_length=2, max_length=2)]
    explained: Share
    genes: Annotated[list[str], Field(min_length=1)]
    core: PositiveInt
    counts: bool
    square_roots: bool
    depth: NotNegative
    depth_genes: list[str]
    other_names: dict[str, list[str]]
    scalefactors: dict[str, dict[str, Any]]
    card: dict[str, Any]
    section_key: str | None
    frame: str | None
