"""The platform gap: other sections and parts of them are alike, other platforms are not."""

from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from napari_dpvae import DPVAE, TrainingSettings
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.expression.panel import GenePanel
from napari_dpvae.expression.platform import PlatformGap
from napari_dpvae.placement.query import read_by

Dataset = Callable[[str], Path]
PAIRS = [
    ("breast_her2st_C2", "breast_her2st_C3"),
    ("breast_ST_layer1", "breast_ST_layer2"),
    ("mpfc_STARmap_BZ5", "mpfc_STARmap_BZ9"),
]


def gap_of(reference: ad.AnnData, query: ad.AnnData) -> PlatformGap:
    gap = GenePanel.choose(reference).align(query).gap
    assert gap is not None
    return gap


def thinned(cells: ad.AnnData, efficiency: np.ndarray | float) -> ad.AnnData:
    """Every molecule kept with its gene's efficiency, as another platform would."""
    rng = np.random.default_rng(0)
    counts = cells.X.toarray().astype(int)
    kept = cells.copy()
    kept.X = sparse.csr_matrix(rng.binomial(counts, efficiency).astype(np.float32))
    return kept


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_other_sections_and_parts_of_them_are_alike(
    dataset: Dataset, first: str, second: str
) -> None:
    reference, query = (ad.read_h5ad(dataset(name)) for name in (first, second))
    assert not gap_of(reference, query).wide
    x = query.obsm["spatial"][:, 0]
    assert not gap_of(reference, query[x < np.median(x)].copy()).wide


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_genes_seen_with_other_efficiencies_and_shallow_cells_are_not(
    dataset: Dataset, first: str, second: str
) -> None:
    reference, query = (ad.read_h5ad(dataset(name)) for name in (first, second))
    efficiency = np.random.default_rng(1).beta(1, 3, query.n_vars)
    assert gap_of(reference, thinned(query, efficiency)).wide
    assert gap_of(reference, thinned(query, 0.1)).wide


def test_few_cells_are_not_judged(dataset: Dataset) -> None:
    reference = ad.read_h5ad(dataset("breast_her2st_C2"))
    assert GenePanel.choose(reference).align(reference[:20].copy()).gap is None


def test_cells_that_lack_genes_are_not_called_outside_for_it(
    phantom: Phantom, model: DPVAE
) -> None:
    panel = model.trained.panel
    # Without its extremes expression correlates less with anything.
    strong = panel.mean > np.median(panel.mean)
    query = phantom.query[:, ~phantom.query.var_names.isin(panel.genes[strong])].copy()
    usual, without = model.trained.usual_likeness, model.trained.usual_for(~strong)
    assert without[0] < usual[0]
    assert without[1] < usual[1]
    assert (model.place(query).obs["dpvae_status"] == "outside").mean() < 0.1


def test_what_networks_weigh_on_spots_does_not_count_across_a_gap(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    trained = DPVAE(hasty, checks=1).fit(phantom.reference).trained
    for cells, n_weights in ((phantom.reference, 2), (phantom.query, 1)):
        assert len(set(read_by(trained, cells).weights)) == n_weights


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_part_of_a_tissue_that_is_no_counts_is_read_as_the_whole(
    dataset: Dataset, share: float
) -> None:
    """Intensities of an atlas: each half and end of it differs much, and is of one assay."""
    atlas = ad.read_h5ad(dataset("drosophila_embryo_BDTNP3D"))
    panel = GenePanel.choose(atlas)
    for axis in range(3):
        along = atlas.obsm["spatial"][:, axis]
        part = atlas[along < np.quantile(along, share)].copy()
        assert panel.align(part).statistics == "reference"


def test_values_in_a_unit_of_another_size_are_read_by_themselves(dataset: Dataset) -> None:
    atlas = ad.read_h5ad(dataset("drosophila_embryo_BDTNP3D"))
    other = atlas.copy()
    other.X = other.X * 0.1
    panel = GenePanel.choose(atlas)
    aligned = panel.align(other)
    assert aligned.statistics == "query"
    np.testing.assert_allclose(aligned.x, panel.align(atlas).x, atol=1e-3)
