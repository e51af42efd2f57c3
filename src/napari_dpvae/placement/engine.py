"""Who solves chunks of cells: threads of this process, or the workers of a Dask cluster."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from napari_dpvae.data.unfinished import Unfinished
from napari_dpvae.errors import DataError
from napari_dpvae.geometry.domain import Domain
from napari_dpvae.network.device import one_thread
from napari_dpvae.placement.solve import Solved, Solver
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.steps import by_threads, in_order

PATIENCE = "10s"
"""For a scheduler to answer."""


@dataclass(frozen=True)
class Work:
    """What is done to each chunk; it can be sent to another machine, as it holds no cells."""

    solver: Solver
    n_anchors: int
    domain: Domain

    def __call__(self, values: sparse.csr_matrix) -> Solved:
        """Solve cells, whose log-normalised expression is given."""
        cells = self.solver.query.aligned.standardised(values)
        return self.solver.solve(cells, self.n_anchors, self.domain)


@dataclass(frozen=True)
class Engine:
    """Solves the cells of a query, a chunk at a time.

    Whoever solves, chunks are the same, and so are results.

    Attributes
    ----------
    client
        Of a Dask cluster, a ``distributed.Client``; threads of this process if not given.
    kept
        Chunks that are solved already, and where others are written to; none if not given.
    """

    client: Any = None
    kept: Unfinished | None = None

    def solve(self, solver: Solver, n_anchors: int, domain: Domain) -> Iterator[Solved]:
        """All chunks of the solver's query, in their order."""
        expression = solver.query.aligned.expression
        work = Work(solver.without_cells(), n_anchors, domain)
        chunks = list(enumerate(expression.rows()))
        missing = [rows for number, rows in chunks if not self._is_kept(number)]
        if self.client is None:
            solved = by_threads(lambda rows: work(expression.read(rows)), missing)
        else:
            solved = on_cluster(self.client, work, map(expression.read, missing))
        with one_thread():
            for number, _ in chunks:
                yield self._of_chunk(number, solved)

    def _is_kept(self, number: int) -> bool:
        return self.kept is not None and number in self.kept

    def _of_chunk(self, number: int, solved: Iterator[Solved]) -> Solved:
        if self.kept is None:
            return next(solved)
        if number in self.kept:
            return Solved(**self.kept.read(number))
        found = next(solved)
        self.kept.keep(number, found._asdict())
        return found


LOCAL = Engine()
"""Threads of this process, which keep nothing."""


def solve_steps(
    engine: Engine,
    solver: Solver,
    settings: PlacementSettings,
    domain: Domain,
    known: np.ndarray,
) -> Generator[float, None, Solved]:
    """Yield the share of cells done, and return where they lie; known places (n, d) are kept."""
    aligned, fixed = solver.query.aligned, np.isfinite(known).all(axis=1)
    if fixed.any():
        solver = solver.with_anchors(aligned.read(fixed), known[fixed])
    solver = solver.shared_out(settings.anchors, domain)
    if settings.mode == "free":
        solved = solver.solve_free(domain)
    else:
        parts: list[Solved] = []
        done = 0
        for part in engine.solve(solver, settings.anchors, domain):
            parts.append(part)
            done += len(part.points)
            yield done / aligned.n_cells
        solved = Solved.joined(parts)
    solved.points[fixed] = known[fixed]
    return solved


def on_cluster(client: Any, work: Work, chunks: Iterable[sparse.csr_matrix]) -> Iterator[Solved]:
    """Chunks, solved by the workers of a cluster; those of a lost worker are solved by others."""
    ahead = 2 * max(sum(client.nthreads().values()), 1)
    with warnings.catch_warnings():
        # Model and chunks go along with their tasks: the scheduler can give these to another
        # worker, which what was scattered to a lost one could not follow.
        warnings.filterwarnings("ignore", "Sending large graph")
        held = client.submit(_itself, work, pure=False)
        yield from in_order(partial(client.submit, _solve, held, pure=False), chunks, ahead)


def _itself(work: Work) -> Work:
    """On one worker, from where the others take it."""
    return work


def _solve(work: Work, values: sparse.csr_matrix) -> Solved:
    """On one thread, as everywhere: sums come out the same to the last bit."""
    with one_thread(), threadpool_limits(1, user_api="blas"):
        return work(values)


@contextmanager
def cluster(address: str | None) -> Iterator[Any]:
    """The client of a scheduler by its address, such as ``tcp://host:8786``; None for None.

    Raises
    ------
    DataError
        When Dask is not installed, or no scheduler answers.
    """
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise DataError(
            'A cluster needs Dask: install it by pip install "napari-dpvae[dask]".'
        ) from error
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise DataError(
            f"No Dask scheduler answers at {address}: start one by dask scheduler, and give the "
            "address that it prints."
        ) from error
    with client:
        yield client
