"""A small made-up tissue whose truth is known: for trying things out, and for tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import anndata as ad
import numpy as np
import pandas as pd
from scipy import ndimage, sparse

from napari_dpvae.data.keys import SPATIAL
from napari_dpvae.data.read import read_query, read_reference
from napari_dpvae.errors import DataError

LIBRARY = "phantom"
CELL_TYPES = ("outer", "upper", "middle", "deep", "white matter", "vessel")
LAYER_EDGES = np.array([0.12, 0.34, 0.58, 0.82])
"""Depths, from the surface (0) to the bottom (1), at which one layer gives way to the next."""
SPACING = 100.0
"""Distance of neighbouring spots, in µm, which are also the coordinates' unit."""
PIXEL = 5.0
"""µm per pixel of the image."""


class Phantom(NamedTuple):
    """A reference, its dissociated query, and where the query's cells truly were."""

    reference: ad.AnnData
    query: ad.AnnData
    truth: pd.DataFrame
    """Indexed by barcode, columns ``x`` and ``y`` in µm."""


@dataclass(frozen=True)
class _Tissue:
    """A bent, layered strip: depth runs from its surface down, ``along`` from left to right."""

    width: float = 2400.0
    height: float = 1900.0

    def position(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(depth, along) of points (n, 2) in µm; both in 0..1 inside the tissue."""
        x, y = points[:, 0] / self.width, points[:, 1] / self.height
        surface = 0.10 + 0.16 * (2 * x - 0.9) ** 2 + 0.015 * np.sin(17 * x)
        bottom = 0.90 - 0.10 * (2 * x - 1.1) ** 2 + 0.012 * np.sin(23 * x + 1)
        depth = (y - surface) / (bottom - surface)
        side = 0.05 + 0.05 * np.sin(3.5 * y) ** 2
        along = (x - side) / (1 - 2 * side)
        return depth, along

    def contains(self, points: np.ndarray) -> np.ndarray:
        """(n,) bool."""
        depth, along = self.position(points)
        return (depth > 0) & (depth < 1) & (along > 0) & (along < 1)


def make_phantom(
    seed: int = 0, *, n_cells: int = 500, n_genes: int = 300, cells_per_spot: int = 8
) -> Phantom:
    """Grow a phantom tissue, slice it and dissociate it.

    Spots are sums of a few cells on a hexagonal grid, as in Visium. The query's cells are single,
    less deeply sequenced, and lose molecules by dropout that depends on the gene.

    Parameters
    ----------
    seed
        The same seed gives the same tissue.
    n_cells
        Cells of the query.
    n_genes
        Genes, a third of which differ along the tissue, a third by cell type; the rest are noise.
    cells_per_spot
        Cells under a spot.

    Returns
    -------
    Phantom
        With an H&E-like image in ``reference.uns["spatial"]``.

    Examples
    --------
    >>> phantom = dpv.make_phantom(n_cells=200)
    >>> phantom.query.n_obs, list(phantom.truth.columns[:2])
    (200, ['x', 'y'])
    """
    rng = np.random.default_rng(seed)
    tissue = _Tissue()
    genes = [f"Gene{i:03d}" for i in range(n_genes)]
    profile = _expression_profile(rng, n_genes)
    spots = _hexagonal_grid(tissue)

    under = np.repeat(spots, cells_per_spot, axis=0)
    under = under + rng.uniform(-0.25, 0.25, under.shape) * SPACING
    per_cell = profile(tissue, under, _cell_types(rng, tissue, under))
    rate = per_cell.reshape(len(spots), cells_per_spot, n_genes).sum(axis=1)
    depth = rng.lognormal(np.log(4000), 0.3, (len(spots), 1))
    counts = rng.poisson(rate / rate.sum(axis=1, keepdims=True) * depth)

    positions = _scatter(rng, tissue, n_cells)
    types = _cell_types(rng, tissue, positions)
    rate = profile(tissue, positions, types)
    depth = rng.lognormal(np.log(900), 0.4, (n_cells, 1))
    single = rng.poisson(rate / rate.sum(axis=1, keepdims=True) * depth)
    kept = rng.beta(6, 2, n_genes)
    single = rng.binomial(single, kept)

    reference = ad.AnnData(
        sparse.csr_matrix(counts, dtype=np.float32),
        obs=pd.DataFrame(index=[f"spot{i:04d}" for i in range(len(spots))]),
        var=pd.DataFrame(index=genes),
    )
    reference.obsm[SPATIAL] = spots
    reference.uns[SPATIAL] = {
        LIBRARY: {
            "images": {"hires": _histology(rng, tissue)},
            "scalefactors": {
                "tissue_hires_scalef": 1 / PIXEL,
                "spot_diameter_fullres": 0.55 * SPACING,
            },
        }
    }
    barcodes = [f"cell{i:04d}" for i in range(n_cells)]
    query = ad.AnnData(
        sparse.csr_matrix(single, dtype=np.float32),
        obs=pd.DataFrame({"cell_type": pd.Categorical(types)}, index=barcodes),
        var=pd.DataFrame(index=genes),
    )
    truth = pd.DataFrame(positions, index=pd.Index(barcodes, name="barcode"), columns=["x", "y"])
    return Phantom(reference, query, truth)


def write_phantom(phantom: Phantom, folder: str | Path) -> None:
    """Write the three files that :func:`read_phantom` reads."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    phantom.reference.write_h5ad(folder / "phantom_reference.h5ad", compression="gzip")
    phantom.query.write_h5ad(folder / "phantom_query.h5ad", compression="gzip")
    phantom.truth.round(2).to_csv(folder / "phantom_truth.csv")


def read_phantom() -> Phantom:
    """The phantom that comes with the package."""
    folder = sample_folder()
    return Phantom(
        read_reference(folder / "phantom_reference.h5ad"),
        read_query(folder / "phantom_query.h5ad"),
        pd.read_csv(folder / "phantom_truth.csv", index_col="barcode"),
    )


def sample_folder() -> Path:
    """Where the sample data are: in the package, or at the root of a checkout.

    Raises
    ------
    DataError
        When they are in neither place.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "sample_data", package.parents[1] / "sample_data"):
        if (folder / "phantom_reference.h5ad").is_file():
            return folder
    raise DataError("The sample data are not there: install napari-dpvae again.")


def _hexagonal_grid(tissue: _Tissue) -> np.ndarray:
    """(n, 2) spots inside the tissue."""
    rows = np.arange(0, tissue.height, SPACING * np.sqrt(3) / 2)
    columns = np.arange(0, tissue.width, SPACING)
    x = np.concatenate([columns + (i % 2) * SPACING / 2 for i in range(len(rows))])
    points = np.column_stack([x, np.repeat(rows, len(columns))])
    return points[tissue.contains(points)]


def _scatter(rng: np.random.Generator, tissue: _Tissue, n: int) -> np.ndarray:
    """(n, 2) uniform points inside the tissue."""
    points = rng.uniform((0, 0), (tissue.width, tissue.height), (6 * n, 2))
    return points[tissue.contains(points)][:n]


def _cell_types(rng: np.random.Generator, tissue: _Tissue, points: np.ndarray) -> np.ndarray:
    """(n,) a type for each cell: its layer's, sometimes a neighbouring one's, or vessel."""
    depth, _ = tissue.position(points)
    layer = np.searchsorted(LAYER_EDGES, depth + rng.normal(0, 0.03, len(points)))
    layer = np.where(rng.random(len(points)) < 0.08, len(CELL_TYPES) - 1, layer)
    return np.asarray(CELL_TYPES)[layer]


def _expression_profile(rng: np.random.Generator, n_genes: int):  # type: ignore[no-untyped-def]
    """A function that gives the expected expression of cells: (n, n_genes)."""
    base = rng.lognormal(0.0, 1.0, n_genes)
    third = n_genes // 3
    # Spatial genes are bumps in (depth, along); type genes mark one or two types.
    centre = rng.uniform(-0.1, 1.1, (third, 2))
    width = rng.uniform(0.15, 0.4, (third, 2))
    strength = rng.uniform(1.0, 2.5, third)
    marks = np.where(rng.random((len(CELL_TYPES), third)) < 0.25, rng.uniform(1, 2.5, third), 0.0)

    def profile(tissue: _Tissue, points: np.ndarray, types: np.ndarray) -> np.ndarray:
        here = np.column_stack(tissue.position(points))
        bumps = np.exp(-0.5 * (((here[:, None] - centre) / width) ** 2).sum(axis=2))
        effect = np.zeros((len(points), n_genes))
        effect[:, :third] = strength * bumps
        which = pd.Categorical(types, categories=CELL_TYPES).codes
        effect[:, third : 2 * third] = marks[which]
        expected: np.ndarray = base * np.exp(effect)
        return expected

    return profile


def _histology(rng: np.random.Generator, tissue: _Tissue) -> np.ndarray:
    """An H&E-like image, (rows, columns, 3) uint8: pink tissue, purple nuclei, pale vessels."""
    shape = (int(tissue.height / PIXEL), int(tissue.width / PIXEL))
    row, column = np.indices(shape)
    points = np.column_stack([column.ravel(), row.ravel()]) * PIXEL
    depth = tissue.position(points)[0].reshape(shape)
    inside = tissue.contains(points).reshape(shape)

    layer = np.searchsorted(LAYER_EDGES, depth)
    density = np.array([0.004, 0.05, 0.025, 0.06, 0.012])[layer]
    nuclei = ndimage.gaussian_filter((rng.random(shape) < density).astype(float), 0.9)
    haematoxylin = np.clip(nuclei * 4.5, 0, 1)
    texture = ndimage.gaussian_filter(rng.normal(size=shape), 2.5)
    eosin = np.array([0.30, 0.42, 0.50, 0.46, 0.72])[layer] + 0.9 * texture
    vessels = ndimage.gaussian_filter((rng.random(shape) < 0.0006).astype(float), 3.5) > 0.008

    stain = np.zeros((*shape, 3))
    # Optical densities of the two stains, after Ruifrok & Johnston 2001.
    stain += eosin[..., None] * np.array([0.07, 0.60, 0.18])
    stain += haematoxylin[..., None] * np.array([0.75, 0.95, 0.35])
    stain *= ndimage.gaussian_filter((inside & ~vessels).astype(float), 0.8)[..., None]
    glass = np.array([0.955, 0.95, 0.945])
    light = glass * np.exp(-stain) + rng.normal(0, 0.008, (*shape, 1))
    return (255 * np.clip(light, 0, 1)).astype(np.uint8)
