"""Placing a query: what is read of it, what comes back, and what is refused."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import napari_dpvae as dpv
from napari_dpvae.data.phantom import LIBRARY, Phantom
from napari_dpvae.evaluation.hold_out import split_spots
from napari_dpvae.evaluation.metrics import measure, procrustes_disparity
from napari_dpvae.geometry.domain import make_domain
from napari_dpvae.geometry.spacing import diagonal
from napari_dpvae.placement import request
from napari_dpvae.placement.engine import LOCAL
from napari_dpvae.placement.query import read_by
from napari_dpvae.placement.solve import Solver
from napari_dpvae.settings import PlacementSettings
from napari_dpvae.uncertainty.status import STATUSES

Refuses = Callable[[str], AbstractContextManager[None]]


@pytest.mark.parametrize("mode", ["anchored", "free"])
def test_the_coordinates_of_the_query_are_not_read(
    phantom: Phantom, model: dpv.DPVAE, mode: str
) -> None:
    query = phantom.query.copy()
    expected = model.place(query, mode=mode).obsm["spatial"]
    true = phantom.truth.to_numpy()
    for own in (true, true[::-1].copy(), np.full_like(true, np.nan), np.zeros((120, 3))):
        query.obsm["spatial"] = own
        np.testing.assert_array_equal(model.place(query, mode=mode).obsm["spatial"], expected)


def test_placing_changes_neither_query_nor_reference_nor_model(
    phantom: Phantom, model: dpv.DPVAE
) -> None:
    query = phantom.query.copy()
    query.obsm["spatial"] = phantom.truth.to_numpy()
    query.uns["spatial"] = {"own": {"images": {}}}
    before = query.copy()
    digest = model.trained.model_hash()
    model.place(query)
    np.testing.assert_array_equal(query.X.toarray(), before.X.toarray())
    np.testing.assert_array_equal(query.obsm["spatial"], before.obsm["spatial"])
    assert list(query.obsm) == ["spatial"]
    assert query.obs.equals(before.obs)
    assert query.uns == before.uns
    assert model.trained.model_hash() == digest


def test_the_query_s_matrices_are_shared_where_that_is_asked_for(
    phantom: Phantom, model: dpv.DPVAE, placed: ad.AnnData
) -> None:
    query = phantom.query.copy()
    query.layers["twice"], query.raw = query.X * 2, query.copy()
    query.uns["spatial"] = {"own": {"images": {}}}
    before = query.copy()
    shared = model.place(query, copy_matrices=False)
    for mine, own in (
        (query.X, shared.X),
        (query.layers["twice"], shared.layers["twice"]),
        (query.raw.X, shared.raw.X),
    ):
        assert np.shares_memory(mine.data, own.data)
    assert not np.shares_memory(placed.X.data, phantom.query.X.data)
    pd.testing.assert_frame_equal(shared.obs, placed.obs)
    np.testing.assert_array_equal(shared.obsm["spatial"], placed.obsm["spatial"])
    # All else is its own.
    assert query.obs.equals(before.obs) and query.var.equals(before.var)
    assert list(query.obsm) == list(before.obsm) and query.uns == before.uns


def test_changing_placed_cells_changes_nothing_else(phantom: Phantom, model: dpv.DPVAE) -> None:
    reference = phantom.reference.copy()
    fitted = dpv.DPVAE(model.settings, epochs=1).fit(reference)
    found = fitted.place(phantom.query)
    found.uns["spatial"][LIBRARY]["scalefactors"]["tissue_hires_scalef"] = 99.0
    found.uns["spatial"]["extra"] = {}
    for other in (reference, fitted.place(phantom.query)):
        assert list(other.uns["spatial"]) == [LIBRARY]
        factors = other.uns["spatial"][LIBRARY]["scalefactors"]
        assert factors["tissue_hires_scalef"] != 99


@pytest.mark.parametrize(
    "convert",
    [
        pytest.param(sparse.csc_matrix, id="csc"),
        pytest.param(sparse.csr_array, id="csr array"),
        pytest.param(lambda x: x.toarray(), id="dense"),
        pytest.param(lambda x: x.toarray().astype(int), id="int"),
        pytest.param(lambda x: x.toarray().astype(np.uint16), id="uint16"),
        pytest.param(lambda x: x.astype(np.float64), id="float64"),
        pytest.param(lambda x: np.asfortranarray(x.toarray()), id="fortran order"),
    ],
)
def test_the_type_of_the_matrix_does_not_matter(
    phantom: Phantom,
    model: dpv.DPVAE,
    placed: ad.AnnData,
    convert: Callable[[sparse.csr_matrix], object],
) -> None:
    query = phantom.query.copy()
    query.X = convert(phantom.query.X)
    np.testing.assert_array_equal(model.place(query).obsm["spatial"], placed.obsm["spatial"])


def test_a_cell_is_placed_alike_whatever_other_cells_are_there(
    phantom: Phantom, model: dpv.DPVAE
) -> None:
    section = phantom.reference
    together = model.place(section).obsm["spatial"]
    alone = np.concatenate(
        [model.place(section[i : i + 1].copy()).obsm["spatial"] for i in range(20)]
    )
    # Matrix products of other sizes round differently in the last digits of float32.
    np.testing.assert_allclose(alone, together[:20], atol=2e-3)
    np.testing.assert_allclose(
        model.place(section[::-3].copy()).obsm["spatial"], together[::-3], atol=2e-3
    )


def test_chunks_do_not_show(
    phantom: Phantom, model: dpv.DPVAE, placed: ad.AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_dpvae.expression.aligned.CHUNK", 50)
    done = []
    steps = model.place_chunks(phantom.query)
    try:
        while True:
            done.append(next(steps))
    except StopIteration as end:
        found = end.value
    assert done == pytest.approx([0, 50 / 120, 100 / 120, 1])
    np.testing.assert_allclose(found.obsm["spatial"], placed.obsm["spatial"], atol=2e-3)


def test_a_view_can_be_placed(phantom: Phantom, model: dpv.DPVAE) -> None:
    view = phantom.query[10:30]
    assert view.is_view
    assert model.place(view).n_obs == 20


def test_missing_genes_and_other_units_are_told(
    phantom: Phantom, model: dpv.DPVAE, caplog: pytest.LogCaptureFixture
) -> None:
    lacking = phantom.query[:, ~phantom.query.var_names.isin(model.genes[:7])].copy()
    found = model.place(lacking)
    assert found.uns["dpvae"]["genes_missing"] == 7
    assert f"lacks 7 of the panel's {len(model.genes)} genes" in caplog.text
    lacking.X = lacking.X.log1p()
    assert model.place(lacking).uns["dpvae"]["standardised_by"] == "query"
    assert "standardised by its own mean" in caplog.text


def test_a_good_query_is_placed_without_a_word(
    phantom: Phantom, model: dpv.DPVAE, caplog: pytest.LogCaptureFixture
) -> None:
    model.place(phantom.reference)
    assert not caplog.records


def test_a_query_of_another_kind_is_placed_by_its_own_statistics_and_says_so(
    phantom: Phantom, model: dpv.DPVAE, caplog: pytest.LogCaptureFixture
) -> None:
    about = model.place(phantom.query).uns["dpvae"]
    assert about["standardised_by"] == "query"
    assert about["platform_gap"]["depth_ratio"] < 0.3
    assert 0 < about["decoder_weight"] < 1
    assert "depth ratio" in caplog.text
    assert model.place(phantom.reference).uns["dpvae"]["decoder_weight"] == 0


def test_closing_the_platform_gap_places_better(phantom: Phantom, model: dpv.DPVAE) -> None:
    true = phantom.truth.to_numpy()
    own = procrustes_disparity(true, model.place(phantom.query).obsm["spatial"])
    # Too few cells at once to have statistics of their own.
    few = [model.place(phantom.query[i : i + 20].copy()).obsm["spatial"] for i in range(0, 120, 20)]
    assert own < procrustes_disparity(true, np.concatenate(few))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda query: query[:0], "no cells"),
        (lambda query: query.T, "transposed"),
        (lambda query: query[:, :3], "genes of the panel"),
    ],
    ids=["empty", "transposed", "few genes"],
)
def test_a_bad_query_is_refused(
    phantom: Phantom,
    model: dpv.DPVAE,
    refuses: Refuses,
    change: Callable[[ad.AnnData], ad.AnnData],
    said: str,
) -> None:
    with refuses(said):
        model.place(change(phantom.query).copy())


def test_cells_that_express_nothing_are_outside(phantom: Phantom, model: dpv.DPVAE) -> None:
    query = phantom.query.copy()
    counts = query.X.toarray()
    counts[:3] = 0
    query.X = counts
    status = model.place(query).obs["dpvae_status"]
    assert (status[:3] == "outside").all()
    assert (status[3:] != "outside").mean() > 0.95


def shuffled_genes(cells: ad.AnnData) -> ad.AnnData:
    """Cells of a tissue that there is not: each keeps its counts, on other genes."""
    rng = np.random.default_rng(0)
    strange = cells.copy()
    strange.X = sparse.csr_matrix(np.array([rng.permutation(row) for row in cells.X.toarray()]))
    return strange


@pytest.mark.parametrize("own", [40, 160])
def test_cells_of_another_tissue_are_outside_and_do_no_harm_to_the_others(
    phantom: Phantom, model: dpv.DPVAE, own: int
) -> None:
    section = phantom.reference[:own].copy()
    mixed = ad.concat([section, shuffled_genes(phantom.reference)[:120]], index_unique="-")
    placed = model.place(mixed)
    outside = (placed.obs["dpvae_status"] == "outside").to_numpy()
    assert outside[:own].mean() < 0.05
    assert outside[own:].mean() > 0.95
    np.testing.assert_allclose(
        placed.obsm["spatial"][:own], model.place(section).obsm["spatial"], atol=2e-3
    )


# The contract


def test_placed_cells_keep_the_contract(
    phantom: Phantom, model: dpv.DPVAE, placed: ad.AnnData
) -> None:
    assert placed.obs_names.equals(phantom.query.obs_names)
    assert placed.var_names.equals(phantom.query.var_names)
    assert placed.obs["cell_type"].equals(phantom.query.obs["cell_type"])
    np.testing.assert_array_equal(placed.X.toarray(), phantom.query.X.toarray())
    assert placed.obsm["spatial"].shape == (120, 2)
    assert np.issubdtype(placed.obsm["spatial"].dtype, np.floating)
    assert np.isfinite(placed.obsm["spatial"]).all()
    np.testing.assert_array_equal(placed.obsm["X_dpvae"].shape, (120, 2))
    assert (placed.obs["dpvae_radius"] > 0).all()
    assert list(placed.obs["dpvae_status"].cat.categories) == list(STATUSES)
    about = placed.uns["dpvae"]
    assert about["genes"] == len(model.genes) == 100
    assert about["placement"]["probability"] == 0.9
    assert about["model"] == model.trained.model_hash()
    assert about["training"]["epochs"] == 30
    assert about["placement"]["mode"] == "anchored"
    assert set(about["versions"]) >= {"napari-dpvae", "torch"}
    entry = placed.uns["spatial"][LIBRARY]
    assert entry["images"]["hires"].ndim == 3


def test_squidpy_draws_placed_cells_over_the_image_as_they_are(
    model: dpv.DPVAE, placed: ad.AnnData, tmp_path: Path
) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import squidpy as sq

    sq.pl.spatial_scatter(placed, color=model.genes[0])
    axes = plt.gcf().axes[0]
    assert axes.images
    plt.close("all")


def test_a_query_s_own_image_gives_way_to_the_reference_s(
    phantom: Phantom, model: dpv.DPVAE
) -> None:
    query = phantom.query.copy()
    query.uns["spatial"] = {"own": {"images": {}, "scalefactors": {}}}
    assert list(model.place(query).uns["spatial"]) == [LIBRARY]


def farthest_from_a_spot(points: np.ndarray, spots: np.ndarray) -> float:
    return float(np.linalg.norm(points[:, None] - spots, axis=2).min(axis=1).max())


def test_cells_stay_where_there_is_tissue_unless_allowed_out(
    phantom: Phantom, model: dpv.DPVAE
) -> None:
    # A lambda too small makes every distance three times too long; anchors alone decide.
    members = tuple(
        replace(member, scale=member.scale / 3, regression=None) for member in model.trained.members
    )
    trained = replace(model.trained, members=members)
    read = read_by(trained, phantom.reference)
    solver = Solver.of(trained, read)
    farthest = {}
    for choice in ("spots", "near", "anywhere"):
        domain = make_domain(choice, trained.coordinates)
        (solved,) = LOCAL.solve(solver, 16, domain)
        farthest[choice] = farthest_from_a_spot(solved.points, trained.coordinates)
    tenth = diagonal(trained.coordinates) / 10
    assert farthest["spots"] < 100 * (1 + 1e-9)
    assert farthest["anywhere"] > 150
    assert 100 < farthest["near"] < tenth * (1 + 1e-9) < farthest["anywhere"]


def test_cells_of_tissue_that_is_missing_lie_where_it_was(
    phantom: Phantom, quick: dpv.TrainingSettings
) -> None:
    """Brought to the spots, they would line the border of the gap."""
    spots = phantom.reference.obsm["spatial"]
    missing = split_spots(spots, "block", seed=0)
    model = dpv.DPVAE(quick).fit(phantom.reference[~missing].copy())
    query = phantom.reference[missing].copy()
    near, border = (
        model.place(query, domain=domain).obsm["spatial"]
        for domain in (PlacementSettings().domain, "spots")
    )
    brought = np.abs(near - border).max(axis=1) > 1
    assert brought.mean() > 0.4
    off = [np.linalg.norm(each - spots[missing], axis=1)[brought] for each in (near, border)]
    assert off[0].mean() < 0.85 * off[1].mean()


def test_cells_do_not_leave_a_drawn_outline(phantom: Phantom, model: dpv.DPVAE) -> None:
    low, high = np.quantile(phantom.reference.obsm["spatial"], [0.25, 0.75], axis=0)
    outline = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    points = model.place(phantom.query, outlines=[outline]).obsm["spatial"]
    assert (points >= low - 1e-6).all()
    assert (points <= high + 1e-6).all()


def test_a_higher_probability_makes_wider_regions(phantom: Phantom, model: dpv.DPVAE) -> None:
    radii = [
        model.place(phantom.query, probability=p).obs["dpvae_radius"] for p in (0.5, 0.8, 0.95)
    ]
    assert (radii[0] < radii[1]).all()
    assert (radii[1] <= radii[2]).all()
    assert (radii[1] < radii[2]).any()


def test_known_places_are_kept_and_help_to_place_the_others(
    phantom: Phantom, model: dpv.DPVAE
) -> None:
    true = phantom.truth.loc[phantom.query.obs_names].to_numpy()
    query = phantom.query.copy()
    known = np.arange(query.n_obs) % 2 == 0
    query.obsm["known"] = np.where(known[:, None], true, np.nan)
    imputed = model.place(query, mode="impute", known_key="known")
    np.testing.assert_array_equal(imputed.obsm["spatial"][known], true[known])
    assert (imputed.obs["dpvae_radius"][known] == 0).all()
    alone = model.place(query).obsm["spatial"][~known]
    errors = [
        np.linalg.norm(points - true[~known], axis=1).mean()
        for points in (imputed.obsm["spatial"][~known], alone)
    ]
    assert errors[0] < errors[1]


def test_known_places_that_are_missing_or_misshapen_are_refused(
    phantom: Phantom, model: dpv.DPVAE, refuses: Refuses
) -> None:
    query = phantom.query.copy()
    query.obsm["flat"] = np.zeros((query.n_obs, 3))
    query.obsm["unknown"] = np.full((query.n_obs, 2), np.nan)
    with refuses("needs the places that are known"):
        model.place(query, mode="impute")
    with refuses("mode impute alone"):
        model.place(query, known_key="unknown")
    with refuses(r"no obsm\['nowhere'\]"):
        model.place(query, mode="impute", known_key="nowhere")
    with refuses("must hold 2 numbers"):
        model.place(query, mode="impute", known_key="flat")
    with refuses("no known place"):
        model.place(query, mode="impute", known_key="unknown")


def test_free_comes_near_the_true_places_in_the_same_frame(
    phantom: Phantom, model: dpv.DPVAE
) -> None:
    free = model.place(phantom.query, mode="free").obsm["spatial"]
    assert measure(phantom.truth.to_numpy(), free)["median_error_percent"] < 12


def test_free_refuses_more_cells_than_it_can_compare(
    phantom: Phantom, model: dpv.DPVAE, refuses: Refuses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request, "MOST_FREE", 119)
    with refuses("takes at most 119; the query has 120: use the mode anchored"):
        model.place(phantom.query, mode="free")


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("mode", ["anchored", "free"])
def test_very_few_cells_are_placed(phantom: Phantom, model: dpv.DPVAE, mode: str, n: int) -> None:
    found = model.place(phantom.query[:n].copy(), mode=mode).obsm["spatial"]
    assert found.shape == (n, 2)
    assert np.isfinite(found).all()


def test_cells_that_are_all_alike_lie_together(phantom: Phantom, model: dpv.DPVAE) -> None:
    query = phantom.query[[5] * 4].copy()
    query.obs_names_make_unique()
    for mode in ("anchored", "free"):
        found = model.place(query, mode=mode).obsm["spatial"]
        assert np.ptp(found, axis=0).max() < 1e-3


@pytest.mark.parametrize("anchors", [1, 4, 16, 5000])
def test_regions_hold_the_stated_share_whatever_the_number_of_anchors(
    phantom: Phantom, quick: dpv.TrainingSettings, anchors: int
) -> None:
    held_out = np.arange(phantom.reference.n_obs) % 2 == 0
    model = dpv.DPVAE(quick, epochs=15).fit(phantom.reference[~held_out].copy())
    found = model.place(phantom.reference[held_out].copy(), anchors=anchors)
    true = phantom.reference.obsm["spatial"][held_out]
    errors = np.linalg.norm(found.obsm["spatial"] - true, axis=1)
    assert (errors <= found.obs["dpvae_radius"]).mean() > 0.9 - 0.2


def test_the_order_of_the_cells_changes_nothing(phantom: Phantom, model: dpv.DPVAE) -> None:
    order = np.random.default_rng(0).permutation(phantom.query.n_obs)
    placed, other = model.place(phantom.query), model.place(phantom.query[order].copy())
    assert placed.uns["dpvae"]["calibrated_as"] == "query"
    np.testing.assert_allclose(other.obsm["spatial"], placed.obsm["spatial"][order], atol=1e-2)
    np.testing.assert_allclose(
        other.obs["dpvae_radius"], placed.obs["dpvae_radius"].iloc[order], rtol=1e-4
    )


@pytest.mark.parametrize("file", [False, True])
def test_a_model_knows_what_else_its_genes_are_called(
    phantom: Phantom, hasty: dpv.TrainingSettings, tmp_path: Path, file: bool
) -> None:
    """A reference by Ensembl identifiers, and a query that has symbols alone."""
    reference = phantom.reference.copy()
    reference.var["gene_name"] = reference.var_names.to_numpy()
    reference.var_names = [f"ENSG{i:011d}" for i in range(reference.n_vars)]
    model = dpv.DPVAE(hasty).fit(reference)
    if file:
        model.save(tmp_path / "model.safetensors")
        model = dpv.DPVAE.load(tmp_path / "model.safetensors")
    expected = dpv.DPVAE(hasty).fit(phantom.reference).place(phantom.query)
    found = model.place(phantom.query)
    np.testing.assert_allclose(found.obsm["spatial"], expected.obsm["spatial"], atol=1e-3)
