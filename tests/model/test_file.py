"""Model files: what is kept, and what is refused."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import anndata as ad
import numpy as np

import napari_dpvae as dpv
from napari_dpvae.data.phantom import LIBRARY, Phantom

Refuses = Callable[[str], AbstractContextManager[None]]


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
