import numpy as np
import torch

from napari_dpvae.network.drawn import STEPS, Drawn

N, WIDTH = 10, 3


def numbered(n: int) -> torch.Tensor:
    """(1, n, 3) rows that say which they are."""
    return torch.arange(n)[None, :, None].expand(1, n, WIDTH)


def test_a_step_takes_rows_that_follow_each_other_and_begin_anywhere() -> None:
    drawn = Drawn(numbered, N, np.random.default_rng(0))
    firsts = []
    for _ in range(1000):
        taken = drawn.take(N)[0, :, 0]
        assert taken.diff().eq(1).all()
        firsts.append(int(taken[0]))
    assert set(firsts) == set(range(N * (STEPS - 1) + 1))


def test_the_same_seed_takes_the_same_rows() -> None:
    def begins(seed: int) -> list[int]:
        drawn = Drawn(numbered, N, np.random.default_rng(seed))
        return [int(drawn.take(5)[0, 0, 0]) for _ in range(20)]

    assert begins(1) == begins(1)
    assert begins(1) != begins(2)
