"""Groups of networks are dealt over the devices that there are."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from napari_dpvae import DPVAE, TrainingSettings, model_card
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.training import fitting, group

TWO = (torch.device("cpu"), torch.device("cpu", 0))


def test_groups_are_dealt_over_all_devices_and_the_model_is_the_same(
    phantom: Phantom, hasty: TrainingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = DPVAE(hasty).fit(phantom.reference)
    dealt: list[torch.device] = []

    class Heard(group.Group):
        def __init__(self, runs: Any, plan: Any, spots: Any, device: Any, pairs: Any) -> None:
            dealt.append(device)
            super().__init__(runs, plan, spots, device, pairs)

    monkeypatch.setattr(group, "Group", Heard)
    monkeypatch.setattr(fitting, "find_devices", lambda name: TWO)
    several = DPVAE(hasty).fit(phantom.reference)
    assert set(dealt) == set(TWO)
    assert several.trained.model_hash() == one.trained.model_hash()
    assert one.card["devices"] == ["cpu"] and several.card["devices"] == ["cpu", "cpu:0"]
    assert "computed on: cpu, cpu:0" in model_card(several)
