"""Files opened by napari itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import pytest
from napari import Viewer

import napari_dpvae as dpv
from napari_dpvae.viewer.reader import get_reader


def test_a_reference_opens_with_its_image_and_the_dock_can_take_it(
    viewer: Viewer, dock: Any, phantom: Any, tmp_path: Path
) -> None:
    path = tmp_path / "slice.h5ad"
    phantom.reference.write_h5ad(path)
    viewer.open(path, plugin="napari-dpvae")
    assert [layer.name for layer in viewer.layers] == ["histology phantom", "slice"]
    dock.data.reference.menu.aboutToShow.emit()
    (action,) = [a for a in dock.data.reference.menu.actions() if a.text() == "Layer: slice"]
    action.trigger()
    assert dock.session.reference.n_obs == phantom.reference.n_obs


def test_placed_cells_open_with_their_status(
    viewer: Viewer, placed: ad.AnnData, tmp_path: Path
) -> None:
    path = tmp_path / "placed.h5ad"
    dpv.write_placed(placed, path)
    *_, layer = viewer.open(path, plugin="napari-dpvae")
    assert "status" in layer.features


def test_cells_without_coordinates_are_refused_in_words(phantom: Any, tmp_path: Path) -> None:
    path = tmp_path / "cells.h5ad"
    phantom.query.write_h5ad(path)
    reader = get_reader(str(path))
    assert reader is not None
    with pytest.raises(dpv.DataError, match="no coordinates"):
        reader(str(path))
    assert get_reader("image.tif") is None and get_reader([str(path)]) is None
