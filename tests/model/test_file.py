"""Model files: what is kept, and what is refused."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from tests.conftest import Elsewhere

import napari_dpvae as dpv
from napari_dpvae.data.phantom import LIBRARY, Phantom
from napari_dpvae.geometry.domain import NearSpots
from napari_dpvae.placement.query import read_by
from napari_dpvae.placement.solve import Solver
from napari_dpvae.settings import PlacementSettings

DATA = Path(__file__).parent / "data"
Refuses = Callable[[str], AbstractContextManager[None]]


def place(folder: Path) -> None:
    placed = dpv.DPVAE.load(folder / "model.safetensors").place(
        dpv.read_query(folder / "query.h5ad")
    )
    radius = placed.obs["dpvae_radius"]
    np.savez(folder / "out.npz", points=placed.obsm["spatial"], radius=radius)


def test_a_saved_model_places_bitwise_alike_in_another_process(
    phantom: Phantom,
    model: dpv.DPVAE,
    placed: ad.AnnData,
    tmp_path: Path,
    elsewhere: Elsewhere,
) -> None:
    model.save(tmp_path / "model.safetensors")
    phantom.query.write_h5ad(tmp_path / "query.h5ad")
    elsewhere(place, tmp_path).join(120)
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
    assert again.settings == model.settings
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
    with refuses("no file or folder"):
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


def dropout_of(model: dpv.DPVAE) -> list[float]:
    layers = (
        layer
        for member in model.trained.members
        for layer in member.network.modules()
        if isinstance(layer, torch.nn.Dropout)
    )
    return [layer.p for layer in layers]


def saved(model: dpv.DPVAE, folder: Path) -> dpv.DPVAE:
    model.save(folder / "model.safetensors")
    return dpv.DPVAE.load(folder / "model.safetensors")


def test_training_goes_on_alike_before_and_after_a_file(
    phantom: Phantom, hasty: dpv.TrainingSettings, tmp_path: Path
) -> None:
    model = dpv.DPVAE(hasty, regularisation="strong", fixed_lambda=2.0).fit(phantom.reference)
    again = saved(model, tmp_path)
    assert dropout_of(again) == dropout_of(model)
    assert max(dropout_of(again)) > 0
    tuned = [m.fine_tune(phantom.reference, phantom.query, epochs=3) for m in (model, again)]
    assert tuned[0].trained.model_hash() == tuned[1].trained.model_hash()
    for member in tuned[1].trained.members:
        assert float(member.network.scale.detach()) == pytest.approx(2.0)


def test_settings_are_as_asked_before_and_after_a_file(
    phantom: Phantom, hasty: dpv.TrainingSettings, tmp_path: Path
) -> None:
    model = dpv.DPVAE(hasty, latent_dim=0).fit(phantom.reference)
    again = saved(model, tmp_path)
    assert again.settings == model.settings
    assert again.settings.latent_dim == 0
    assert again.trained.settings.latent_dim == 2


def test_a_tuned_model_places_alike_before_and_after_a_file(
    phantom: Phantom, model: dpv.DPVAE, tmp_path: Path
) -> None:
    tuned = model.fine_tune(phantom.reference, phantom.reference, epochs=1)
    places = [m.place(phantom.query).obsm["spatial"] for m in (tuned, saved(tuned, tmp_path))]
    np.testing.assert_array_equal(*places)


def test_any_byte_that_changes_is_noticed(
    model: dpv.DPVAE, tmp_path: Path, refuses: Refuses
) -> None:
    path = tmp_path / "model.safetensors"
    model.save(path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(len(content), size=60):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        with refuses("damaged|not a napari-dpvae model"):
            dpv.DPVAE.load(path)


@pytest.mark.parametrize("version", [0, -1, True, 1.5, "2", None])
def test_a_version_that_never_was_is_refused(
    model: dpv.DPVAE, tmp_path: Path, refuses: Refuses, version: object
) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": np.zeros(2)}, path, metadata={"napari-dpvae": json.dumps({"version": version})})
    with refuses("not a napari-dpvae model"):
        dpv.DPVAE.load(path)


def test_a_header_that_is_nested_without_end_is_refused(tmp_path: Path, refuses: Refuses) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": np.zeros(2)}, path, metadata={"napari-dpvae": "[" * 100_000})
    with refuses("not a napari-dpvae model"):
        dpv.DPVAE.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"usual_spread": "x"},
        {"core": "40"},
        {"weights": [{}, {}]},
        {"weights": [0.0, 0.0]},
        {"scales": [None, None]},
        {"scales": [-1.0, 1.0]},
        {"scales": [1e-300, 1.0]},
        {"scales": [1e308, 1.0]},
        {"regression_errors": [[1e308, 1.0], [1.0, 1.0]]},
        {"explained": 5},
        {"counts": "no"},
        {"depth": -5.0},
        {"dropout": [0.1]},
        {"dropout": [2.0, 0.1]},
        {"asked": {"teleport": 1}},
        {"settings": []},
        {"card": {"spots": "many"}},
        {"frame": 3},
    ],
    ids=str,
)
def test_a_header_that_holds_what_it_must_not_is_refused(
    model: dpv.DPVAE, tmp_path: Path, refuses: Refuses, change: dict[str, object]
) -> None:
    from napari_dpvae.model import checkpoint

    path = tmp_path / "model.safetensors"
    model.save(path)
    tensors, header = checkpoint.load(path)
    checkpoint.save(path, tensors, header | change)
    with refuses("damaged"):
        dpv.DPVAE.load(path)


@pytest.mark.parametrize(
    "name", ["network.0.to_mean.weight", "panel.mean", "reference.coordinates"]
)
def test_numbers_that_are_none_are_refused(
    model: dpv.DPVAE, tmp_path: Path, refuses: Refuses, name: str
) -> None:
    from napari_dpvae.model import checkpoint

    path = tmp_path / "model.safetensors"
    model.save(path)
    tensors, header = checkpoint.load(path)
    for wrong in (*(np.full_like(tensors[name], x) for x in (np.nan, 1e30)), tensors[name][:-1]):
        checkpoint.save(path, {**tensors, name: wrong}, header)
        with refuses("damaged"):
            dpv.DPVAE.load(path)


def test_a_file_of_version_2_places_by_its_anchors_alone(
    phantom: Phantom, hasty: dpv.TrainingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_dpvae.model import checkpoint

    path, spots = tmp_path / "model.safetensors", phantom.reference[:50].copy()
    model = dpv.DPVAE(hasty, regression=False).fit(phantom.reference)
    model.save(path)
    tensors, header = checkpoint.load(path)
    for settings in ("asked", "settings"):
        del header[settings]["regression"]
    del header["usual_apart"], header["regression_errors"], header["square_roots"]
    monkeypatch.setattr(checkpoint, "VERSION", 2)
    checkpoint.save(path, tensors, header)
    monkeypatch.undo()
    loaded = dpv.DPVAE.load(path)
    assert not loaded.settings.regression
    expected, found = (m.place(spots).obsm["spatial"] for m in (by_logarithms(model), loaded))
    np.testing.assert_array_equal(found, expected)


def by_logarithms(model: dpv.DPVAE) -> dpv.DPVAE:
    """A model as those of before version 4 are: their components are of logarithms."""
    known = model.trained.panel
    panel = replace(known, root_statistics=None, pattern=np.ones_like(known.pattern))
    old = dpv.DPVAE(model.settings)
    old._trained = replace(model.trained, panel=panel)
    return old


def test_a_file_of_version_3_reads_components_of_logarithms(
    phantom: Phantom, model: dpv.DPVAE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_dpvae.model import checkpoint

    path = tmp_path / "model.safetensors"
    model.save(path)
    tensors, header = checkpoint.load(path)
    del header["square_roots"]
    tensors = {
        name: tensor
        for name, tensor in tensors.items()
        if not name.startswith(("panel.root", "panel.pattern"))
    }
    monkeypatch.setattr(checkpoint, "VERSION", 3)
    checkpoint.save(path, tensors, header)
    monkeypatch.undo()
    loaded = dpv.DPVAE.load(path)
    before, found = (m.encode(phantom.query) for m in (by_logarithms(model), loaded))
    np.testing.assert_array_equal(found, before)
    assert not np.allclose(found, model.encode(phantom.query))


def test_a_file_of_version_1_still_places(phantom: Phantom) -> None:
    """Written before files held a checksum: where its networks place cells is known."""
    model = dpv.DPVAE.load(DATA / "model_of_version_1.safetensors")
    expected = np.load(DATA / "model_of_version_1.npy")
    solver = Solver.of(model.trained, read_by(model.trained, phantom.reference))
    domain = NearSpots(model.trained.coordinates)
    solved = solver.solve(solver.query.aligned.read(), PlacementSettings().anchors, domain)
    np.testing.assert_allclose(solved.points, expected, atol=1e-2)
    assert np.isfinite(model.place(phantom.reference).obsm["spatial"]).all()
    assert model.fine_tune(phantom.reference, phantom.query, epochs=1).is_trained


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, header: header.update(genes=[header["genes"][0]] * len(header["genes"])),
        lambda tensors, header: header.update(core=len(header["genes"]) + 1),
        lambda tensors, header: header["other_names"].update(id=["one"]),
        lambda tensors, header: header.update(weights=[0.0] * len(header["weights"])),
        lambda tensors, header: header["settings"].update(hidden=64),
        lambda tensors, header: tensors["panel.deviation"].fill(0),
        lambda tensors, header: tensors["reference.trained_on.0"].fill(0),
        lambda tensors, header: tensors["reference.latents.0"].fill(np.nan),
    ],
    ids=["genes", "core", "names", "weights", "units", "deviation", "trained on", "latents"],
)
def test_a_model_file_whose_parts_contradict_each_other_is_damaged(
    model: dpv.DPVAE, tmp_path: Path, refuses: Refuses, change: Callable[..., None]
) -> None:
    from napari_dpvae.model import checkpoint

    path = tmp_path / "model.safetensors"
    model.save(path)
    tensors, header = checkpoint.load(path)
    tensors = {name: tensor.copy() for name, tensor in tensors.items()}
    header = {k: v for k, v in header.items() if k not in {"format", "version", "checksum"}}
    change(tensors, header)
    checkpoint.save(path, tensors, header)
    with refuses("damaged"):
        dpv.DPVAE.load(path)
