"""Several files as one reference of several sections."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pytest

from napari_dpvae import DPVAE, evaluate, read_reference
from napari_dpvae.data.joined import section_names


@pytest.fixture
def files(phantom: Any, tmp_path: Path) -> list[Path]:
    """Two sections, whose genes differ in part, and which name spots alike."""
    first, second = phantom.reference.copy(), phantom.reference[::2, 20:].copy()
    second.var_names = [
        f"{name}.1" if name.startswith("ENS") else name for name in second.var_names
    ]
    paths = [tmp_path / "first.h5ad", tmp_path / "second.h5ad"]
    for cells, path in zip((first, second), paths, strict=True):
        cells.write_h5ad(path)
    return paths


def test_each_file_is_a_section(
    files: list[Path], phantom: Any, caplog: pytest.LogCaptureFixture
) -> None:
    found = read_reference(files)
    whole = phantom.reference
    assert found.obs["section"].value_counts().to_dict() == {
        "first": whole.n_obs,
        "second": len(whole.obs_names[::2]),
    }
    assert found.var_names.tolist() == whole.var_names[20:].tolist()
    assert "2 sections share 280 genes; others, up to 20" in caplog.text
    assert found.obs_names.is_unique
    second = found[found.obs["section"] == "second"]
    np.testing.assert_array_equal(second.X.toarray(), whole[::2, 20:].X.toarray())
    np.testing.assert_array_equal(second.obsm["spatial"], whole.obsm["spatial"][::2])
    assert list(found.uns["spatial"]) == ["first", "second"]
    assert list(read_reference(files[::-1]).uns["spatial"]) == ["second", "first"]


def test_cells_are_placed_in_the_largest_with_its_image(
    files: list[Path], phantom: Any, hasty: Any
) -> None:
    model = DPVAE(hasty).fit(read_reference(files), section_key="section")
    placed = model.place(phantom.query)
    assert placed.uns["dpvae"]["frame"] == "first"
    assert list(placed.uns["spatial"]) == ["first"]


def test_genes_that_a_section_names_otherwise_are_matched(files: list[Path], phantom: Any) -> None:
    second = ad.read_h5ad(files[1])
    second.var["symbol"] = second.var_names
    second.var_names = [f"ENSG{i:011d}" for i in range(second.n_vars)]
    second.write_h5ad(files[1])
    assert read_reference(files).var_names.tolist() == phantom.reference.var_names[20:].tolist()


def test_sections_that_cannot_be_compared_are_refused(files: list[Path], refuses: Any) -> None:
    with refuses("one file only"):
        read_reference(files, section_key="section")
    with refuses("no file for the reference"):
        read_reference([])
    second = ad.read_h5ad(files[1])
    second.X = second.X.log1p()
    second.write_h5ad(files[1])
    with refuses("second holds logarithms .log1p. and first counts"):
        read_reference(files)
    second = ad.read_h5ad(files[0])
    second.obsm["spatial"] = np.c_[second.obsm["spatial"], np.arange(second.n_obs)]
    second.write_h5ad(files[1])
    with refuses("second has 3 coordinates a spot and first 2"):
        read_reference(files)
    second = ad.read_h5ad(files[0])
    second.var_names = [f"other{i}" for i in range(second.n_vars)]
    second.write_h5ad(files[1])
    with refuses("Only 0 genes are shared"):
        read_reference(files)


def test_sections_are_named_by_what_says_something() -> None:
    paths = ["/data/A1/outs", "/data/B1/outs/", "/other/A1/outs", "c/x.h5ad", "d/x.h5ad"]
    assert section_names(paths) == ["A1", "B1", "A1 2", "x", "x 2"]


def test_a_section_is_held_out_of_several_files(files: list[Path], hasty: Any) -> None:
    table = evaluate(hasty, read_reference(files), split="section", section_key="section")
    assert table["method"].nunique() == 2
    assert np.isfinite(table["procrustes"]).all()
