"""Genes that are blended: what each adds, and what is no blend."""

from __future__ import annotations

import numpy as np
import pytest
from tests.conftest import Refuses

from napari_dpvae.colours.blend import blendable, blended, gene_colours, in_words

LOW, HALF, HIGH = 1.0, 2.0, 3.0
ENDS = (LOW, HIGH)


def test_each_gene_adds_its_own_colour_by_its_own_limits() -> None:
    first, second = np.array([LOW, HIGH, LOW, HIGH]), np.array([0.0, 0.0, 10.0, 5.0])
    colours = blended([first, second], [ENDS, (0.0, 10.0)])
    magenta, green = (rgba for _, rgba in gene_colours(["A", "B"]).values())
    np.testing.assert_allclose(
        colours, [[0, 0, 0, 1], magenta, green, [1, 0.5, 1, 1]], err_msg="a half of green"
    )
    beyond = blended([first * 100, second * 100], [ENDS, (0.0, 10.0)])
    np.testing.assert_allclose(beyond[3], [1, 1, 1, 1])


def test_three_genes_are_told_apart() -> None:
    values = [np.where(np.arange(3) == k, HALF, LOW) for k in range(3)]
    colours = blended(values, [ENDS] * 3)
    np.testing.assert_allclose(colours[:, :3], np.eye(3) / 2)
    assert in_words(["A", "B", "C"]) == "A red · B green · C blue"


def test_what_was_not_measured_adds_nothing() -> None:
    some = np.array([HIGH, np.nan])
    colours = blended([some, None], [ENDS, ENDS])
    np.testing.assert_allclose(colours[0], [1, 0, 1, 1])
    assert np.isnan(colours[1]).all()
    assert blended([None, None], [ENDS, ENDS]) is None


@pytest.mark.parametrize("genes", [["A"], ["A", "A"], list("ABCD"), "AB", 3, [None, "A"]])
def test_what_is_no_blend_is_refused(genes: object, refuses: Refuses) -> None:
    with refuses("two or three different genes"):
        blendable(genes)
