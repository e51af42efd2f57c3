"""Counts themselves have a say beside the networks, as far as held-out spots tell."""

from dataclasses import replace

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from napari_dpvae import DPVAE, TrainingSettings
from napari_dpvae.data.phantom import Phantom, make_phantom
from napari_dpvae.evaluation.metrics import localisation_errors
from napari_dpvae.geometry.domain import Anywhere
from napari_dpvae.placement.calibrate import calibrated
from napari_dpvae.placement.profiles import NEIGHBOURS, Profiles
from napari_dpvae.placement.query import read_by
from napari_dpvae.placement.solve import Solver
from napari_dpvae.settings import PlacementSettings


@pytest.fixture(scope="module")
def solver(phantom: Phantom, model: DPVAE) -> Solver:
    return calibrated(Solver.of(model.trained, read_by(model.trained, phantom.query))).solver


def errors(phantom: Phantom, points: np.ndarray) -> np.ndarray:
    return localisation_errors(phantom.truth.to_numpy(), points)


def profiles_of(solver: Solver) -> Profiles:
    assert solver.profiles is not None
    return solver.profiles


def test_together_they_are_nearer_than_networks_alone(
    phantom: Phantom, model: DPVAE, solver: Solver
) -> None:
    placed = model.place(phantom.query)
    profiles, cells = profiles_of(solver), solver.query.aligned.read()
    assert placed.uns["dpvae"]["profile_share"] == profiles.share > 0
    networks = Solver.of(model.trained, solver.query).solve(
        cells, PlacementSettings().anchors, Anywhere()
    )
    together = errors(phantom, placed.obsm["spatial"]).mean()
    assert together < 0.95 * errors(phantom, networks.points).mean()


def test_a_cell_is_placed_by_its_own_counts(phantom: Phantom, solver: Solver) -> None:
    profiles, cells = profiles_of(solver), solver.query.aligned.read()
    own = profiles.places(profiles.likeness(cells), profiles.temperature)
    order = np.random.default_rng(0).permutation(len(own))
    others = cells._replace(values=cells.values[order])
    shuffled = profiles.places(profiles.likeness(others), profiles.temperature)
    np.testing.assert_allclose(shuffled, own[order], rtol=1e-4)
    assert errors(phantom, shuffled).mean() > 2 * errors(phantom, own).mean()


def test_doubt_is_how_far_off_the_spots_lie_that_a_cell_is_like(solver: Solver) -> None:
    profiles, cells = profiles_of(solver), solver.query.aligned.read(slice(0, 5))
    likeness = profiles.likeness_around(cells)
    points = np.random.default_rng(0).uniform(size=(5, 2)) * np.ptp(profiles.coordinates, axis=0)
    weights = np.exp(likeness.numpy().astype(float) / 0.004)
    weights /= weights.sum(axis=1, keepdims=True)
    squares = ((profiles.coordinates - points[:, None]) ** 2).sum(axis=2)
    expected = np.sqrt((weights * squares).sum(axis=1))
    np.testing.assert_allclose(profiles.distances(points, likeness, 0.004), expected, rtol=1e-3)


def test_a_spot_and_its_neighbours_count_alike(solver: Solver) -> None:
    profiles = profiles_of(solver)
    # No two at the same distance.
    moved = profiles.coordinates + np.random.default_rng(0).uniform(size=profiles.coordinates.shape)
    profiles = replace(profiles, coordinates=moved)
    distances = np.linalg.norm(moved - moved[7], axis=1)
    nearest = np.argsort(distances)[1 : NEIGHBOURS + 1]
    mean = profiles.roots[nearest].mean(axis=0)
    both = profiles.roots[7] + mean / np.linalg.norm(mean)
    np.testing.assert_allclose(profiles.around[7], both / np.linalg.norm(both), rtol=1e-4)


def test_what_a_network_did_not_see_is_no_ones_neighbour(solver: Solver) -> None:
    profiles = profiles_of(solver)
    seen = np.arange(len(profiles.coordinates)) % 3 > 0
    own, hidden = profiles.among(seen), profiles.roots.copy()
    hidden[~seen] = 0
    np.testing.assert_array_equal(replace(profiles, roots=hidden).among(seen).around, own.around)


def test_a_spot_is_likest_to_itself_whatever_genes_the_platform_prefers(
    phantom: Phantom, model: DPVAE
) -> None:
    rng = np.random.default_rng(0)
    deep, spots = phantom.reference.copy(), phantom.reference
    rates = np.rint(spots.X.toarray() * rng.uniform(2, 50, spots.n_vars))
    deep.X = sparse.csr_matrix(rates.astype(np.float32))
    read = read_by(model.trained, deep)
    assert read.aligned.across_gap
    likeness = Profiles.of(model.trained, read).likeness(read.aligned.read()).numpy()
    assert (likeness.argmax(axis=1) == np.arange(len(likeness))).mean() > 0.95


def test_a_reference_that_holds_no_counts_has_no_profiles(phantom: Phantom, model: DPVAE) -> None:
    logged = phantom.reference.copy()
    logged.X = np.log1p(logged.X.toarray() * np.linspace(0.31, 0.97, logged.n_vars))
    small = replace(model.settings, epochs=2, members=2)
    placed = DPVAE(small).fit(logged).place(phantom.query)
    assert placed.uns["dpvae"]["standardised_by"] == "query"
    assert placed.uns["dpvae"]["profile_share"] == 0


@pytest.mark.parametrize("genes", [slice(None), slice(0, None, 2)])
def test_spots_of_the_same_platform_are_nearer_to_where_they_are(
    phantom: Phantom, quick: TrainingSettings, genes: slice
) -> None:
    held_out = np.arange(phantom.reference.n_obs) % 4 == 0
    model = DPVAE(quick).fit(phantom.reference[~held_out].copy())
    query, true = phantom.reference[held_out].copy(), phantom.reference.obsm["spatial"]
    query = query[:, query.var_names[genes]].copy()
    plain = Solver.of(model.trained, read_by(model.trained, query))
    beside = calibrated(plain)
    assert 0 < profiles_of(beside.solver).share <= 0.3
    alone, together = (
        solver.solve(plain.query.aligned.read(), PlacementSettings().anchors, Anywhere()).points
        for solver in (plain, beside.solver)
    )
    off = [np.linalg.norm(points - true[held_out], axis=1).mean() for points in (alone, together)]
    assert off[1] < 0.98 * off[0]
    if len(query.var_names) == phantom.reference.n_vars:
        # Held-out spots, of which all genes are known, are nearer as well, and regions narrower.
        assert beside.errors.scores.mean() < model.trained.scores.mean()


def test_no_more_than_held_out_spots_gain_by(phantom: Phantom, model: DPVAE) -> None:
    """Spots whose counts tell nothing of their place are put by the networks alone."""
    trained = model.trained
    shuffled = np.random.default_rng(0).permutation(trained.expression)
    # Nor does the regression read what is shuffled.
    members = tuple(replace(member, regression=None) for member in trained.members)
    blind = replace(trained, expression=shuffled, members=members)
    solver = Solver.of(blind, read_by(blind, phantom.reference))
    assert profiles_of(calibrated(solver).solver).share == 0


def test_cells_that_express_nothing_stay_where_the_networks_put_them(solver: Solver) -> None:
    cells, profiles = solver.query.aligned.read(slice(0, 3)), profiles_of(solver)
    silent = cells._replace(values=cells.values * 0, expressed=np.zeros(3, bool))
    points = np.arange(6.0).reshape(3, 2)
    kept, doubt, _ = profiles.beside(points, silent)
    np.testing.assert_array_equal(kept, points)
    assert (doubt > profiles.beside(points, cells)[1]).all()


def test_the_radius_tells_which_cells_are_nearer(model: DPVAE) -> None:
    # Of the same tissue: of few cells it is a matter of chance.
    many = make_phantom(n_cells=1000)
    placed = model.place(many.query)
    assert nearer_where_narrow(placed, errors(many, placed.obsm["spatial"])) < 0.85


def test_the_radius_tells_which_spots_are_nearer(phantom: Phantom, quick: TrainingSettings) -> None:
    """Of half of them a fifth of the molecules is seen, and their places are harder to tell."""
    held_out = np.arange(phantom.reference.n_obs) % 4 == 0
    query, few = phantom.reference[held_out].copy(), np.arange(held_out.sum()) % 2 == 0
    counts = query.X.toarray()
    counts[few] = np.random.default_rng(0).binomial(counts[few].astype(int), 0.2)
    query.X = sparse.csr_matrix(counts)
    placed = DPVAE(quick).fit(phantom.reference[~held_out].copy()).place(query)
    assert placed.uns["dpvae"]["standardised_by"] == "reference"
    off = np.linalg.norm(placed.obsm["spatial"] - query.obsm["spatial"], axis=1)
    assert nearer_where_narrow(placed, off) < 0.8


def nearer_where_narrow(placed: ad.AnnData, off: np.ndarray) -> float:
    """Error of the cells with the narrower regions, as a share of that of the others."""
    near, far = np.array_split(off[np.argsort(placed.obs["dpvae_radius"].to_numpy())], 2)
    return float(near.mean() / far.mean())


def test_of_many_spots_some_from_all_over_the_tissue_are_compared(
    phantom: Phantom, model: DPVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_dpvae.placement.profiles.MOST_SPOTS", 100)
    some = errors(phantom, model.place(phantom.query).obsm["spatial"]).mean()
    few = calibrated(Solver.of(model.trained, read_by(model.trained, phantom.query))).solver
    spots = profiles_of(few).spots
    assert len(spots) <= 100
    assert spots.max() > 0.95 * phantom.reference.n_obs
    monkeypatch.undo()
    assert some < 1.1 * errors(phantom, model.place(phantom.query).obsm["spatial"]).mean()
