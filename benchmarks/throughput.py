"""``python -m benchmarks.throughput``: how near training comes to the machine's matrix products.

A step of networks trained together, against the products alone of matrices of the same shapes, on
one thread. Prints GFLOP/s of both and the share.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch

from napari_dpvae import TrainingSettings
from napari_dpvae.network.inputs import COMPONENTS, Form
from napari_dpvae.network.network import Network
from napari_dpvae.network.pairs import make_pairs
from napari_dpvae.network.training import DECODED, NOISES, Batches, train

N_SPOTS, N_GENES, LATENT = 5000, 500, 2
EPOCHS = 5
NETWORKS: dict[Form, int] = {"genes": 3, "components": 5}
"""Of eight, as the default ensemble has them."""
Product = tuple[tuple[int, int, int], tuple[int, int, int]]
"""Shapes of two stacks of matrices."""


def main() -> None:
    torch.set_num_threads(1)
    for form, n in NETWORKS.items():
        settings = TrainingSettings(epochs=EPOCHS)
        products = shapes(form, n, settings)
        work = sum(2 * m * rows * inner * columns for (m, rows, inner), (_, _, columns) in products)
        step, alone = seconds_of_step(form, n, settings), seconds_of_products(products)
        print(
            f"{n} networks that read {form}: {work / step / 1e9:.0f} GFLOP/s, their products alone "
            f"{work / alone / 1e9:.0f}: {alone / step:.0%}"
        )


def shapes(form: Form, n: int, settings: TrainingSettings) -> list[Product]:
    """The products of a step: each layer forwards, and its gradients by weights and by inputs."""
    b, hidden = settings.batch_size, settings.hidden
    read = N_GENES if form == "genes" else COMPONENTS
    encoder = [(b, read, hidden), (b, hidden, hidden), (b, hidden, LATENT), (b, hidden, LATENT)]
    some = round(b * DECODED)
    decoder = [(some, LATENT, hidden), (some, hidden, hidden), (some, hidden, N_GENES)]
    found: list[Product] = []
    for rows, inner, columns in (*encoder, *decoder):
        found.append(((n, rows, inner), (n, inner, columns)))
        found.append(((n, inner, rows), (n, rows, columns)))
        found.append(((n, rows, columns), (n, columns, inner)))
    # Nobody asks for the gradient by what is read.
    del found[2]
    return found


def seconds_of_step(form: Form, n: int, settings: TrainingSettings) -> float:
    """CPU time of one step of n networks."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(N_SPOTS, N_GENES)).astype(np.float32))
    s, sections = rng.uniform(size=(N_SPOTS, 2)), np.zeros(N_SPOTS, int)
    noise = NOISES[form]["medium"]
    axes = torch.randn(COMPONENTS, N_GENES) if form == "components" else None
    networks = [
        Network(N_GENES, LATENT, hidden=settings.hidden, dropout=noise.dropout, axes=axes)
        for _ in range(n)
    ]
    pairs = make_pairs(settings, s, sections)
    rows, places = np.arange(N_SPOTS), torch.from_numpy(s.astype(np.float32))
    batches = [Batches(rows, places, pairs, noise, seed) for seed in range(n)]
    epochs = train(networks, x, batches, settings)
    next(epochs)
    start = time.thread_time()
    for _ in epochs:
        pass
    steps = (EPOCHS - 1) * -(-N_SPOTS // settings.batch_size)
    return (time.thread_time() - start) / steps


def seconds_of_products(products: list[Product]) -> float:
    """CPU time of all of them, one after the other."""
    pairs = [(torch.randn(a), torch.randn(b)) for a, b in products]

    def multiply() -> None:
        for a, b in pairs:
            torch.bmm(a, b)

    return min(timed(multiply) for _ in range(20))


def timed(work: Callable[[], None]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start


if __name__ == "__main__":
    main()
