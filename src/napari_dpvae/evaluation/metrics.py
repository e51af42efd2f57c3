"""Measures of a placement against the truth, each defined once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.spatial import procrustes
from scipy.spatial.distance import cdist, pdist

from napari_dpvae.errors import DataError
from napari_dpvae.evaluation.tissue import (
    contact_f1,
    nearest,
    neighbour_type_divergence,
    sliced_wasserstein,
)
from napari_dpvae.geometry.alignment import fit_similarity
from napari_dpvae.geometry.spacing import diagonal

MOST_COMPARED = 3000
"""Cells whose distances are compared all with all; of more, a sample is, always the same."""
DRAWN_PAIRS = 2_000_000
DRAWN_CELLS = 1000
BLOCK = 1_000_000
"""Distances held at once."""


def procrustes_disparity(true: np.ndarray, placed: np.ndarray) -> float:
    """:func:`scipy.spatial.procrustes` disparity; 0 is the same shape, 1 none (reflection allowed).

    Parameters
    ----------
    true, placed
        (n, d) coordinates of the same cells.
    """
    if np.ptp(placed, axis=0).max() == 0:
        return 1.0
    return float(procrustes(true, placed)[2])


def pair_distances(true: np.ndarray, placed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distances of pairs of cells in truth and as placed: all i < j, or pairs drawn by lot."""
    n = len(true)
    if n <= MOST_COMPARED:
        return pdist(true), pdist(placed)
    rng = np.random.default_rng(0)
    first = rng.integers(n, size=DRAWN_PAIRS)
    second = (first + rng.integers(1, n, size=DRAWN_PAIRS)) % n
    d, d_hat = (np.linalg.norm(x[first] - x[second], axis=1) for x in (true, placed))
    return d, d_hat


def error_by_chance(places: np.ndarray) -> tuple[float, float]:
    """Mean error of spots (n, d) all placed in their middle, and each at the place of another."""
    middle = np.linalg.norm(places - places.mean(axis=0), axis=1).mean()
    return float(middle), float(pair_distances(places, places)[0].mean())


def _blocks(rows: np.ndarray, n: int) -> Iterator[np.ndarray]:
    """The rows in parts, so that the distances of a part to n cells fit into memory."""
    size = max(1, BLOCK // n)
    return (rows[start : start + size] for start in range(0, len(rows), size))


def stress1(true: np.ndarray, placed: np.ndarray) -> float:
    """Kruskal's stress-1 of the pairwise distances, after the best scale.

    ``sqrt(sum (D - a Dhat)^2 / sum D^2)``, ``a = sum(D Dhat) / sum(Dhat^2)``, over i < j; of more
    than MOST_COMPARED cells over pairs drawn by lot.

    Parameters
    ----------
    true, placed
        (n, d) coordinates of the same cells.
    """
    d, d_hat = pair_distances(true, placed)
    scale = (d @ d_hat) / max(d_hat @ d_hat, np.finfo(float).tiny)
    return float(np.sqrt(((d - scale * d_hat) ** 2).sum() / (d @ d)))


def distance_spearman(true: np.ndarray, placed: np.ndarray) -> float:
    """Spearman correlation of all pairwise distances, over i < j; 0 for places all alike.

    Of more than MOST_COMPARED cells over pairs drawn by lot.
    """
    from scipy.stats import rankdata

    if np.ptp(placed, axis=0).max() == 0:
        return 0.0
    d, d_hat = pair_distances(true, placed)
    return float(np.corrcoef(rankdata(d), rankdata(d_hat))[0, 1])


def distance_spearman_per_cell(true: np.ndarray, placed: np.ndarray) -> float:
    """Spearman correlation of each cell's distances to the others, as the mean over cells.

    Of more than MOST_COMPARED cells the mean is over DRAWN_CELLS of them, drawn by lot.
    """
    n = len(true)
    rows = np.arange(n)
    if n > MOST_COMPARED:
        rows = np.random.default_rng(0).choice(n, DRAWN_CELLS, replace=False)
    total = sum((_ranks(true, some) * _ranks(placed, some)).sum() for some in _blocks(rows, n))
    return float(total / len(rows))


def _ranks(points: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(r, n - 1) of some cells' distances to the others, with mean 0 and norm 1 in each row."""
    from scipy.stats import rankdata

    others = np.arange(len(points)) != rows[:, None]
    distances = cdist(points[rows], points)[others].reshape(len(rows), -1)
    ranks = rankdata(distances, axis=1)
    ranks -= ranks.mean(axis=1, keepdims=True)
    norm = np.linalg.norm(ranks, axis=1, keepdims=True)
    scaled: np.ndarray = ranks / np.maximum(norm, np.finfo(float).tiny)
    return scaled


def knn_overlap(true: np.ndarray, placed: np.ndarray, k: int = 10) -> float:
    """Mean of ``|true neighbours ∩ placed neighbours| / k``, self left out.

    Chance is ``k / (n - 1)``. ``k`` is cut to ``n - 1``.
    """
    k = min(k, len(true) - 1)
    pairs = zip(nearest(true, k), nearest(placed, k), strict=True)
    return float(np.mean([len(np.intersect1d(a, b)) for a, b in pairs]) / k)


def trustworthiness(true: np.ndarray, placed: np.ndarray, k: int = 10) -> float:
    """How far the placed neighbours are neighbours in truth (Venna & Kaski 2001); 1 is best.

    That of :func:`sklearn.manifold.trustworthiness`, in memory that grows with n and not with its
    square. Cells that are equally far share their mean rank.
    """
    n = len(true)
    k = min(k, (n - 1) // 2)
    near = nearest(placed, k)
    penalty = 0.0
    for rows in _blocks(np.arange(n), n):
        distances = cdist(true[rows], true)
        distances[np.arange(len(rows)), rows] = np.inf
        for reach in np.take_along_axis(distances, near[rows], axis=1).T[:, :, None]:
            nearer = np.count_nonzero(distances < reach, axis=1)
            not_farther = np.count_nonzero(distances <= reach, axis=1)
            rank = (nearer + 1 + not_farther) / 2
            penalty += np.maximum(rank - k, 0).sum()
    return float(1 - penalty * 2 / (n * k * (2 * n - 3 * k - 1)))


def continuity(true: np.ndarray, placed: np.ndarray, k: int = 10) -> float:
    """How far the true neighbours stay neighbours (Venna & Kaski 2001); 1 is best."""
    return trustworthiness(placed, true, k)


def localisation_errors(true: np.ndarray, placed: np.ndarray) -> np.ndarray:
    """(n,) distance of each cell from its truth, in coordinate units."""
    errors: np.ndarray = np.linalg.norm(true - placed, axis=1)
    return errors


def measure(
    true: np.ndarray, placed: np.ndarray, k: int = 10, types: np.ndarray | None = None
) -> dict[str, float]:
    """All measures by name.

    Of more than MOST_COMPARED (3,000) cells, ``stress1`` and the rank correlations of distances are
    those of a sample, always the same: memory grows with n, not with its square. All others are
    exact.

    Parameters
    ----------
    true, placed
        (n, d) coordinates of the same cells, in the same frame.
    k
        Neighbours for overlap, trustworthiness and continuity.
    types
        (n,) of the cells, to measure the tissue that they make up as well:
        :func:`~napari_dpvae.evaluation.tissue.sliced_wasserstein`, ``contact_f1`` and
        ``neighbour_type_divergence``.

    Returns
    -------
    dict
        Errors are in coordinate units, or in per cent of the diagonal of the true coordinates
        (``_percent``); ``aligned_`` ones after the best similarity transform.

    Raises
    ------
    DataError
        When the shapes differ, or there are fewer than 4 cells.
    """
    if true.shape != placed.shape:
        raise DataError(f"true is {true.shape} and placed {placed.shape}: they must agree.")
    if len(true) < 4:
        raise DataError(f"{len(true)} cells are too few to measure: at least 4 are needed.")
    extent = diagonal(true)
    errors = localisation_errors(true, placed)
    spread = np.ptp(placed, axis=0).max() > 0
    aligned = fit_similarity(placed, true).apply(placed) if spread else placed
    aligned_median = float(np.median(localisation_errors(true, aligned)))
    measures = {
        "procrustes": procrustes_disparity(true, placed),
        "stress1": stress1(true, placed),
        "distance_spearman": distance_spearman(true, placed),
        "distance_spearman_per_cell": distance_spearman_per_cell(true, placed),
        "knn_overlap": knn_overlap(true, placed, k),
        "knn_overlap_chance": min(k, len(true) - 1) / (len(true) - 1),
        "trustworthiness": trustworthiness(true, placed, k),
        "continuity": continuity(true, placed, k),
        "median_error": float(np.median(errors)),
        "median_error_percent": float(100 * np.median(errors) / extent),
        "p90_error": float(np.quantile(errors, 0.9)),
        "p90_error_percent": float(100 * np.quantile(errors, 0.9) / extent),
        "aligned_median_error": aligned_median,
        "aligned_median_error_percent": 100 * aligned_median / extent,
    }
    if types is not None:
        measures |= {
            "sliced_wasserstein": sliced_wasserstein(true, placed),
            "contact_f1": contact_f1(true, placed, types),
            "neighbour_type_divergence": neighbour_type_divergence(true, placed, types, k),
        }
    return measures


def measure_regions(true: np.ndarray, placed: np.ndarray, radius: np.ndarray) -> dict[str, float]:
    """How well the regions hold the cells, and how wide they are.

    Parameters
    ----------
    true, placed
        (n, d) coordinates in one frame.
    radius
        (n,) of each cell's region; NaN where none is stated: such cells do not count.

    Returns
    -------
    dict
        ``coverage``, the share of cells inside their region, and the regions' median radius in
        coordinate units and in per cent of the diagonal; NaN when no region is stated.
    """
    stated = ~np.isnan(radius)
    if not stated.any():
        return dict.fromkeys(("coverage", "median_radius", "median_radius_percent"), np.nan)
    inside = localisation_errors(true, placed)[stated] <= radius[stated]
    median = float(np.median(radius[stated]))
    return {
        "coverage": float(inside.mean()),
        "median_radius": median,
        "median_radius_percent": 100 * median / diagonal(true),
    }


def held_out_gene_correlation(
    expression: np.ndarray,
    placed: np.ndarray,
    measured: np.ndarray,
    coordinates: np.ndarray,
    k: int = 15,
) -> np.ndarray:
    """Whether genes left out of the panel come out where they were measured.

    For a real query, whose true places nobody knows.

    Each spot takes the mean of the k nearest placed cells; the pattern is correlated with the
    measured one over the spots.

    Parameters
    ----------
    expression
        (n, g) of the placed cells, for genes that were left out of the panel.
    placed
        (n, d) coordinates of the cells.
    measured
        (s, g) of the same genes on the reference's spots.
    coordinates
        (s, d) of the spots.
    k
        Cells per spot.

    Returns
    -------
    numpy.ndarray
        (g,) Pearson correlations; NaN where a gene is constant.
    """
    from sklearn.neighbors import NearestNeighbors

    finder = NearestNeighbors(n_neighbors=min(k, len(placed))).fit(placed)
    nearest = finder.kneighbors(coordinates, return_distance=False)
    smoothed = expression[nearest].mean(axis=1)
    a, b = smoothed - smoothed.mean(axis=0), measured - measured.mean(axis=0)
    norms = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations: np.ndarray = (a * b).sum(axis=0) / norms
    return correlations
