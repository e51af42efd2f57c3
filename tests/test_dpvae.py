"""The dp-VAE as users know it: fit, encode, place, save, load, and the data contract."""

import subprocess
import sys
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
from napari_dpvae import placing
from napari_dpvae.data.phantom import LIBRARY, Phantom
from napari_dpvae.evaluation.metrics import measure, procrustes_disparity
from napari_dpvae.placement.domain import make_domain
from napari_dpvae.placement.uncertainty import STATUSES

Refuses = Callable[[str], AbstractContextManager[None]]
Dataset = Callable[[str], Path]


def places(model: dpv.DPVAE, query: ad.AnnData) -> np.ndarray:
    found: np.ndarray = model.place(query).obsm["spatial"]
    return found


# Fitting


def test_dissociated_cells_come_near_their_true_places(
    phantom: Phantom, placed: ad.AnnData
) -> None:
    found = measure(phantom.truth.to_numpy(), placed.obsm["spatial"])
    assert found["procrustes"] < 0.4
    assert found["median_error_percent"] < 12
    assert found["knn_overlap"] > 3 * found["knn_overlap_chance"]


def test_the_same_seed_gives_bitwise_the_same_places(
    phantom: Phantom, hasty: dpv.TrainingSettings
) -> None:
    first, second = (
        places(dpv.DPVAE(hasty).fit(phantom.reference), phantom.query) for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)
    other = dpv.DPVAE(hasty, seed=1).fit(phantom.reference)
    assert (places(other, phantom.query) != first).any()


def test_fitting_leaves_the_reference_as_it_was(
    phantom: Phantom, hasty: dpv.TrainingSettings
) -> None:
    reference = phantom.reference.copy()
    dpv.DPVAE(hasty).fit(reference)
    np.testing.assert_array_equal(reference.X.toarray(), phantom.reference.X.toarray())
    assert list(reference.obsm) == ["spatial"]
    assert list(reference.uns) == ["spatial"]
    assert not reference.obsp
    assert reference.obs.equals(phantom.reference.obs)
    assert reference.var.equals(phantom.reference.var)


def test_dense_and_sparse_references_train_the_same_model(
    phantom: Phantom, hasty: dpv.TrainingSettings
) -> None:
    found = []
    for convert in (sparse.csr_matrix, sparse.csc_matrix, lambda x: x.toarray(), sparse.csr_array):
        reference = phantom.reference.copy()
        reference.X = convert(phantom.reference.X)
        found.append(dpv.DPVAE(hasty).fit(reference).trained.model_hash())
    assert len(set(found)) == 1


def test_arguments_are_settings(phantom: Phantom) -> None:
    model = dpv.DPVAE(dpv.TrainingSettings(epochs=3), alpha2=5.0)
    assert (model.settings.epochs, model.settings.alpha2) == (3, 5.0)
    with pytest.raises(ValueError, match="epochs"):
        dpv.DPVAE(epochs=-1)
    with pytest.raises(TypeError, match="epoch"):
        dpv.DPVAE(epoch=3)


def test_a_bad_reference_is_refused_before_anything_else(
    phantom: Phantom, hasty: dpv.TrainingSettings, refuses: Refuses
) -> None:
    model = dpv.DPVAE(hasty)
    with refuses("no coordinates"):
        model.fit(phantom.query)
    assert not model.is_trained


def test_progress_is_told_of_every_epoch(phantom: Phantom, hasty: dpv.TrainingSettings) -> None:
    reports: list[dpv.EpochReport] = []
    dpv.DPVAE(hasty).fit(phantom.reference, progress=reports.append)
    assert [report.epoch for report in reports] == list(range(reports[-1].epochs + 1))


@pytest.mark.parametrize("after", [1, 2, 3])
def test_stopping_after_a_few_epochs_leaves_a_usable_model(
    phantom: Phantom, hasty: dpv.TrainingSettings, after: int, tmp_path: Path
) -> None:
    model = dpv.DPVAE(hasty)
    for report in model.fit_epochs(phantom.reference):
        if report.epoch == after:
            break
    assert model.is_trained
    found = model.place(phantom.query)
    assert np.isfinite(found.obsm["spatial"]).all()
    found.write_h5ad(tmp_path / "placed.h5ad")
    model.save(tmp_path / "model.safetensors")
    again = dpv.DPVAE.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(places(again, phantom.query), found.obsm["spatial"])


def test_without_calibration_no_cell_counts_as_placed(
    phantom: Phantom, hasty: dpv.TrainingSettings
) -> None:
    model = dpv.DPVAE(hasty)
    steps = model.fit_epochs(phantom.reference)
    next(steps)
    next(steps)
    found = model.place(phantom.query)
    assert found.obs["dpvae_radius"].isna().all()
    assert set(found.obs["dpvae_status"]) == {"uncertain"}


@pytest.mark.parametrize("after", [31, 45])
def test_stopping_late_costs_nothing_that_was_learned(
    phantom: Phantom, quick: dpv.TrainingSettings, after: int
) -> None:
    # The first 30 epochs make and calibrate a model on most spots, the next 30 one on all.
    held_out = np.arange(phantom.reference.n_obs) % 2 == 0
    true = phantom.reference.obsm["spatial"][held_out]
    model = dpv.DPVAE(quick)
    errors, radius = {}, {}
    for report in model.fit_epochs(phantom.reference[~held_out].copy()):
        if report.epoch in (30, after):
            found = model.place(phantom.reference[held_out].copy())
            errors[report.epoch] = np.linalg.norm(found.obsm["spatial"] - true, axis=1)
            radius[report.epoch] = found.obs["dpvae_radius"]
        if report.epoch == after:
            break
    assert np.median(errors[after]) < 1.2 * np.median(errors[30])
    assert (errors[after] <= radius[after]).mean() > 0.9 - 0.2


def test_the_last_epoch_gives_the_model_of_all_spots(
    phantom: Phantom, hasty: dpv.TrainingSettings
) -> None:
    model = dpv.DPVAE(hasty)
    for report in model.fit_epochs(phantom.reference):
        if report.epoch:
            model.place(phantom.query)
    assert len(model.trained.members) == hasty.members
    whole = dpv.DPVAE(hasty).fit(phantom.reference)
    np.testing.assert_array_equal(places(model, phantom.query), places(whole, phantom.query))


def test_stopping_at_the_first_report_leaves_the_model_as_it_was(
    phantom: Phantom, hasty: dpv.TrainingSettings
) -> None:
    model = dpv.DPVAE(hasty)
    next(iter(model.fit_epochs(phantom.reference)))
    assert not model.is_trained
    with pytest.raises(RuntimeError, match=r"call fit\(\) or load\(\) first"):
        model.place(phantom.query)
    model.fit(phantom.reference)
    before = places(model, phantom.query)
    next(iter(model.fit_epochs(phantom.reference[:100].copy())))
    np.testing.assert_array_equal(places(model, phantom.query), before)


def test_fitting_again_gives_the_same_as_fitting_afresh(
    phantom: Phantom, hasty: dpv.TrainingSettings
) -> None:
    part = phantom.reference[::2].copy()
    twice = dpv.DPVAE(hasty).fit(phantom.reference).fit(part)
    np.testing.assert_array_equal(
        places(twice, phantom.query), places(dpv.DPVAE(hasty).fit(part), phantom.query)
    )


# The query


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
    np.testing.assert_array_equal(places(model, query), placed.obsm["spatial"])


def test_a_cell_is_placed_alike_whatever_other_cells_are_there(
    phantom: Phantom, model: dpv.DPVAE
) -> None:
    section = phantom.reference
    together = places(model, section)
    alone = np.concatenate([places(model, section[i : i + 1].copy()) for i in range(20)])
    # Matrix products of other sizes round differently in the last digits of float32.
    np.testing.assert_allclose(alone, together[:20], atol=2e-3)
    np.testing.assert_allclose(places(model, section[::-3].copy()), together[::-3], atol=2e-3)


def test_chunks_do_not_show(
    phantom: Phantom, model: dpv.DPVAE, placed: ad.AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_dpvae.trained.CHUNK", 50)
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
    own = procrustes_disparity(true, places(model, phantom.query))
    # Too few cells at once to have statistics of their own.
    few = [places(model, phantom.query[i : i + 20].copy()) for i in range(0, 120, 20)]
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
    np.testing.assert_allclose(placed.obsm["spatial"][:own], places(model, section), atol=2e-3)


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
    # A lambda too small makes every distance three times too long.
    members = tuple(replace(member, scale=member.scale / 3) for member in model.trained.members)
    trained = replace(model.trained, members=members)
    cells = trained.panel.standardise(phantom.reference)
    farthest = {}
    for choice in ("spots", "anywhere"):
        domain = make_domain(choice, trained.coordinates)
        (solved,) = trained.place_chunks(cells, 16, domain)
        farthest[choice] = farthest_from_a_spot(solved.points, trained.coordinates)
    assert farthest["spots"] < 100 * (1 + 1e-9)
    assert farthest["anywhere"] > 150


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
    monkeypatch.setattr(placing, "MOST_FREE", 119)
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


# Sections and volumes


def several(phantom: Phantom) -> ad.AnnData:
    """Two sections, each with its own library; the second is the smaller."""
    second = phantom.reference[:200].copy()
    second.uns["spatial"] = {"other": second.uns["spatial"][LIBRARY]}
    both = ad.concat(
        [phantom.reference, second],
        label="section",
        keys=[LIBRARY, "other"],
        uns_merge="unique",
        index_unique="-",
    )
    both.obs["section"] = both.obs["section"].astype("category")
    return both


def test_several_sections_train_and_place_in_the_largest(
    phantom: Phantom, quick: dpv.TrainingSettings
) -> None:
    model = dpv.DPVAE(quick, epochs=15).fit(several(phantom), section_key="section")
    found = measure(phantom.truth.to_numpy(), places(model, phantom.query))
    assert found["median_error_percent"] < 15


def test_cells_placed_in_one_of_several_sections_are_drawn_over_its_image(
    phantom: Phantom, hasty: dpv.TrainingSettings
) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import squidpy as sq

    model = dpv.DPVAE(hasty).fit(several(phantom), section_key="section")
    found = model.place(phantom.query)
    sq.pl.spatial_scatter(found, color=model.genes[0])
    plt.close("all")
    assert list(found.uns["spatial"]) == [LIBRARY]


def test_a_volume_is_placed_in_three_dimensions(volume: ad.AnnData, tmp_path: Path) -> None:
    held_out = np.arange(volume.n_obs) % 5 == 0
    model = dpv.DPVAE(epochs=40, regularisation="light").fit(volume[~held_out].copy())
    found = model.place(volume[held_out].copy())
    assert found.obsm["spatial"].shape == (40, 3)
    assert "spatial" not in found.uns
    measured = measure(volume.obsm["spatial"][held_out], found.obsm["spatial"])
    assert measured["median_error_percent"] < 12
    model.save(tmp_path / "volume.safetensors")
    again = dpv.DPVAE.load(tmp_path / "volume.safetensors")
    np.testing.assert_array_equal(places(again, volume[held_out].copy()), found.obsm["spatial"])


def test_a_real_dissociated_query_is_placed_in_its_atlas(dataset: Dataset) -> None:
    atlas = dpv.read_reference(dataset("drosophila_embryo_BDTNP3D"))
    cells = dpv.read_query(dataset("drosophila_embryo_scRNA_Karaiskos"))[:200].copy()
    model = dpv.DPVAE(epochs=5, regularisation="light").fit(atlas)
    found = model.place(cells)
    assert found.obsm["spatial"].shape == (200, 3)
    axis, expression = atlas.obsm["spatial"][:, 0], atlas.to_df()
    strength = expression.corrwith(pd.Series(axis, atlas.obs_names))
    genes = strength.abs().nlargest(10).index.intersection(cells.var_names)
    counts = found.to_df()[genes]
    front = counts[found.obsm["spatial"][:, 0] < np.median(axis)].mean() / counts.mean()
    assert (np.sign(1 - front) == np.sign(strength[genes])).mean() > 0.7


# Files


OTHER_PROCESS = """
import sys
import numpy as np
import napari_dpvae as dpv
model, query, out = sys.argv[1:]
placed = dpv.DPVAE.load(model).place(dpv.read_query(query))
np.savez(out, points=placed.obsm["spatial"], radius=placed.obs["dpvae_radius"])
"""


def test_a_saved_model_places_bitwise_alike_in_another_process(
    phantom: Phantom, model: dpv.DPVAE, placed: ad.AnnData, tmp_path: Path
) -> None:
    model.save(tmp_path / "model.safetensors")
    phantom.query.write_h5ad(tmp_path / "query.h5ad")
    files = ["model.safetensors", "query.h5ad", "out.npz"]
    subprocess.run(
        [sys.executable, "-c", OTHER_PROCESS, *files], cwd=tmp_path, check=True, timeout=120
    )
    found = np.load(tmp_path / "out.npz")
    np.testing.assert_array_equal(found["points"], placed.obsm["spatial"])
    np.testing.assert_array_equal(found["radius"], placed.obs["dpvae_radius"])


def test_a_loaded_model_knows_what_the_saved_one_knew(
    phantom: Phantom, model: dpv.DPVAE, tmp_path: Path
) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    again = dpv.DPVAE.load(path)
    assert again.is_trained
    assert again.genes == model.genes
    assert again.card == model.card
    assert again.settings == model.trained.settings
    assert again.trained.model_hash() == model.trained.model_hash()
    ours, theirs = (m.trained.spatial[LIBRARY] for m in (model, again))
    assert theirs["scalefactors"] == ours["scalefactors"]
    np.testing.assert_array_equal(theirs["images"]["hires"], ours["images"]["hires"])
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_a_model_file_holds_no_pickle(model: dpv.DPVAE, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    assert content[8:9] == b"{"
    assert content[8 : 8 + length].rstrip().endswith(b"}")


def test_a_model_file_that_lacks_a_part_is_damaged(
    model: dpv.DPVAE, tmp_path: Path, refuses: Refuses
) -> None:
    from napari_dpvae.model import checkpoint

    path = tmp_path / "model.safetensors"
    model.save(path)
    tensors, header = checkpoint.load(path)
    for name in tensors:
        if name.startswith("image."):
            continue
        checkpoint.save(path, {k: v for k, v in tensors.items() if k != name}, header)
        with refuses("damaged"):
            dpv.DPVAE.load(path)
    ours = {"format", "version"}
    for name in header.keys() - ours:
        checkpoint.save(path, tensors, {k: v for k, v in header.items() if k not in {name, *ours}})
        with refuses("damaged"):
            dpv.DPVAE.load(path)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x80\x04pickle")
    with refuses("not a napari-dpvae model file"):
        dpv.DPVAE.load(path)
    with refuses("no model file"):
        dpv.DPVAE.load(tmp_path / "nowhere.safetensors")


def test_a_reference_as_from_cellxgene_can_be_saved(
    phantom: Phantom, hasty: dpv.TrainingSettings, tmp_path: Path
) -> None:
    reference = phantom.reference.copy()
    reference.uns["spatial"]["is_single"] = np.True_
    model = dpv.DPVAE(hasty).fit(reference)
    model.save(tmp_path / "model.safetensors")
    again = dpv.DPVAE.load(tmp_path / "model.safetensors")
    assert list(again.place(phantom.query).uns["spatial"]) == [LIBRARY]


def test_an_untrained_model_can_do_nothing_and_says_so(phantom: Phantom, tmp_path: Path) -> None:
    model = dpv.DPVAE()
    for use in (
        lambda: model.place(phantom.query),
        lambda: model.encode(phantom.query),
        lambda: model.save(tmp_path / "model.safetensors"),
        lambda: model.genes,
        lambda: model.card,
    ):
        with pytest.raises(RuntimeError, match="not trained yet"):
            use()
    assert not list(tmp_path.iterdir())


def test_coordinates_may_be_a_table_or_whole_numbers(
    phantom: Phantom, hasty: dpv.TrainingSettings
) -> None:
    reference = phantom.reference.copy()
    whole = reference.obsm["spatial"].round()
    found = []
    for coordinates in (
        whole,
        whole.astype(int),
        pd.DataFrame(whole, index=reference.obs_names, columns=["x", "y"]),
    ):
        reference.obsm["spatial"] = coordinates
        found.append(places(dpv.DPVAE(hasty).fit(reference), phantom.query))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
