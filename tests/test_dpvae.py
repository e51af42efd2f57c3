"""The dp-VAE as users know it: one section, several, or a volume; stopped at any time."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import napari_dpvae as dpv
from napari_dpvae.data.phantom import LIBRARY, Phantom
from napari_dpvae.evaluation.metrics import measure

Refuses = Callable[[str], AbstractContextManager[None]]
Dataset = Callable[[str], Path]


def places(model: dpv.DPVAE, query: ad.AnnData) -> np.ndarray:
    found: np.ndarray = model.place(query).obsm["spatial"]
    return found


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
    with pytest.raises(dpv.DataError, match="no setting 'epoch'"):
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
    assert [report.epoch for report in reports] == list(range(0, reports[-1].epochs + 1, 2))


@pytest.mark.parametrize("after", [2, 4, 6])
def test_stopping_after_a_few_epochs_leaves_a_usable_model(
    phantom: Phantom, hasty: dpv.TrainingSettings, after: int, tmp_path: Path
) -> None:
    model = dpv.DPVAE(hasty, epochs=4)
    for report in model.fit_epochs(phantom.reference):
        if report.epoch == after:
            break
    assert report.epoch < report.epochs
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


@pytest.mark.parametrize("after", [62, 90])
def test_stopping_late_costs_nothing_that_was_learned(
    phantom: Phantom, quick: dpv.TrainingSettings, after: int
) -> None:
    # The first 60 epochs make and calibrate a model on half of the spots, the next 60 one on all.
    held_out = np.arange(phantom.reference.n_obs) % 2 == 0
    true = phantom.reference.obsm["spatial"][held_out]
    model = dpv.DPVAE(quick, checks=1)
    errors, radius = {}, {}
    for report in model.fit_epochs(phantom.reference[~held_out].copy()):
        if report.epoch in (60, after):
            found = model.place(phantom.reference[held_out].copy())
            errors[report.epoch] = np.linalg.norm(found.obsm["spatial"] - true, axis=1)
            radius[report.epoch] = found.obs["dpvae_radius"]
        if report.epoch == after:
            break
    assert np.median(errors[after]) < 1.2 * np.median(errors[60])
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


def test_a_volume_is_placed_in_three_dimensions(
    volume: ad.AnnData, quick: dpv.TrainingSettings, tmp_path: Path
) -> None:
    held_out = np.arange(volume.n_obs) % 5 == 0
    model = dpv.DPVAE(quick, epochs=40).fit(volume[~held_out].copy())
    found = model.place(volume[held_out].copy())
    assert found.obsm["spatial"].shape == (40, 3)
    assert "spatial" not in found.uns
    measured = measure(volume.obsm["spatial"][held_out], found.obsm["spatial"])
    assert measured["median_error_percent"] < 12
    model.save(tmp_path / "volume.safetensors")
    again = dpv.DPVAE.load(tmp_path / "volume.safetensors")
    np.testing.assert_array_equal(places(again, volume[held_out].copy()), found.obsm["spatial"])


def test_a_real_dissociated_query_is_placed_in_its_atlas(
    dataset: Dataset, quick: dpv.TrainingSettings
) -> None:
    atlas = dpv.read_reference(dataset("drosophila_embryo_BDTNP3D"))
    cells = dpv.read_query(dataset("drosophila_embryo_scRNA_Karaiskos"))[:200].copy()
    model = dpv.DPVAE(quick, epochs=5).fit(atlas)
    found = model.place(cells)
    assert found.obsm["spatial"].shape == (200, 3)
    axis, expression = atlas.obsm["spatial"][:, 0], atlas.to_df()
    strength = expression.corrwith(pd.Series(axis, atlas.obs_names))
    genes = strength.abs().nlargest(10).index.intersection(cells.var_names)
    counts = found.to_df()[genes]
    front = counts[found.obsm["spatial"][:, 0] < np.median(axis)].mean() / counts.mean()
    assert (np.sign(1 - front) == np.sign(strength[genes])).mean() > 0.7
