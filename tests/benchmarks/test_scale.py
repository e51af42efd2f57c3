"""Made-up tissues are files as any other; slopes are powers; a step is measured by itself."""

import io
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from benchmarks.scale import slopes
from benchmarks.timed import main, timed
from benchmarks.tissue import CELL_DEPTH, SHALLOW_DEPTH, Tissue

import napari_dpvae as dpv


def test_a_slope_is_the_power_that_time_grows_with() -> None:
    n = np.array([10, 100, 1000])
    table = pd.concat(
        [
            pd.DataFrame({"task": "linear", "n": n, "cpu_seconds": 3.0 * n}),
            pd.DataFrame({"task": "square", "n": n, "cpu_seconds": 0.1 * n**2}),
            pd.DataFrame({"task": "once", "n": [10], "cpu_seconds": [1.0]}),
        ]
    )
    assert slopes(table) == pytest.approx({"linear": 1.0, "square": 2.0})


def test_cells_are_repeated_in_the_file_and_are_as_deep_as_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.tissue.DISTINCT", 20)
    tissue = Tissue(n_genes=50)
    query = dpv.read_query(tissue.write_query(tmp_path / "query.h5ad", 50))
    assert query.shape == (50, 50) and query.obs_names.is_unique
    counts = query.X.toarray()
    np.testing.assert_array_equal(counts[20:40], counts[:20])
    np.testing.assert_array_equal(counts[40:], counts[:10])
    assert counts.sum(axis=1).mean() == pytest.approx(CELL_DEPTH, rel=0.1)
    shallow = dpv.read_query(tissue.write_query(tmp_path / "query.h5ad", 10, gap=True))
    assert shallow.X.sum(axis=1).mean() == pytest.approx(SHALLOW_DEPTH, rel=0.2)


def here(*arguments: str | Path) -> dict[str, float]:
    """A step as :func:`timed` runs it, without starting Python anew."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(said):
        patch.setattr(sys, "argv", ["timed", *map(str, arguments)])
        main()
    return json.loads(said.getvalue())


@pytest.mark.parametrize("run", [here, pytest.param(timed, marks=pytest.mark.slow)])
def test_steps_are_timed_in_processes_of_their_own(
    run: Callable[..., dict[str, float]], tmp_path: Path
) -> None:
    tissue = Tissue(n_genes=50)
    reference = tissue.write_reference(tmp_path / "reference.h5ad", 60)
    query = tissue.write_query(tmp_path / "query.h5ad", 40)
    model, placed = tmp_path / "model.safetensors", tmp_path / "placed.h5ad"
    steps = [("fit", reference, model, "--quick"), ("stream", model, query, placed)]
    for figures in [run(*step) for step in steps]:
        assert figures.keys() == {"cpu_seconds", "seconds", "peak_mb"}
        assert all(value > 0 for value in figures.values())
    assert dpv.read_placed(placed).n_obs == 40
