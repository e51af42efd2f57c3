"""The report of ``check``: something right and useful on every set of data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pytest

from napari_dpvae.data.report import examine


@pytest.fixture
def paths(phantom: Any, tmp_path: Path) -> tuple[Path, Path]:
    phantom.reference.write_h5ad(tmp_path / "r.h5ad")
    phantom.query.write_h5ad(tmp_path / "q.h5ad")
    return tmp_path / "r.h5ad", tmp_path / "q.h5ad"


def test_data_that_are_fine(paths: tuple[Path, Path]) -> None:
    report = examine(*paths)
    assert report.code == 0 and not report.warnings and not report.refused
    found = json.loads(json.dumps(report.as_json()))
    assert found["verdict"] == "fine"
    assert (found["reference"]["spots"], found["query"]["cells"]) == (321, 120)
    assert found["genes"]["shared"] == 300
    text = report.text()
    for said in ("AnnData .h5ad", "expression: counts", "480 x 380 pixels", "their names"):
        assert said in text


def test_data_to_look_at_twice(paths: tuple[Path, Path], phantom: Any) -> None:
    query = phantom.query.copy()
    query.var["gene_name"] = query.var_names
    query.var_names = [f"ENSG{i:011d}" for i in range(300)]
    query.layers["counts"] = query.X.copy()
    query.X = query.X.log1p()
    query.write_h5ad(paths[1])
    report = examine(*paths)
    assert report.code == 1
    assert "the counts in the layer 'counts' are used" in report.text()
    assert "gene_name" in report.found["genes"]["matched by"]


@pytest.mark.parametrize("which", [0, 1])
def test_data_that_cannot_be_used(paths: tuple[Path, Path], which: int) -> None:
    paths[which].write_text("nothing")
    report = examine(*paths)
    assert report.code == 2 and "none of the formats" in report.refused[0]
    assert report.as_json()["verdict"] == "cannot be used"


def test_genes_that_have_nothing_in_common(paths: tuple[Path, Path], phantom: Any) -> None:
    query = phantom.query.copy()
    query.var_names = [f"other{i}" for i in range(300)]
    query.write_h5ad(paths[1])
    report = examine(*paths)
    assert report.code == 2 and "Only 0 genes are shared by any rule" in report.refused[0]


def test_two_that_are_swapped(paths: tuple[Path, Path], phantom: Any, tmp_path: Path) -> None:
    report = examine(*paths[::-1])
    assert report.code == 2 and "Cells that have none are a query" in report.refused[0]
    assert any("are the two swapped?" in said for said in report.warnings)
    alone = examine(paths[1])
    assert alone.code == 2 and alone.found["cells without coordinates"]["cells"] == 120
    report = examine(paths[1], paths[1])
    assert report.code == 2 and not any("swapped" in said for said in report.warnings)


def test_sections_are_counted(paths: tuple[Path, Path], phantom: Any) -> None:
    reference = phantom.reference.copy()
    reference.obs["slice"] = np.where(np.arange(321) < 200, "a", "b")
    reference.write_h5ad(paths[0])
    assert examine(paths[0]).found["reference"]["columns that may name sections"] == ["slice"]
    report = examine(paths[0], section_key="slice")
    assert report.found["reference"]["sections"] == {"a": 200, "b": 121}


REAL = {
    "cortex_osmFISH": {"genes": 33, "expression": "counts", "coordinates": "2-D"},
    "drosophila_embryo_BDTNP3D": {"coordinates": "3-D", "expression": "normalised values"},
    "dlpfc_Visium_151510": {"genes": 500, "coordinates": "2-D"},
    "breast_her2st_C2": {"spots": 185},
}


@pytest.mark.parametrize("name", REAL)
def test_real_data(dataset: Any, name: str) -> None:
    report = examine(dataset(name))
    assert report.code in (0, 1)
    assert {key: report.found["reference"][key] for key in REAL[name]} == REAL[name]


def test_a_real_dissociated_query(dataset: Any) -> None:
    report = examine(
        dataset("drosophila_embryo_BDTNP3D"), dataset("drosophila_embryo_scRNA_Karaiskos")
    )
    assert report.code == 1 and report.found["genes"]["shared"] == 84
    assert isinstance(ad.__version__, str)
