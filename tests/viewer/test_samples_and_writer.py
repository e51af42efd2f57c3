"""What napari's File menu has of ours: samples, and placed cells as files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pytest
from napari import Viewer
from pytestqt.qtbot import QtBot

import napari_dpvae as dpv
from napari_dpvae.data import published
from napari_dpvae.viewer.writer import write_layer


@pytest.fixture
def network(phantom: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is asked of squidpy, which gives the phantom; kept in a folder of the test."""
    import squidpy as sq

    asked: list[str] = []
    phantom.query.write_h5ad(tmp_path / "given.h5ad")

    def visium(name: str, *, base_dir: Path) -> None:
        asked.append(name)
        from tests.data.formats.test_jobs import as_space_ranger

        shutil.rmtree(base_dir / name, ignore_errors=True)
        (base_dir / name).mkdir()
        as_space_ranger(phantom.reference.copy(), base_dir / name)

    def cortex(path: Path) -> None:
        asked.append("cortex")
        shutil.copy(tmp_path / "given.h5ad", path)

    monkeypatch.setattr(sq.datasets, "visium", visium)
    monkeypatch.setattr(sq.datasets, "sc_mouse_cortex", cortex)
    monkeypatch.setattr(published, "cache", lambda: tmp_path / "kept")
    return asked


@pytest.mark.drawn
def test_real_tissue_is_fetched_in_the_background_and_fills_the_dock(
    viewer: Viewer, dock: Any, network: list[str], qtbot: QtBot
) -> None:
    (waiting,) = viewer.open_sample("napari-dpvae", "breast_cancer")
    assert waiting.name == "fetching human breast cancer"
    qtbot.waitUntil(lambda: dock.session.reference is not None, timeout=20_000)
    assert network == ["V1_Breast_Cancer_Block_A_Section_1"]
    assert dock.session.reference.n_obs == 321
    qtbot.waitUntil(lambda: waiting not in viewer.layers)
    viewer.open_sample("napari-dpvae", "mouse_cortex_cells")
    qtbot.waitUntil(lambda: dock.session.query is not None, timeout=20_000)
    assert dock.session.query.n_obs == 120


def test_every_sample_is_one_that_squidpy_knows() -> None:
    from squidpy.datasets import _downloader

    known = _downloader.get_downloader().registry.visium_datasets
    assert set(published.SECTIONS.values()) <= set(known)


@pytest.mark.drawn
def test_without_a_network_it_is_said(
    viewer: Viewer, network: list[str], monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    import squidpy as sq

    said: list[str] = []

    def fails(*args: object, **how: object) -> None:
        raise ExceptionGroup("Failed to download", [OSError("Name or service not known")])

    monkeypatch.setattr(sq.datasets, "visium", fails)
    monkeypatch.setattr("napari_dpvae.viewer.samples.show_error", said.append)
    viewer.open_sample("napari-dpvae", "lymph_node")
    qtbot.waitUntil(lambda: len(said) == 1, timeout=20_000)
    assert said[0].startswith("The human lymph node cannot be fetched: is there a connection")
    qtbot.waitUntil(lambda: not viewer.layers)


@pytest.mark.parametrize("suffix", [".h5ad", ".zarr", ".geojson"])
def test_placed_cells_are_saved_by_napari(
    viewer: Viewer, placed: ad.AnnData, phantom: Any, tmp_path: Path, suffix: str
) -> None:
    dpv.view(placed.copy(), phantom.reference, viewer=viewer)
    path = tmp_path / f"placed{suffix}"
    assert viewer.layers["placed cells"].save(str(path), plugin="napari-dpvae") == [str(path)]
    if suffix != ".geojson":
        again = dpv.read_placed(path)
        np.testing.assert_allclose(again.obsm["spatial"], placed.obsm["spatial"])
        assert again.uns["dpvae"]["model"] == placed.uns["dpvae"]["model"]


def test_a_layer_of_other_things_is_refused(refuses: Any, phantom: Any, tmp_path: Path) -> None:
    for metadata in ({}, {"adata": phantom.reference}):
        with refuses("is not of placed cells"):
            write_layer(str(tmp_path / "x.h5ad"), None, {"name": "mine", "metadata": metadata})
    assert not list(tmp_path.iterdir())
