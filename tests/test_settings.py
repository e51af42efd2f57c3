"""Settings: every field explained and in range, bad values refused."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from napari_dpvae import PlacementSettings, TrainingSettings

FIELDS = [
    pytest.param(kind, spec, id=f"{kind.__name__}.{spec.name}")
    for kind in (TrainingSettings, PlacementSettings)
    for spec in dataclasses.fields(kind)
]


@pytest.mark.parametrize(("kind", "spec"), FIELDS)
def test_every_field_is_explained_in_whole_sentences(
    kind: type, spec: dataclasses.Field[Any]
) -> None:
    assert len(spec.metadata["help"]) > 20
    assert spec.metadata["help"].endswith(".")


@pytest.mark.parametrize(("kind", "spec"), FIELDS)
def test_the_ends_of_a_range_are_allowed_and_beyond_them_is_not(
    kind: type, spec: dataclasses.Field[Any]
) -> None:
    for end, beyond in (("low", -1), ("high", 1)):
        bound = spec.metadata[end]
        if bound is None:
            continue
        assert getattr(kind(**{spec.name: bound}), spec.name) == bound
        with pytest.raises(ValueError, match=spec.name):
            kind(**{spec.name: bound + beyond})


@pytest.mark.parametrize(
    "change",
    [
        {"epochs": 2.5},
        {"epochs": "many"},
        {"epochs": True},
        {"epochs": None},
        {"epochs": float("inf")},
        {"alpha2": float("nan")},
        {"alpha2": float("inf")},
        {"mask": "some"},
        {"device": "abacus"},
        {"regularisation": None},
    ],
    ids=str,
)
def test_a_value_of_the_wrong_kind_is_refused(change: dict[str, Any]) -> None:
    (name,) = change
    with pytest.raises(ValueError, match=name):
        TrainingSettings(**change)


def test_a_changed_copy_is_checked_too() -> None:
    with pytest.raises(ValueError, match="anchors"):
        dataclasses.replace(PlacementSettings(), anchors=0)


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainingSettings().epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize("whole", [3.0, np.int64(3)], ids=["float", "numpy"])
def test_a_whole_number_is_kept_as_an_int_whatever_its_type(whole: Any) -> None:
    assert type(TrainingSettings(epochs=whole).epochs) is int
