"""The gene panel: chosen from the reference alone, aligned by name, on one scale."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
from scipy import sparse

from napari_dpvae.data.phantom import Phantom
from napari_dpvae.data.values import holds_counts
from napari_dpvae.expression import aligned as aligning
from napari_dpvae.expression.genes import NEIGHBOURS, choose_genes, morans_i
from napari_dpvae.expression.normalise import LIMIT, TARGET_SUM, log_expression
from napari_dpvae.expression.panel import GenePanel
from napari_dpvae.geometry.neighbours import neighbour_graph
from napari_dpvae.settings import GeneChoice

Refuses = Callable[[str], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def panel(phantom: Phantom) -> GenePanel:
    return GenePanel.choose(phantom.reference, 60)


def as_normalised(cells: ad.AnnData) -> ad.AnnData:
    counts = cells.X.toarray()
    normalised = cells.copy()
    normalised.X = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised


def test_standardised_by_its_own_statistics_the_reference_has_mean_0_and_deviation_1(
    panel: GenePanel, phantom: Phantom
) -> None:
    x = panel.align(phantom.reference).x
    unclipped = np.abs(x).max(axis=0) < LIMIT
    assert unclipped.sum() > 50
    np.testing.assert_allclose(x.mean(axis=0)[unclipped], 0, atol=1e-4)
    np.testing.assert_allclose(x.std(axis=0)[unclipped], 1, atol=1e-4)


def test_standardised_values_follow_the_formula(panel: GenePanel, phantom: Phantom) -> None:
    counts = phantom.reference.to_df()
    logged = np.log1p(counts.div(counts.sum(axis=1), axis=0) * TARGET_SUM)[panel.genes]
    expected = ((logged - logged.mean()) / logged.std(ddof=0)).clip(-LIMIT, LIMIT)
    np.testing.assert_allclose(panel.align(phantom.reference).x, expected, atol=1e-4)


def test_components_are_of_square_roots_of_counts_at_one_depth(
    panel: GenePanel, phantom: Phantom
) -> None:
    cells = phantom.reference.copy()
    sc.pp.normalize_total(cells, target_sum=TARGET_SUM)
    roots = np.sqrt(cells[:, panel.genes].X.toarray().astype(float))
    expected = (roots - roots.mean(axis=0)) / roots.std(axis=0)
    found = panel.stabilised(panel.standardised(phantom.reference))
    np.testing.assert_allclose(found, np.clip(expected, -LIMIT, LIMIT), atol=1e-3)
    few = panel.standardised(phantom.reference)[:, :7]
    np.testing.assert_array_equal(panel.stabilised(few), found[:, :7])


def test_the_noise_of_what_components_are_of_is_that_of_no_gene_more_than_another() -> None:
    """Of counts that differ by chance alone, as far as a gene is seen more than now and then."""
    rng = np.random.default_rng(0)
    rates = np.geomspace(3, 300, 40)
    reference = ad.AnnData(
        sparse.csr_matrix(rng.poisson(rates, (500, 40)).astype(np.float32)),
        obsm={"spatial": rng.uniform(size=(500, 2))},
    )
    panel = GenePanel.choose(reference, 40)
    assert panel.root_statistics is not None
    seldom_first = np.argsort(np.asarray(reference[:, panel.genes].X.mean(axis=0)).ravel())
    roots, logs = (
        each[seldom_first] for each in (panel.root_statistics.deviation, panel.deviation)
    )
    assert roots.max() < 1.5 * roots.min()
    assert logs[0] > 5 * logs[-1]


def test_what_is_not_known_of_a_cell_is_the_mean_for_components_too(panel: GenePanel) -> None:
    x = np.ones((3, len(panel.genes)), np.float32)
    x[1, ::2] = 0
    found = panel.stabilised(x)
    np.testing.assert_array_equal(found == 0, x == 0)


def test_without_counts_components_are_of_expression_as_it_is(phantom: Phantom) -> None:
    logged = phantom.reference.copy()
    logged.X = np.log1p(logged.X.toarray() * np.linspace(0.31, 0.97, logged.n_vars))
    panel = GenePanel.choose(logged, 50)
    x = panel.standardised(logged)
    assert panel.stabilised(x) is x
    np.testing.assert_array_equal(panel.component_weights, panel.pattern * panel.deviation)


@pytest.mark.parametrize("choice", ["moran", "hvg"])
def test_a_gene_counts_for_components_as_far_as_it_has_a_pattern(
    phantom: Phantom, choice: GeneChoice
) -> None:
    panel = GenePanel.choose(phantom.reference, 60, choice)
    lost = phantom.reference.copy()
    lost.obsm["spatial"] = np.random.default_rng(0).permutation(lost.obsm["spatial"])
    without = GenePanel.choose(lost, phantom.reference.n_vars, choice)
    assert panel.root_statistics is not None
    np.testing.assert_allclose(
        panel.component_weights, panel.pattern * panel.root_statistics.deviation
    )
    # A third of the phantom's genes follow the tissue.
    assert np.quantile(panel.pattern, 0.9) > 0.5
    assert without.pattern.min() > 0 and without.pattern.max() < 0.3


def test_the_order_of_the_columns_does_not_matter(panel: GenePanel, phantom: Phantom) -> None:
    order = np.random.default_rng(0).permutation(phantom.query.n_vars)
    shuffled = phantom.query[:, order].copy()
    np.testing.assert_array_equal(panel.align(shuffled).x, panel.align(phantom.query).x)


def test_a_cell_is_standardised_alike_whatever_other_cells_are_there(
    panel: GenePanel, phantom: Phantom
) -> None:
    few = phantom.reference[7:12].copy()
    np.testing.assert_array_equal(panel.align(few).x, panel.align(phantom.reference).x[7:12])


def test_many_cells_are_standardised_as_few_are(
    panel: GenePanel, phantom: Phantom, monkeypatch: pytest.MonkeyPatch
) -> None:
    queries = [phantom.reference, as_normalised(phantom.query)]
    whole = [panel.align(query) for query in queries]
    monkeypatch.setattr(aligning, "CHUNK", 50)
    for before, query in zip(whole, queries, strict=True):
        chunked = panel.align(query)
        assert chunked.statistics == before.statistics
        np.testing.assert_allclose(chunked.x, before.x, atol=1e-5)
        np.testing.assert_array_equal(chunked.read().expressed, before.read().expressed)


def test_a_wide_panel_has_its_core_first_and_measures_the_gap_on_that_alone(
    panel: GenePanel, phantom: Phantom
) -> None:
    wide = GenePanel.choose(phantom.reference, 60, n_wide=200)
    assert (wide.n_core, len(wide.genes)) == (60, 200)
    assert wide.genes[:60].tolist() == panel.genes.tolist()
    core, whole = panel.align(phantom.query), wide.align(phantom.query)
    assert whole.gap == core.gap
    np.testing.assert_allclose(whole.x[:, :60], core.x, atol=1e-5)


def test_genes_that_the_reference_lacks_change_nothing(panel: GenePanel, phantom: Phantom) -> None:
    extra = ad.AnnData(
        sparse.csr_matrix(np.full((phantom.query.n_obs, 40), 1000, np.float32)),
        obs=phantom.query.obs,
        var=pd.DataFrame(index=[f"Other{i}" for i in range(40)]),
    )
    wider = ad.concat([extra, phantom.query], axis=1)
    np.testing.assert_array_equal(panel.align(wider).x, panel.align(phantom.query).x)


def test_genes_that_the_query_lacks_are_zero_and_named(panel: GenePanel, phantom: Phantom) -> None:
    lost = panel.genes[[2, 5, 30]]
    query = phantom.query[:, ~phantom.query.var_names.isin(lost)].copy()
    aligned = panel.align(query)
    assert panel.genes[~aligned.present].tolist() == lost.tolist()
    assert not aligned.x[:, [2, 5, 30]].any()
    assert aligned.x.any(axis=0).sum() == len(panel.genes) - 3


def test_a_query_of_panel_genes_alone_is_near_the_depth_of_the_whole(
    panel: GenePanel, phantom: Phantom
) -> None:
    spots = phantom.reference
    whole = panel.align(spots).x
    narrow = panel.align(spots[:, panel.genes].copy()).x
    depth_ignored = GenePanel.choose(spots[:, panel.genes].copy(), 60)
    assert set(depth_ignored.genes) == set(panel.genes)
    assert np.abs(narrow - whole).mean() < 0.5
    assert np.abs(narrow.mean()) < 0.1


def test_counts_and_values_of_their_log_are_told_apart(phantom: Phantom) -> None:
    assert holds_counts(phantom.reference.X)
    assert holds_counts(phantom.reference.X.toarray().astype(int))
    assert not holds_counts(as_normalised(phantom.reference).X)
    assert not holds_counts(np.array([[1.0, -1.0]]))


def test_a_query_in_other_units_is_standardised_by_itself(
    panel: GenePanel, phantom: Phantom
) -> None:
    assert panel.align(phantom.reference).statistics == "reference"
    aligned = panel.align(as_normalised(phantom.query))
    assert aligned.statistics == "query"
    unclipped = np.abs(aligned.x).max(axis=0) < LIMIT
    np.testing.assert_allclose(aligned.x.mean(axis=0)[unclipped], 0, atol=1e-4)


def test_a_normalised_reference_takes_a_normalised_query_as_it_is(phantom: Phantom) -> None:
    reference = as_normalised(phantom.reference)
    panel = GenePanel.choose(reference, 30)
    aligned = panel.align(reference)
    assert aligned.statistics == "reference"
    values = reference.to_df()[panel.genes]
    expected = ((values - values.mean()) / values.std(ddof=0)).clip(-LIMIT, LIMIT)
    np.testing.assert_allclose(aligned.x, expected, atol=1e-3)


def test_cells_that_express_nothing_of_the_panel_are_marked(
    panel: GenePanel, phantom: Phantom
) -> None:
    query = phantom.query.copy()
    counts = query.X.toarray()
    counts[4, query.var_names.isin(panel.genes)] = 0
    query.X = counts
    assert np.flatnonzero(~panel.align(query).read().expressed).tolist() == [4]


def test_a_transposed_query_is_recognised(
    panel: GenePanel, phantom: Phantom, refuses: Refuses
) -> None:
    with refuses("transposed"):
        panel.align(phantom.query.T.copy())


def test_a_query_in_other_case_is_recognised(
    panel: GenePanel, phantom: Phantom, refuses: Refuses
) -> None:
    query = phantom.query.copy()
    query.var_names = query.var_names.str.upper()
    with refuses("upper and lower case"):
        panel.align(query)


def test_a_query_with_other_genes_is_refused_with_examples_of_both(
    panel: GenePanel, phantom: Phantom, refuses: Refuses
) -> None:
    query = phantom.query.copy()
    query.var_names = [f"ENSG{i}" for i in range(query.n_vars)]
    with refuses(f"{panel.genes[0]}.*ENSG0"):
        panel.align(query)


def test_ten_shared_genes_are_enough_and_nine_are_not(
    panel: GenePanel, phantom: Phantom, refuses: Refuses
) -> None:
    assert panel.align(phantom.query[:, panel.genes[:10]].copy()).present.sum() == 10
    with refuses("Only 9 of the 60 genes of the panel's core"):
        panel.align(phantom.query[:, panel.genes[:9]].copy())


def test_spatial_genes_come_first_by_moran(phantom: Phantom) -> None:
    # The phantom's genes: the first third follows place, the second cell type (and so the layer
    # that the type lives in), the last is noise.
    n = phantom.reference.n_vars
    genes = GenePanel.choose(phantom.reference, n).genes
    third = phantom.reference.var_names.get_indexer(genes) // (n // 3)
    assert (third[:50] < 2).all()
    places = [np.flatnonzero(third == i).mean() for i in range(3)]
    assert places[0] < places[1] < places[2]


def test_moran_is_of_the_coordinates(phantom: Phantom) -> None:
    shuffled = phantom.reference.copy()
    order = np.random.default_rng(0).permutation(shuffled.n_obs)
    shuffled.obsm["spatial"] = shuffled.obsm["spatial"][order]
    third = shuffled.n_vars // 3
    noise = shuffled.var_names.get_indexer(GenePanel.choose(shuffled, 90).genes) >= 2 * third
    assert noise.mean() > 0.2


def test_variable_genes_are_chosen_by_scanpy_dispersion(phantom: Phantom) -> None:
    ranks = phantom.reference.var_names.get_indexer(
        GenePanel.choose(phantom.reference, 50, "hvg").genes
    )
    assert (ranks < 2 * phantom.reference.n_vars // 3).mean() > 0.9


def test_choosing_leaves_the_reference_as_it_was(phantom: Phantom) -> None:
    reference = phantom.reference.copy()
    GenePanel.choose(reference, 20)
    np.testing.assert_array_equal(reference.X.toarray(), phantom.reference.X.toarray())
    assert not reference.obsp
    assert set(reference.uns) == {"spatial"}
    assert reference.var.columns.empty


def test_a_larger_panel_than_there_are_genes_takes_those_expressed(phantom: Phantom) -> None:
    reference = phantom.reference[:, :20].copy()
    counts = reference.X.toarray()
    counts[:, 3] = 0
    reference.X = counts
    genes = GenePanel.choose(reference, 500).genes
    assert len(genes) == 19
    assert reference.var_names[3] not in genes


def test_a_constant_gene_is_harmless(phantom: Phantom) -> None:
    reference = as_normalised(phantom.reference)[:, :20].copy()
    reference.X[:, 3] = 2.5
    panel = GenePanel.choose(reference, 20)
    x = panel.align(reference).x
    assert np.isfinite(x).all()
    assert not x[:, panel.genes == reference.var_names[3]].any()


def test_a_reference_that_expresses_nothing_twice_is_refused(
    phantom: Phantom, refuses: Refuses
) -> None:
    reference = phantom.reference[:20, :20].copy()
    reference.X = np.eye(20, dtype=np.float32)
    with refuses("more than one spot"):
        GenePanel.choose(reference)


def test_the_panel_is_chosen_over_several_sections(phantom: Phantom) -> None:
    sections = np.arange(phantom.reference.n_obs) % 2
    genes = GenePanel.choose(phantom.reference, 30, sections=sections).genes
    assert len(set(genes)) == 30


def test_a_gene_that_differs_between_sections_alone_is_not_spatial() -> None:
    rng = np.random.default_rng(0)
    places, sections = rng.uniform(0, 10, (400, 2)), np.repeat([0, 1], 200)
    batch = rng.poisson(np.where(sections[:, None] == 1, 8, 3), (400, 20))
    pattern = rng.poisson(5 * np.exp(0.9 * np.sin(places[:, [0]])), (400, 20))
    # Others, so that depth follows neither.
    others = rng.poisson(5, (400, 300))
    cells = ad.AnnData(sparse.csr_matrix(np.hstack([batch, pattern, others]).astype(np.float32)))
    cells.obsm["spatial"] = places
    first = choose_genes(cells, 15, "moran", sections)
    assert all(20 <= int(gene) < 40 for gene in first)


def test_moran_is_that_of_squidpy_over_one_section(phantom: Phantom) -> None:
    import squidpy as sq

    x = log_expression(phantom.reference)
    spots = phantom.reference.obsm["spatial"]
    graph = neighbour_graph(spots, np.zeros(len(spots), int), NEIGHBOURS)
    cells = ad.AnnData(x)
    cells.obsp["spatial_connectivities"] = sparse.csr_matrix(graph)
    table = sq.gr.spatial_autocorr(
        cells, mode="moran", n_perms=None, n_jobs=1, copy=True, show_progress_bar=False
    )
    expected = table["I"].reindex(cells.var_names).to_numpy()
    every = np.arange(cells.n_vars)
    found = morans_i(x.tocsc(), graph, np.zeros(len(spots), int), every)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_six_neighbours_tell_a_pattern_of_the_size_of_a_hexagon() -> None:
    """Rows of a hexagonal grid that alternate in pairs: two rings or one neighbour tell less."""
    rows, columns = np.divmod(np.arange(900), 30)
    places = np.stack([columns + 0.5 * (rows % 2), rows * 3**0.5 / 2], axis=1)
    stripes = np.sin(np.pi * rows / 3)
    noise = np.random.default_rng(0).normal(0, 1, 900)
    cells = ad.AnnData(np.exp(np.stack([stripes, noise], axis=1)).astype(np.float32))
    cells.obsm["spatial"] = places
    found = {}
    for k in (2, NEIGHBOURS, 18):
        graph = neighbour_graph(places, np.zeros(900, int), k)
        one = np.zeros(900, int)
        found[k] = morans_i(sparse.csc_matrix(cells.X), graph, one, np.arange(2))
    assert found[NEIGHBOURS][0] > found[18][0] + 0.2
    assert abs(found[NEIGHBOURS][1]) < abs(found[2][1])
