"""Experiments: honest splits, and the dp-VAE beside the vanilla VAE."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from inspect import getdoc, signature
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from napari_dpvae import DPVAE, TrainingSettings, evaluate, read_reference
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.evaluation.distortion import Distortions
from napari_dpvae.evaluation.experiments import EvaluationReport, evaluate_steps
from napari_dpvae.evaluation.hold_out import Split, SpotSplit, hold_out, split_spots
from napari_dpvae.evaluation.metrics import measure, measure_regions
from napari_dpvae.geometry.spacing import diagonal
from napari_dpvae.steps import drain

Refuses = Callable[[str], AbstractContextManager[None]]
Dataset = Callable[[str], Path]


def section(phantom: Phantom) -> ad.AnnData:
    """The phantom's query with its truth, as another section would have it."""
    query = phantom.query.copy()
    query.obsm["spatial"] = phantom.truth.to_numpy()
    return query


@pytest.mark.parametrize("split", ["random", "block"])
def test_a_fifth_is_held_out_and_the_seed_decides_which(phantom: Phantom, split: SpotSplit) -> None:
    spots = phantom.reference.obsm["spatial"]
    first = split_spots(spots, split, 0)
    assert first.sum() == round(len(spots) / 5)
    np.testing.assert_array_equal(first, split_spots(spots, split, 0))
    assert (first != split_spots(spots, split, 1)).any()


def test_a_block_is_contiguous_and_random_spots_are_spread(phantom: Phantom) -> None:
    spots = phantom.reference.obsm["spatial"]
    widths, lonely = {}, {}
    for split in ("block", "random"):
        held_out = split_spots(spots, split, 3)
        widths[split] = diagonal(spots[held_out])
        near, _ = cKDTree(spots[~held_out]).query(spots[held_out])
        lonely[split] = np.quantile(near, 0.5)
    assert widths["block"] < 0.7 * diagonal(spots) < widths["random"]
    assert lonely["block"] > lonely["random"]


def test_a_block_holds_no_spot_farther_than_one_left_out(phantom: Phantom) -> None:
    spots = phantom.reference.obsm["spatial"]
    held_out = split_spots(spots, "block", 0)
    reach = [
        (np.linalg.norm(spots[held_out] - c, axis=1).max())
        - np.linalg.norm(spots[~held_out] - c, axis=1).min()
        for c in spots[held_out]
    ]
    assert min(reach) <= 1e-6


def test_an_unknown_split_is_refused(phantom: Phantom) -> None:
    with pytest.raises(ValueError, match="choose one of random, block"):
        split_spots(phantom.reference.obsm["spatial"], "half")  # type: ignore[arg-type]


def test_dpvae_beats_the_vanilla_vae_on_the_phantom(
    phantom: Phantom, quick: TrainingSettings
) -> None:
    table = evaluate(quick, phantom.reference).set_index("method")
    assert table.loc["dp-VAE", "procrustes"] < 0.5 * table.loc["vanilla VAE", "procrustes"]
    assert table.loc["dp-VAE", "median_error"] < table.loc["vanilla VAE", "median_error"]


def test_dpvae_beats_the_vanilla_vae_on_another_section(
    phantom: Phantom, quick: TrainingSettings
) -> None:
    table = evaluate(quick, phantom.reference, section(phantom)).set_index("method")
    assert table.loc["dp-VAE", "procrustes"] < table.loc["vanilla VAE", "procrustes"]
    assert table.loc["dp-VAE", "distance_spearman"] > table.loc["vanilla VAE", "distance_spearman"]


def test_dpvae_beats_the_vanilla_vae_on_a_real_neighbouring_section(
    dataset: Dataset, quick: TrainingSettings
) -> None:
    settings = replace(quick, epochs=60, regularisation="strong", genes=300)
    first, second = (read_reference(dataset(f"breast_her2st_{name}")) for name in ("C2", "C3"))
    table = evaluate(settings, first, second).set_index("method")
    assert table.loc["dp-VAE", "procrustes"] < table.loc["vanilla VAE", "procrustes"] - 0.1


def test_the_table_has_a_row_for_each_method_and_seed(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    table = evaluate(replace(hasty, seed=5), phantom.reference, split="block", seeds=2)
    assert table[["method", "seed"]].to_numpy().tolist() == [
        ["dp-VAE", 5],
        ["vanilla VAE", 5],
        ["dp-VAE", 6],
        ["vanilla VAE", 6],
    ]
    truth = phantom.truth.to_numpy()
    regions = measure_regions(truth, truth, np.ones(len(truth)))
    wide = [f"wide_{name}" for name in regions]
    distorted = Distortions._fields
    assert set(table["held_out"]) == {"a contiguous block"}
    assert list(table.columns[3:]) == [*measure(truth, truth), *regions, *wide, *distorted]


def test_a_model_is_evaluated_by_its_settings_and_left_as_it_was(
    phantom: Phantom, model: DPVAE, hasty: TrainingSettings
) -> None:
    untrained = DPVAE(hasty)
    table = evaluate(untrained, phantom.reference)
    assert not untrained.is_trained
    assert table.equals(evaluate(hasty, phantom.reference))


def test_the_vanilla_vae_alone_has_one_row(phantom: Phantom, hasty: TrainingSettings) -> None:
    table = evaluate(replace(hasty, alpha2=0.0), phantom.reference)
    assert table["method"].tolist() == ["vanilla VAE"]


def test_progress_grows_to_the_whole(phantom: Phantom, hasty: TrainingSettings) -> None:
    reports: list[EvaluationReport] = []
    evaluate(hasty, phantom.reference, progress=reports.append)
    done = [report.done for report in reports]
    assert done == sorted(done)
    assert done[-1] == 1
    assert {"dp-VAE", "vanilla VAE"} == {report.stage.split(",")[0] for report in reports}


def test_a_query_without_coordinates_is_refused(
    phantom: Phantom, hasty: TrainingSettings, refuses: Refuses
) -> None:
    with refuses("no truth to measure"):
        evaluate(hasty, phantom.reference, phantom.query)


def test_a_query_with_other_dimensions_or_gaps_is_refused(
    phantom: Phantom, hasty: TrainingSettings, refuses: Refuses
) -> None:
    query = section(phantom)
    query.obsm["spatial"] = np.c_[phantom.truth, phantom.truth["x"]]
    with refuses("2-dimensional"):
        evaluate(hasty, phantom.reference, query)
    query.obsm["spatial"] = phantom.truth.to_numpy().copy()
    query.obsm["spatial"][0] = np.nan
    with refuses("finite"):
        evaluate(hasty, phantom.reference, query)


@pytest.mark.parametrize("with_section", [False, True])
def test_a_reference_without_coordinates_is_refused(
    phantom: Phantom, hasty: TrainingSettings, refuses: Refuses, with_section: bool
) -> None:
    with refuses("reference has no coordinates"):
        evaluate(hasty, phantom.query, section(phantom) if with_section else None)


def test_no_runs_at_all_are_refused(phantom: Phantom, hasty: TrainingSettings) -> None:
    with pytest.raises(ValueError, match="seeds"):
        evaluate(hasty, phantom.reference, seeds=0)


def in_sections(phantom: Phantom) -> ad.AnnData:
    reference = phantom.reference.copy()
    names = np.where(np.arange(reference.n_obs) % 3, "upper", "lower")
    reference.obs["section"] = names
    return reference


def test_a_whole_section_is_held_out_and_trained_on_the_others(phantom: Phantom) -> None:
    reference = in_sections(phantom)
    case = hold_out(reference, None, "section", 0, "section", None)
    assert set(case.query.obs["section"]) == {"lower"}
    assert set(case.reference.obs["section"]) == {"upper"} and case.what == "section lower"
    np.testing.assert_array_equal(case.true, case.query.obsm["spatial"])
    case = hold_out(reference, None, "section", 0, "section", "upper")
    assert set(case.query.obs["section"]) == {"upper"}


def test_spots_are_held_out_of_the_section_that_is_the_frame(phantom: Phantom) -> None:
    case = hold_out(in_sections(phantom), None, "random", 0, "section", None)
    assert set(case.query.obs["section"]) == {"upper"} and case.what == "random spots"


def test_a_section_that_is_not_there_is_refused(phantom: Phantom, refuses: Refuses) -> None:
    with refuses("no section 'third'"):
        hold_out(in_sections(phantom), None, "section", 0, "section", "third")
    with refuses("one section only"):
        hold_out(phantom.reference, None, "section", 0, None, None)


APART = 1e5


@pytest.fixture
def apart(phantom: Phantom) -> ad.AnnData:
    """Sections in frames of their own: A, a little larger than B; C small; the three far apart."""
    reference = phantom.reference.copy()
    names = np.where(np.arange(reference.n_obs) % 19 < 10, "A", "B").astype(object)
    names[::10] = "C"
    reference.obs["slice"] = pd.Categorical(names)
    reference.obsm["spatial"] += APART * reference.obs["slice"].cat.codes.to_numpy()[:, None]
    return reference


@pytest.mark.parametrize(
    ("split", "frame"),
    [
        pytest.param(split, frame, marks=[pytest.mark.slow] * (frame not in ordinary))
        for split, ordinary in {"random": ("", "A"), "block": ("B",), "none": ("", "B")}.items()
        for frame in ("", "A", "B")
    ],
)
def test_errors_are_told_in_the_frame_alone(
    apart: ad.AnnData, hasty: TrainingSettings, split: Split, frame: str
) -> None:
    settings = replace(hasty, frame=frame)
    evaluation = drain(evaluate_steps(settings, apart, split=split, section_key="slice"))
    assert evaluation.one_frame
    section = apart[apart.obs["slice"] == (frame or "A")].obsm["spatial"]
    for run in evaluation.held_out:
        assert set(map(tuple, run.true)) <= set(map(tuple, section))
        assert len(run.true) == (len(section) if split == "none" else round(len(section) / 5))
    assert (evaluation.table["p90_error"] < APART / 2).all()


def test_the_frame_stays_the_frame_when_a_part_of_it_is_held_out(
    apart: ad.AnnData, hasty: TrainingSettings
) -> None:
    sizes = apart.obs["slice"].value_counts()
    assert sizes["A"] > sizes["B"] > 0.8 * sizes["A"]
    (run, _) = drain(evaluate_steps(hasty, apart, section_key="slice")).held_out
    assert (run.placed < APART / 2).all()


IN_ONE_FRAME = ["median_error", "median_error_percent", "p90_error", "p90_error_percent"]
IN_ONE_FRAME += ["coverage", "wide_coverage"]


@pytest.mark.parametrize("section", ["A", "B", None])
def test_across_frames_no_error_and_no_coverage_is_told(
    apart: ad.AnnData, hasty: TrainingSettings, section: str | None
) -> None:
    # The frame that is named cannot be one's own when it is held out.
    settings = replace(hasty, frame="A")
    steps = evaluate_steps(settings, apart, split="section", section_key="slice", section=section)
    evaluation = drain(steps)
    assert not evaluation.one_frame
    table = evaluation.table.set_index("method")
    assert table[IN_ONE_FRAME].isna().all(axis=None)
    shape = ["procrustes", "stress1", "knn_overlap", "aligned_median_error", "median_radius"]
    assert table[shape].notna().all(axis=None)


def test_a_query_has_a_frame_of_its_own_unless_it_is_registered(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    apart = evaluate(hasty, phantom.reference, section(phantom))
    assert apart[IN_ONE_FRAME].isna().all(axis=None)
    laid_on = evaluate(hasty, phantom.reference, section(phantom), registered=True)
    assert laid_on[IN_ONE_FRAME[:-1]].notna().all(axis=None)
    shared = apart.columns.difference(IN_ONE_FRAME)
    assert apart[shared].equals(laid_on[shared])


def test_of_a_query_of_several_sections_one_is_compared(
    phantom: Phantom, apart: ad.AnnData, hasty: TrainingSettings
) -> None:
    case = hold_out(phantom.reference, apart, "random", 0, "slice", None)
    assert set(case.query.obs["slice"]) == {"A"} and case.what == "the query"
    np.testing.assert_array_equal(case.true, case.query.obsm["spatial"])
    case = hold_out(phantom.reference, apart, "random", 0, "slice", "C")
    assert set(case.query.obs["slice"]) == {"C"}
    apart.obs["slice"] = np.nan
    assert hold_out(phantom.reference, apart, "random", 0, "slice", None).query is apart


@pytest.mark.parametrize("split", ["section", "random", "none"])
def test_spots_of_no_known_section_are_not_held_out(apart: ad.AnnData, split: Split) -> None:
    apart.obs.loc[apart.obs_names[:12], "slice"] = np.nan
    assert apart.obs["slice"].value_counts()["C"] > 12
    case = hold_out(apart, None, split, 0, "slice", None)
    assert not case.query.obs["slice"].isna().any()
    assert set(case.query.obs["slice"]) == {"C" if split == "section" else "A"}
    assert set(hold_out(apart, apart, split, 0, "slice", None).query.obs["slice"]) == {"A"}


def test_help_shows_what_an_evaluation_can_be_told() -> None:
    shown = signature(evaluate).parameters
    documented = getdoc(evaluate) or ""
    assert list(shown)[:4] == ["model", "reference", "query", "split"]
    assert all(f"\n{name}\n" in documented for name in shown)


def test_a_query_too_small_to_be_measured_is_refused_before_training(
    phantom: Phantom, refuses: Refuses
) -> None:
    with refuses("Only 3 cells"):
        next(evaluate_steps(TrainingSettings(), phantom.reference, section(phantom)[:3]))


def test_wide_regions_that_were_not_calibrated_have_no_coverage(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    table = evaluate(hasty, phantom.reference)
    assert table["wide_coverage"].isna().all()
    assert table["coverage"].notna().all()


def test_the_placements_are_those_of_the_table(phantom: Phantom, hasty: TrainingSettings) -> None:
    evaluation = drain(evaluate_steps(hasty, phantom.reference, split="block"))
    assert evaluation.one_frame
    for run, (_, row) in zip(evaluation.held_out, evaluation.table.iterrows(), strict=True):
        assert run.method == row["method"]
        assert measure(run.true, run.placed)["median_error"] == row["median_error"]


def test_in_sample_places_the_spots_that_were_trained_on(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    (placement, _) = drain(evaluate_steps(hasty, phantom.reference, split="none")).held_out
    np.testing.assert_array_equal(placement.true, phantom.reference.obsm["spatial"])
    assert placement.what == "nothing"


def test_fine_tuning_is_measured_beside_zero_shot(
    phantom: Phantom, hasty: TrainingSettings
) -> None:
    table = evaluate(hasty, phantom.reference, section(phantom), fine_tune=True)
    assert table["method"].tolist() == ["dp-VAE", "dp-VAE, fine-tuned", "vanilla VAE"]
    assert table["procrustes"].nunique() == 3


def test_the_coverage_is_that_of_the_stated_regions(
    phantom: Phantom, quick: TrainingSettings
) -> None:
    evaluation = drain(evaluate_steps(quick, phantom.reference))
    run, row = evaluation.held_out[0], evaluation.table.iloc[0]
    inside = np.linalg.norm(run.true - run.placed, axis=1) <= run.radius
    assert row["coverage"] == inside.mean() > 0.6
    assert row["median_radius"] == np.median(run.radius)
