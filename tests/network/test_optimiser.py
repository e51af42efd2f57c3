"""The optimiser is torch's own, and imports no compiler."""

import sys

import numpy as np
import pytest
import torch
from tests.conftest import Elsewhere

from napari_dpvae.network.optimiser import OneCycleAdamW, one_cycle


@pytest.mark.parametrize("steps", [2, 3, 7, 150])
def test_rate_and_momentum_are_those_of_torch(steps: int) -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    torch_s = torch.optim.AdamW([weight], lr=0.003)
    schedule = torch.optim.lr_scheduler.OneCycleLR(torch_s, 0.003, total_steps=steps)
    for step in range(steps):
        rate, momentum = one_cycle(step, steps)
        group = torch_s.param_groups[0]
        assert rate * 0.003 == pytest.approx(group["lr"], rel=1e-9)
        assert momentum == pytest.approx(group["betas"][0], rel=1e-9)
        torch_s.step()
        if step < steps - 1:
            schedule.step()


def test_weights_go_where_torch_takes_them() -> None:
    start, target = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), torch.ones(6, 4)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    mine = OneCycleAdamW([ours], 0.01, 40)
    torch_s = torch.optim.AdamW([theirs], lr=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(torch_s, 0.01, total_steps=40)
    for _ in range(40):
        for weight, optimiser in ((ours, mine), (theirs, torch_s)):
            (weight - target).square().sum().backward()
            optimiser.step()
            weight.grad = None
        if schedule.last_epoch < 39:
            schedule.step()
    np.testing.assert_allclose(ours.detach(), theirs.detach(), rtol=1e-5)
    assert not torch.allclose(ours, start)


def step_without_a_compiler() -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    optimiser = OneCycleAdamW([weight], 0.1, 5)
    weight.sum().backward()
    optimiser.step()
    assert "torch._dynamo" not in sys.modules


def test_training_imports_no_compiler(elsewhere: Elsewhere) -> None:
    work = elsewhere(step_without_a_compiler)
    work.join(120)
    assert work.exitcode == 0
