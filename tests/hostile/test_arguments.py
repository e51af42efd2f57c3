"""Arguments that cannot be right: outlines, known places, settings, paths."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import napari_dpvae as dpv
from napari_dpvae.analysis.questions import QUESTIONS
from napari_dpvae.data.phantom import Phantom
from napari_dpvae.steps import drain

SQUARE = np.array([[0, 0], [2000, 0], [2000, 2000], [0, 2000.0]])
OUTLINES: dict[str, tuple[Any, str]] = {
    "none": ([], "list of polygons"),
    "nothing": ([None], "list of polygons"),
    "a number": (5, "list of polygons"),
    "text": (["abc"], "list of polygons"),
    "a dict": ({"a": SQUARE}, "list of polygons"),
    "one polygon, not a list": (SQUARE, "list of polygons"),
    "nested": ([[SQUARE]], "list of polygons"),
    "three columns": ([np.c_[SQUARE, SQUARE[:, 0]]], "list of polygons"),
    "dates": ([SQUARE.astype("M8[s]").astype(object)], "list of polygons"),
    "one vertex": ([SQUARE[:1]], "encloses no area"),
    "two vertices": ([SQUARE[:2]], "encloses no area"),
    "a line": ([SQUARE * [1, 0]], "encloses no area"),
    "a point": ([SQUARE * 0], "encloses no area"),
    "nan": ([SQUARE * np.nan], "not finite"),
    "one nan": ([np.r_[SQUARE, [[np.nan, 1]]]], "not finite"),
    "inf": ([SQUARE + np.inf], "not finite"),
    "1e300": ([SQUARE * 1e300], "farther than any tissue"),
    "elsewhere": ([SQUARE + 1e6], "from the nearest spot"),
}


@pytest.mark.parametrize("kind", OUTLINES)
def test_outlines(phantom: Phantom, model: dpv.DPVAE, refuses: Any, kind: str) -> None:
    outlines, said = OUTLINES[kind]
    with refuses(said):
        model.place(phantom.query, outlines=outlines)


SOME = np.full((120, 2), np.nan)
SOME[:10] = 500.0
KNOWN: dict[str, tuple[Any, str]] = {
    "nowhere": (SOME * np.nan, "no known place"),
    "infinite": (np.full((120, 2), np.inf), "no known place"),
    "three columns": (np.c_[SOME, SOME[:, 0]], "must hold 2 numbers"),
    "text": (SOME.astype(str), "must hold 2 numbers"),
    "complex": (SOME.astype(complex), "must hold 2 numbers"),
    "truth": (np.isfinite(SOME), "must hold 2 numbers"),
    "objects": (SOME.astype(object), "must hold 2 numbers"),
    "sparse": (sparse.csr_matrix((120, 2)), "must hold 2 numbers"),
    "1e200": (SOME * 1e200, "places beyond 1e.12"),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_known_places(phantom: Phantom, model: dpv.DPVAE, refuses: Any, kind: str) -> None:
    places, said = KNOWN[kind]
    query = phantom.query.copy()
    query.obsm["xy"] = places
    with refuses(said):
        model.place(query, mode="impute", known_key="xy")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mode": "moon"}, "choose one of"),
        ({"mode": ["free"]}, "choose one of"),
        ({"domain": {}}, "choose one of"),
        ({"anchors": 0}, "between 1 and 5000"),
        ({"anchors": 1.5}, "a whole number"),
        ({"anchors": "16"}, "of type int"),
        ({"anchors": None}, "of type int"),
        ({"anchors": True}, "of type int"),
        ({"anchors": np.nan}, "a whole number"),
        ({"anchors": np.array([16])}, "of type int"),
        ({"probability": 0}, "between 0.05 and 0.99"),
        ({"probability": np.nan}, "between 0.05 and 0.99"),
        ({"moon": 3}, "no setting 'moon': there are mode, anchors"),
        ({"settings": {"anchors": 3}}, "settings are of the type dict"),
        ({"settings": dpv.TrainingSettings()}, "settings are of the type TrainingSettings"),
        ({"mode": "impute"}, "needs the places that are known"),
        ({"known_key": "xy"}, "of use to the mode impute alone"),
        ({"mode": "impute", "known_key": 3}, r"no obsm\['3'\]"),
    ],
)
def test_placement_settings(
    phantom: Phantom, model: dpv.DPVAE, refuses: Any, tmp_path: Path, changes: Any, said: str
) -> None:
    with refuses(said):
        model.place(phantom.query, **changes)
    phantom.query.write_h5ad(tmp_path / "q.h5ad")
    with refuses(said):
        dpv.place_file(model, tmp_path / "q.h5ad", tmp_path / "p.h5ad", **changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": -1}, "between 0 and"),
        ({"epochs": 1e30}, "between 0 and"),
        ({"hidden": 0}, "between 2 and"),
        ({"members": 2.5}, "a whole number"),
        ({"alpha2": np.nan}, "between 0 and"),
        ({"alpha2": np.inf}, "between 0 and"),
        ({"alpha2": "10"}, "of type float"),
        ({"seed": 2**40}, "between 0 and"),
        ({"learning_rate": 0}, "between"),
        ({"batch_size": 1}, "between 2 and"),
        ({"device": "moon"}, "choose one of"),
        ({"mask": "given"}, "belong together"),
        ({"pairs_key": "x"}, "belong together"),
        ({"neighbours": "x"}, "give whole numbers"),
        ({"neighbours": "0"}, "give whole numbers"),
        ({"neighbours": "9" * 5000}, "give whole numbers"),
        ({"neighbours": [1, 2]}, "of type str"),
        ({"moon": 2}, "no setting 'moon'"),
        ({"settings": "m.safetensors"}, "settings are of the type str"),
        ({"settings": dpv.PlacementSettings()}, "settings are of the type PlacementSettings"),
    ],
)
def test_training_settings(refuses: Any, changes: Any, said: str) -> None:
    with refuses(said):
        dpv.DPVAE(**changes)


def odd_places(value: Any) -> Any:
    return lambda cells: cells.obsm.__setitem__("spatial", value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda cells: cells.obsm.pop("spatial"), "no coordinates in obsm"),
        (odd_places(np.full((120, 2), np.nan)), "120 cells whose coordinates"),
        (odd_places(np.full((120, 2), "a")), "not numbers"),
        (odd_places(np.ones((120, 5))), "2 or 3 columns"),
        (odd_places(np.ones(120)), "2 or 3 columns"),
        (lambda cells: cells.obs.__setitem__("dpvae_radius", "a"), "'dpvae_radius' in obs"),
    ],
)
def test_cells_that_were_not_placed(
    placed: ad.AnnData, phantom: Phantom, refuses: Any, tmp_path: Path, change: Any, said: str
) -> None:
    cells = placed.copy()
    change(cells)
    for name in ("p.h5ad", "p.zarr", "p.csv", "p.geojson"):
        with refuses(said):
            dpv.write_placed(cells, tmp_path / name)
    with refuses(said):
        dpv.virtual_expression(cells, ["Gene000"], at=phantom.reference)
    with refuses(said):
        dpv.draw_figure(cells, phantom.reference)
    for question in QUESTIONS:
        with refuses(said):
            drain(question.ask(cells, "cell_type"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("question", [q for q in QUESTIONS if q.of_types], ids=lambda q: q.name)
@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        (None, None, "Name the column"),
        ("absent", None, "Name the column"),
        (["t"], None, "Name the column"),
        ("t", "a", "fewer than two types"),
        ("t", np.nan, "fewer than two types"),
        ("t", pd.Series([[1]] * 120), "holds lists"),
    ],
)
def test_columns_that_hold_no_types(
    placed: ad.AnnData, refuses: Any, question: Any, column: Any, values: Any, said: str
) -> None:
    cells = placed.copy()
    if values is not None:
        cells.obs["t"] = values.to_numpy() if isinstance(values, pd.Series) else values
    with refuses(said):
        drain(question.ask(cells, column))


@pytest.mark.parametrize(
    ("at", "neighbours", "said"),
    [
        (np.ones((3, 3)), 15, "2 finite numbers"),
        (np.full((3, 2), np.nan), 15, "2 finite numbers"),
        (np.ones(2), 15, "2 finite numbers"),
        ("here", 15, "2 finite numbers"),
        (None, 15, "2 finite numbers"),
        (np.ones((3, 2)), 0, "at least one is needed"),
    ],
)
def test_places_to_draw_at(
    placed: ad.AnnData, refuses: Any, at: Any, neighbours: int, said: str
) -> None:
    with refuses(said):
        dpv.virtual_expression(placed, [placed.var_names[0]], at=at, neighbours=neighbours)


PATHS: dict[str, Any] = {
    "none": lambda folder: None,
    "a number": lambda folder: 3,
    "bytes": lambda folder: b"x.csv",
    "a list": lambda folder: ["x.csv"],
    "nul": lambda folder: folder / "a\0.csv",
    "longer than any": lambda folder: folder / ("a" * 5000 + ".csv"),
    "no such home": lambda folder: "~nobody-of-that-name/x.csv",
    "no such folder": lambda folder: folder / "none" / "x.csv",
    "in a file": lambda folder: folder / "file" / "x.csv",
    "a folder": lambda folder: folder / "folder.csv",
    "a pipe": lambda folder: folder / "pipe.csv",
    "a link to itself": lambda folder: folder / "loop.csv",
    "a link to nowhere": lambda folder: folder / "dangling.csv",
    "a device": lambda folder: Path("/dev/full"),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no such files")
@pytest.mark.parametrize("kind", PATHS)
def test_paths(
    placed: ad.AnnData, model: dpv.DPVAE, refuses: Any, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    (tmp_path / "dangling.csv").symlink_to(tmp_path / "none" / "x.csv")
    before = sorted(tmp_path.iterdir())
    path = PATHS[kind](tmp_path)
    for use in (
        dpv.read_query,
        dpv.read_reference,
        dpv.read_placed,
        dpv.DPVAE.load,
        lambda path: dpv.place_file(model, path, tmp_path / "placed.csv"),
        lambda path: dpv.write_placed(placed, path),
        model.save,
    ):
        with refuses("Cannot (read|write)|no file or folder|no model file"):
            use(path)
    assert sorted(tmp_path.iterdir()) == before
