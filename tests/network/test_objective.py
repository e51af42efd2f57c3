"""The three terms of the objective against their definitions."""

import numpy as np
import pytest
import torch

from napari_dpvae.network.objective import distance_preserving, kl_divergence, reconstruction

Sample = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@pytest.fixture
def sample() -> Sample:
    """Latents (12, 3), coordinates (12, 2) and symmetric weights."""
    source = torch.Generator().manual_seed(0)
    z = torch.randn(12, 3, generator=source, dtype=torch.float64)
    s = torch.randn(12, 2, generator=source, dtype=torch.float64)
    half = torch.randint(0, 3, (12, 12), generator=source).float()
    return z, s, half.maximum(half.T)


def brute_force(z: np.ndarray, s: np.ndarray, scale: float, pairs: np.ndarray) -> float:
    total, weight = 0.0, 0.0
    for i in range(len(z)):
        for j in range(len(z)):
            if i != j and pairs[i, j]:
                latent, space = np.linalg.norm(z[i] - z[j]), np.linalg.norm(s[i] - s[j])
                total += pairs[i, j] * abs(latent - scale * space)
                weight += pairs[i, j]
    return total / weight


@pytest.mark.parametrize("scale", [0.2, 1.0, 3.0])
def test_distance_term_is_that_of_the_paper(sample: Sample, scale: float) -> None:
    z, s, pairs = sample
    expected = brute_force(z.numpy(), s.numpy(), scale, pairs.numpy())
    found = distance_preserving(z, s, torch.tensor(scale), pairs)
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_distance_term_is_zero_for_latents_that_are_scaled_coordinates(sample: Sample) -> None:
    _, s, pairs = sample
    assert distance_preserving(2 * s, s, torch.tensor(2.0), pairs).item() < 1e-6
    assert distance_preserving(2 * s, s, torch.tensor(1.0), pairs).item() > 0.1


def test_pairs_outside_the_mask_do_not_count(sample: Sample) -> None:
    z, s, _ = sample
    pairs = torch.ones(12, 12, dtype=torch.bool)
    pairs[5, :] = pairs[:, 5] = False
    before = distance_preserving(z, s, torch.tensor(1.0), pairs)
    z[5] += 100
    s[5] -= 100
    assert torch.equal(before, distance_preserving(z, s, torch.tensor(1.0), pairs))


def test_an_empty_mask_costs_nothing_and_teaches_nothing(sample: Sample) -> None:
    z, s, _ = sample
    z.requires_grad_()
    loss = distance_preserving(z, s, torch.tensor(1.0), torch.zeros(12, 12, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert z.grad is not None
    assert not z.grad.any()


def test_a_batch_without_pairs_poisons_nothing_whatever_the_weight(sample: Sample) -> None:
    z, s, _ = (part.float().requires_grad_() for part in sample)
    (1e5 * distance_preserving(z, s, torch.tensor(1.0), torch.zeros(12, 12))).backward()
    assert z.grad is not None and torch.isfinite(z.grad).all()


def test_no_mask_is_the_mask_of_all_pairs(sample: Sample) -> None:
    z, s, _ = sample
    scale = torch.tensor(0.7)
    masked = distance_preserving(z, s, scale, torch.ones(12, 12))
    torch.testing.assert_close(distance_preserving(z, s, scale, None), masked)


def test_networks_that_are_stacked_have_the_mean_of_their_losses(sample: Sample) -> None:
    z, s, pairs = sample
    both_z, both_s = torch.stack([z, z.flip(0)]), torch.stack([s, 3 * s])
    scales = torch.tensor([0.5, 2.0])
    each = [distance_preserving(both_z[i], both_s[i], scales[i], pairs).item() for i in range(2)]
    both = distance_preserving(both_z, both_s, scales, torch.stack([pairs, pairs]))
    assert both.item() == pytest.approx(np.mean(each))


def by_autograd(
    z: torch.Tensor, s: torch.Tensor, scale: torch.Tensor, pairs: torch.Tensor
) -> torch.Tensor:
    """The term of one network as torch's functions give it, for spots that lie apart."""
    i, j = torch.triu_indices(len(z), len(z), 1)
    off = (z[i] - z[j]).norm(dim=1) - scale * (s[i] - s[j]).norm(dim=1)
    return (pairs[i, j] * off.abs()).sum() / pairs[i, j].sum()


@pytest.mark.parametrize("latent_dim", [2, 3, 6])
def test_gradient_is_that_of_torch(latent_dim: int) -> None:
    source = torch.Generator().manual_seed(latent_dim)
    z, s, half = (
        torch.randn(2, 9, size, generator=source, dtype=torch.float64)
        for size in (latent_dim, 2, 9)
    )
    z.requires_grad_()
    scale = torch.tensor([0.4, 1.7], dtype=torch.float64, requires_grad=True)
    pairs = (half + half.mT).abs()
    expected = sum(by_autograd(z[k], s[k], scale[k], pairs[k]) for k in range(2)) / 2
    found = distance_preserving(z, s, scale, pairs)
    torch.testing.assert_close(found, expected)
    # Of what is made of the term, as the objective multiplies it.
    wanted = torch.autograd.grad(5 * expected, (z, scale))
    torch.testing.assert_close(torch.autograd.grad(5 * found, (z, scale)), wanted)


def test_spots_in_one_place_pull_nowhere_and_the_others_still_do(sample: Sample) -> None:
    z, s, _ = sample
    z[1] = z[0]
    z.requires_grad_()
    everyone = torch.ones(12, 12, dtype=torch.float64)
    found = distance_preserving(z, s, torch.tensor(1.0), everyone)
    i, j = torch.triu_indices(12, 12, 1)[:, 1:]
    off = (z[i] - z[j]).norm(dim=1) - (s[i] - s[j]).norm(dim=1)
    wanted = torch.autograd.grad(off.abs().sum() / 66, z)
    torch.testing.assert_close(torch.autograd.grad(found, z), wanted)


@pytest.mark.parametrize("pairs", [None, torch.full((2, 2), 0.1)])
def test_two_spots_are_a_pair_and_one_is_none(pairs: torch.Tensor | None) -> None:
    z, s = torch.tensor([[0.0, 0.0], [3.0, 4.0]]), torch.tensor([[0.0, 1.0], [0.0, 3.0]])
    assert distance_preserving(z, s, torch.tensor(2.0), pairs).item() == pytest.approx(1)
    one = None if pairs is None else pairs[:1, :1]
    assert distance_preserving(z[:1], s[:1], torch.tensor(2.0), one).item() == 0


def test_gradient_is_finite_where_latents_coincide(sample: Sample) -> None:
    _, s, pairs = sample
    z = torch.zeros(12, 3, dtype=torch.float64, requires_grad=True)
    scale = torch.tensor(1.0, requires_grad=True)
    distance_preserving(z, s, scale, pairs).backward()
    assert z.grad is not None
    assert scale.grad is not None
    assert torch.isfinite(z.grad).all()
    assert torch.isfinite(scale.grad)


def test_a_descent_step_lowers_the_distance_term(sample: Sample) -> None:
    z, s, pairs = sample
    z.requires_grad_()
    before = distance_preserving(z, s, torch.tensor(1.0), pairs)
    before.backward()
    assert z.grad is not None
    after = distance_preserving(z - 0.01 * z.grad, s, torch.tensor(1.0), pairs)
    assert after < before


def test_kl_is_that_of_torch_divided_by_the_genes(sample: Sample) -> None:
    mean, log_variance = sample[0], sample[0].flip(0)
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    unit = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = torch.distributions.kl_divergence(q, unit).sum(dim=1).mean() / 50
    torch.testing.assert_close(kl_divergence(mean, log_variance, 50), expected)


def test_kl_of_the_unit_gaussian_is_zero() -> None:
    assert kl_divergence(torch.zeros(4, 2), torch.zeros(4, 2), 10).item() == 0


def test_reconstruction_is_the_mean_squared_error(sample: Sample) -> None:
    x, decoded = sample[0], sample[0].flip(0)
    torch.testing.assert_close(reconstruction(x, decoded), torch.nn.functional.mse_loss(decoded, x))


def test_genes_that_were_not_measured_do_not_count() -> None:
    x, decoded = torch.full((4, 6), 2.0), torch.ones(4, 6)
    decoded[:, 3:] = 100.0
    measured = torch.ones(4, 6)
    measured[:, 3:] = 0.0
    assert reconstruction(x, decoded, measured).item() == 1.0
    assert reconstruction(x, decoded).item() > 1000


def test_networks_that_are_stacked_have_the_mean_of_their_reconstructions() -> None:
    """Each is a mean over what it measured, however much the others did."""
    x, decoded = torch.zeros(2, 4, 6), torch.ones(2, 4, 6)
    decoded[1] = 3.0
    measured = torch.ones(2, 4, 6)
    measured[1, :, 1:] = 0.0
    assert reconstruction(x, decoded, measured).item() == pytest.approx((1 + 9) / 2)
    mean = torch.stack([torch.zeros(4, 2), torch.ones(4, 2)])
    assert kl_divergence(mean, torch.zeros(2, 4, 2), 5).item() == pytest.approx((0 + 1) / 2 / 5)
