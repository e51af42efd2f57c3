"""Training: reproducible, tidy, and it minimises what it says."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_dpvae.network.device import find_devices
from napari_dpvae.network.network import Network
from napari_dpvae.network.pairs import SectionPairs
from napari_dpvae.network.training import NOISES, Batches, Losses, Noise, _Run, train
from napari_dpvae.settings import TrainingSettings

SETTINGS = TrainingSettings(epochs=8, batch_size=32, device="cpu")
N, GENES = 80, 12
Weights = dict[str, torch.Tensor]


def spots() -> tuple[torch.Tensor, torch.Tensor]:
    """Expression (N, GENES) that follows coordinates (N, 2)."""
    rng = np.random.default_rng(0)
    s = rng.normal(size=(N, 2))
    x = np.tanh(s @ rng.normal(size=(2, GENES))) + 0.1 * rng.normal(size=(N, GENES))
    return torch.from_numpy(x.astype(np.float32)), torch.from_numpy(s.astype(np.float32))


def new_network(settings: TrainingSettings) -> Network:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return Network(GENES, 2, hidden=16, dropout=0.1, fixed_lambda=settings.fixed_lambda)


def epochs(
    settings: TrainingSettings, s: torch.Tensor | None = None
) -> tuple[Network, Iterator[Losses]]:
    x, own = spots()
    network = new_network(settings)
    return network, train([network], x, [batches(settings, own if s is None else s)], settings)


def batches(settings: TrainingSettings, s: torch.Tensor, n: int = N) -> Batches:
    pairs = SectionPairs(np.zeros(n, int))
    return Batches(np.arange(n), s[:n], pairs, Noise(0.1, 0.1), settings.seed)


def trained_weights(settings: TrainingSettings, s: torch.Tensor | None = None) -> Weights:
    network, steps = epochs(settings, s)
    list(steps)
    return network.state_dict()


def same(a: Weights, b: Weights) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


def test_the_same_seed_gives_bitwise_the_same_weights() -> None:
    assert same(trained_weights(SETTINGS), trained_weights(SETTINGS))


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before_or_between() -> None:
    torch.manual_seed(99)
    network, steps = epochs(SETTINGS)
    for _ in steps:
        torch.rand(5)
        np.random.rand(5)
    assert same(network.state_dict(), trained_weights(SETTINGS))


def test_another_seed_gives_other_weights() -> None:
    assert not same(trained_weights(SETTINGS), trained_weights(replace(SETTINGS, seed=1)))


def test_the_global_random_states_are_left_as_they_were() -> None:
    torch.manual_seed(3)
    before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    trained_weights(SETTINGS)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_before)


def test_the_number_of_threads_is_given_back_after_every_epoch() -> None:
    before = torch.get_num_threads()
    _, steps = epochs(SETTINGS)
    next(steps)
    assert torch.get_num_threads() == before


def test_a_fixed_lambda_stays_fixed() -> None:
    network, steps = epochs(replace(SETTINGS, fixed_lambda=0.7))
    list(steps)
    assert network.scale.item() == pytest.approx(0.7, rel=1e-6)


def test_a_learned_lambda_moves() -> None:
    network, steps = epochs(SETTINGS)
    assert network.scale.item() == 1
    list(steps)
    assert abs(network.scale.item() - 1) > 1e-3


def test_the_distance_loss_goes_down() -> None:
    losses = list(epochs(replace(SETTINGS, epochs=40))[1])
    assert losses[-1].distance < 0.5 * losses[0].distance


def test_the_reconstruction_goes_down_without_the_distance_term() -> None:
    losses = list(epochs(replace(SETTINGS, epochs=40, alpha2=0.0))[1])
    assert losses[-1].reconstruction < 0.7 * losses[0].reconstruction


def test_without_the_distance_term_coordinates_have_no_influence() -> None:
    vanilla = replace(SETTINGS, alpha2=0.0)
    moved = spots()[1].flip(0) * 5
    assert same(trained_weights(vanilla), trained_weights(vanilla, moved))
    assert not same(trained_weights(SETTINGS), trained_weights(SETTINGS, moved))


def test_a_report_comes_after_every_epoch_and_the_network_is_ready_then() -> None:
    network, steps = epochs(SETTINGS)
    reports = []
    for losses in steps:
        assert not network.training
        assert np.isfinite(losses).all()
        reports.append(losses)
    assert len(reports) == SETTINGS.epochs


def test_a_strong_distance_term_stays_finite() -> None:
    losses = list(epochs(replace(SETTINGS, alpha2=1e5))[1])
    assert np.isfinite(losses).all()


def test_one_spot_more_than_the_batches_hold_is_trained_on() -> None:
    losses = list(epochs(replace(SETTINGS, batch_size=N - 1))[1])
    assert np.isfinite(losses).all()


def test_networks_that_are_trained_together_do_not_know_of_each_other() -> None:
    """The first of two learns the same, whatever the other one sees of the spots."""
    x, s = spots()
    weights = []
    for other in (s, s.flip(0)):
        networks = [new_network(SETTINGS), new_network(SETTINGS)]
        both = [batches(SETTINGS, s), batches(replace(SETTINGS, seed=5), other)]
        list(train(networks, x, both, SETTINGS))
        weights.append([network.state_dict() for network in networks])
    assert same(weights[0][0], weights[1][0])
    assert not same(weights[0][1], weights[1][1])
    assert not same(weights[0][0], weights[0][1])


def test_a_network_that_sees_fewer_spots_than_another_is_trained_on_them_alone() -> None:
    x, s = spots()
    x[70:] = torch.nan
    networks = [new_network(SETTINGS), new_network(SETTINGS)]
    list(train(networks, x, [batches(SETTINGS, s, 70), batches(SETTINGS, s, 60)], SETTINGS))
    assert all(torch.isfinite(weight).all() for n in networks for weight in n.parameters())


def test_components_are_read_with_the_noise_that_genes_would_give_them() -> None:
    """Noise of a deviation of 0.5: its covariance is 0.25 A A'."""
    axes = torch.randn(3, GENES, generator=torch.Generator().manual_seed(0))
    network = Network(GENES, 2, hidden=16, axes=axes)
    many = Batches(
        np.arange(4000), torch.zeros(4000, 2), SectionPairs(np.zeros(4000, int)), Noise(0.5, 0), 0
    )
    core, components = torch.zeros(4000, GENES), torch.zeros(4000, 3)
    run = _Run([network], core, [many], SETTINGS, components, None)
    read = run._noise_on(4000)[0]
    expected = 0.25 * axes @ axes.T
    assert torch.allclose(torch.cov(read.T), expected, atol=0.06 * expected.abs().max())


@pytest.mark.parametrize("noises", NOISES.values(), ids=NOISES)
def test_stronger_regularisation_has_more_of_each_noise(noises: dict[str, Noise]) -> None:
    strong, medium, light = noises["strong"], noises["medium"], noises["light"]
    assert strong.inputs > medium.inputs > light.inputs
    assert strong.dropout > medium.dropout > light.dropout


def test_a_device_that_is_not_there_is_refused() -> None:
    assert find_devices("cpu") == (torch.device("cpu"),)
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ValueError, match="cuda is not on this machine"):
        find_devices("cuda")


def test_all_takes_every_graphics_card_and_auto_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(device) for device in find_devices("all")] == ["cuda:0", "cuda:1"]
    assert find_devices("auto") == (torch.device("cuda"),)


def test_all_takes_what_there_is_where_there_is_no_card() -> None:
    if not torch.cuda.is_available():
        assert find_devices("all") == find_devices("auto")
