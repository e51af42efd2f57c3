"""A stack computes what its networks do, and their gradients, whatever their number."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.testing import assert_close

from napari_dpvae.network.network import Network
from napari_dpvae.network.stack import Stack

N, GENES, LATENT = 40, 30, 3


def made() -> tuple[list[Network], Stack]:
    """Three networks with odd gains and shifts, and a stack of the same."""
    torch.manual_seed(0)
    networks = [Network(GENES, LATENT, hidden=16, dropout=0.0) for _ in range(3)]
    alike = [Network(GENES, LATENT, hidden=16, dropout=0.0) for _ in range(3)]
    for network, other in zip(networks, alike, strict=True):
        for weight in network.parameters():
            weight.data += 0.3 * torch.randn(weight.shape)
        other.load_state_dict(network.state_dict())
    return networks, Stack(alike, N, torch.Generator().manual_seed(1), np.random.default_rng(1))


def read() -> Tensor:
    return 3 * torch.randn(3, N, GENES, generator=torch.Generator().manual_seed(2))


def test_a_stack_encodes_and_decodes_as_its_networks_do() -> None:
    networks, stack = made()
    mean, log_variance = stack.encode(read())
    decoded = stack.decode(mean)
    for number, network in enumerate(networks):
        own_mean, own_log_variance = network.encode(read()[number], read()[number])
        assert_close(mean[number], own_mean, rtol=1e-4, atol=1e-5)
        assert_close(log_variance[number], own_log_variance, rtol=1e-4, atol=1e-5)
        assert_close(decoded[number], network.decode(own_mean), rtol=1e-4, atol=1e-5)


def test_the_gradients_of_a_stack_are_those_of_its_networks() -> None:
    networks, stack = made()
    mean, log_variance = stack.encode(read())
    (mean.sin().sum() + log_variance.sum() + stack.decode(mean).square().sum()).backward()
    for number, network in enumerate(networks):
        mean, log_variance = network.encode(read()[number], read()[number])
        (mean.sin().sum() + log_variance.sum() + network.decode(mean).square().sum()).backward()
        for name, weight in network.named_parameters():
            if weight.grad is not None:
                found = stack.weights[name].grad
                assert found is not None
                assert_close(found[number], weight.grad, rtol=1e-4, atol=1e-4, msg=name)
