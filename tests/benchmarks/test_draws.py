"""What the benchmark of draws measures."""

import pytest
from benchmarks.draws import PHANTOM, Tissue, by_lot, load, types_of
from sklearn.metrics import adjusted_mutual_info_score

from napari_dpvae.data.phantom import CELL_TYPES


@pytest.fixture(scope="module")
def tissue() -> Tissue:
    return load(PHANTOM, 0)


def test_the_truth_is_the_same_tissue_and_spots_by_lot_have_its_places_alone(tissue: Tissue):
    true = tissue.judge([tissue.task.true])
    assert true["sliced_wasserstein_percent"] == 0 and true["contact_f1"] == 1
    (lot,) = by_lot(tissue, 0)
    assert lot["sliced_wasserstein_percent"] < 2 and lot["contact_f1"] < 0.05


def test_types_are_told_or_else_clusters_of_the_expression(tissue: Tissue):
    assert set(tissue.types) == set(CELL_TYPES)
    cells = tissue.task.query.copy()
    del cells.obs["cell_type"]
    clusters = types_of(cells)
    assert len(set(clusters)) == 8
    # Mutual information of clusters and types that have nothing to do with each other is 0.
    assert adjusted_mutual_info_score(tissue.types, clusters) > 0.3
