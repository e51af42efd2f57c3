"""Measures of a placement against the truth, each defined once."""

from __future__ import annotations

import numpy as np
from scipy.spatial import procrustes
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata, spearmanr
from sklearn.manifold import trustworthiness as sklearn_trustworthiness
from sklearn.neighbors import NearestNeighbors

from napari_dpvae.geometry.alignment import fit_similarity
from napari_dpvae.geometry.spacing import diagonal


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


def stress1(true: np.ndarray, placed: np.ndarray) -> float:
    """Kruskal's stress-1 of the pairwise distances, after the best scale.

    ``sqrt(sum (D - a Dhat)^2 / sum D^2)``, ``a = sum(D Dhat) / sum(Dhat^2)``, over i < j.

    Parameters
    ----------
    true, placed
        (n, d) coordinates of the same cells.
    """
    d, d_hat = pdist(true), pdist(placed)
    scale = (d @ d_hat) / max(d_hat @ d_hat, np.finfo(float).tiny)
    return float(np.sqrt(((d - scale * d_hat) ** 2).sum() / (d @ d)))


def distance_spearman(true: np.ndarray, placed: np.ndarray) -> float:
    """Spearman correlation of all pairwise distances, over i < j; 0 for places all alike."""
    if np.ptp(placed, axis=0).max() == 0:
        return 0.0
    return float(spearmanr(pdist(true), pdist(placed)).statistic)


def distance_spearman_per_cell(true: np.ndarray, placed: np.ndarray) -> float:
    """Spearman correlation of each cell's distances to the others, as the mean over cells."""
    n = len(true)
    others = ~np.eye(n, dtype=bool)

    def ranks(points: np.ndarray) -> np.ndarray:
        rows = rankdata(squareform(pdist(points))[others].reshape(n, n - 1), axis=1)
        rows -= rows.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(rows, axis=1, keepdims=True)
        scaled: np.ndarray = rows / np.maximum(norm, np.finfo(float).tiny)
        return scaled

    return float((ranks(true) * ranks(placed)).sum(axis=1).mean())


def knn_overlap(true: np.ndarray, placed: np.ndarray, k: int = 10) -> float:
    """Mean of ``|true neighbours ∩ placed neighbours| / k``, self left out.

    Chance is ``k / (n - 1)``. ``k`` is cut to ``n - 1``.
    """
    k = min(k, len(true) - 1)
    first, second = (
        NearestNeighbors(n_neighbors=k).fit(points).kneighbors(return_distance=False)
        for points in (true, placed)
    )
    shared = [len(np.intersect1d(a, b)) for a, b in zip(first, second, strict=True)]
    return float(np.mean(shared) / k)


def trustworthiness(true: np.ndarray, placed: np.ndarray, k: int = 10) -> float:
    """How far the placed neighbours are neighbours in truth (Venna & Kaski 2001); 1 is best."""
    k = min(k, (len(true) - 1) // 2)
    return float(sklearn_trustworthiness(true, placed, n_neighbors=k))


def continuity(true: np.ndarray, placed: np.ndarray, k: int = 10) -> float:
    """How far the true neighbours stay neighbours (Venna & Kaski 2001); 1 is best."""
    return trustworthiness(placed, true, k)


def localisation_errors(true: np.ndarray, placed: np.ndarray) -> np.ndarray:
    """(n,) distance of each cell from its truth, in coordinate units."""
    errors: np.ndarray = np.linalg.norm(true - placed, axis=1)
    return errors


def measure(true: np.ndarray, placed: np.ndarray, k: int = 10) -> dict[str, float]:
    """All measures by name.

    Parameters
    ----------
    true, placed
        (n, d) coordinates of the same cells, in the same frame.
    k
        Neighbours for overlap, trustworthiness and continuity.

    Returns
    -------
    dict
        Errors are in coordinate units, or in per cent of the diagonal of the true coordinates
        (``_percent``); ``aligned_`` ones after the best similarity transform.

    Raises
    ------
    ValueError
        When the shapes differ, or there are fewer than 4 cells.
    """
    if true.shape != placed.shape:
        raise ValueError(f"true is {true.shape} and placed {placed.shape}: they must agree.")
    if len(true) < 4:
        raise ValueError(f"{len(true)} cells are too few to measure: at least 4 are needed.")
    extent = diagonal(true)
    errors = localisation_errors(true, placed)
    spread = np.ptp(placed, axis=0).max() > 0
    aligned = fit_similarity(placed, true).apply(placed) if spread else placed
    aligned_median = float(np.median(localisation_errors(true, aligned)))
    return {
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
    finder = NearestNeighbors(n_neighbors=min(k, len(placed))).fit(placed)
    nearest = finder.kneighbors(coordinates, return_distance=False)
    smoothed = expression[nearest].mean(axis=1)
    a, b = smoothed - smoothed.mean(axis=0), measured - measured.mean(axis=0)
    norms = np.linalg.norm(a, axis=0) * np.linalg.norm(b, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations: np.ndarray = (a * b).sum(axis=0) / norms
    return correlations
