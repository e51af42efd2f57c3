"""Which columns can name sections."""

from __future__ import annotations

import anndata as ad
import numpy as np

from napari_dpvae.data.sections import section_columns


def spots(**columns: list[str]) -> ad.AnnData:
    (n,) = {len(column) for column in columns.values()}
    return ad.AnnData(np.ones((n, 2)), obs=columns)


def test_columns_called_so_with_enough_spots_each() -> None:
    reference = spots(
        patient=["p"] * 40,
        batch=["x", "y"] * 20,
        cell_type=["T", "B"] * 20,
        section=["a"] * 20 + ["b"] * 20,
        slide=["a"] * 39 + ["b"],
    )
    assert section_columns(reference) == ["section", "batch"]


def test_a_column_with_the_names_of_the_images_comes_first() -> None:
    reference = spots(section=["a", "b"] * 20, where=["V1", "V2"] * 20)
    reference.uns["spatial"] = {"V1": {}, "V2": {}, "V3": {}}
    assert section_columns(reference) == ["where", "section"]


def test_a_column_with_gaps_is_none() -> None:
    reference = spots(section=["a"] * 20 + ["b"] * 20)
    reference.obs.loc["3", "section"] = None
    assert section_columns(reference) == []
