"""Columns of obs as colours."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from napari_dpvae.colours.categories import (
    category_codes,
    category_colours,
    drawable_columns,
    keep_colours,
)


def cells(**columns: object) -> ad.AnnData:
    obs = pd.DataFrame(columns)
    obs.index = obs.index.astype(str)
    return ad.AnnData(np.ones((len(obs), 2)), obs=obs)


def test_numbers_and_categories_can_be_drawn_but_not_names_of_cells() -> None:
    many = cells(
        radius=np.arange(300.0), barcode=[f"c{i}" for i in range(300)], type=["a", "b"] * 150
    )
    assert drawable_columns([many]) == ["radius", "type"]


def test_colours_of_scanpy_are_taken_and_new_ones_kept_there() -> None:
    first = cells(type=pd.Categorical(["a", "b"]))
    second = cells(type=pd.Categorical(["b", "c", None]))
    first.uns["type_colors"] = ["#ff0000", "#00ff00"]
    colours = category_colours([first, second], "type")
    assert list(colours) == ["a", "b", "c"]
    assert to_hex(tuple(colours["b"])) == "#00ff00"
    assert len({to_hex(tuple(c)) for c in colours.values()}) == 3
    keep_colours([first, second], "type", colours | {"b": np.array([0, 0, 1, 1])})
    assert second.uns["type_colors"][0] == "#0000ff"
    assert category_colours([first, second], "type")["b"][2] == 1.0


def test_codes_follow_the_names_and_missing_is_minus_one() -> None:
    held = pd.Series(pd.Categorical(["x", None, "z"]))
    np.testing.assert_array_equal(category_codes(held, ["z", "x"]), [1, -1, 0])


def test_more_categories_than_colours_have_one_each() -> None:
    colours = category_colours([cells(type=[f"t{i:03d}" for i in range(150)])], "type")
    assert len(colours) == 150
    assert len({to_hex(tuple(colours[f"t{i:03d}"])) for i in range(100)}) == 100
