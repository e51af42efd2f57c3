"""Scores of sets of genes."""

from typing import Any

import numpy as np
import pytest

from napari_dpvae.analysis.gene_sets import gene_set_score, score_name
from napari_dpvae.data.phantom import Phantom


def test_a_score_follows_the_genes_of_its_set_and_not_their_names(phantom: Phantom) -> None:
    reference = phantom.reference
    x = np.asarray(reference.X.todense(), float)
    x = np.log1p(x / x.sum(axis=1, keepdims=True) * 1e4)
    strongest = np.argsort(-x.var(axis=0))[:5]
    score = gene_set_score(reference, [*reference.var_names[strongest], "NOT A GENE"])
    assert np.corrcoef(score, x[:, strongest].mean(axis=1))[0, 1] > 0.95
    rng = np.random.default_rng(0)
    shuffled = reference.copy()
    shuffled.X = shuffled.X[rng.permutation(reference.n_obs)]
    other = gene_set_score(shuffled, list(reference.var_names[strongest]))
    assert abs(np.corrcoef(other, score)[0, 1]) < 0.3


def test_a_score_does_not_hang_on_the_depth_of_cells(phantom: Phantom) -> None:
    deeper = phantom.reference.copy()
    deeper.X = deeper.X * 3
    genes = list(deeper.var_names[:5])
    np.testing.assert_allclose(
        gene_set_score(deeper, genes), gene_set_score(phantom.reference, genes), atol=1e-4
    )


def test_a_set_that_says_nothing_is_refused(phantom: Phantom, refuses: Any) -> None:
    with refuses("None of the set's genes was measured"):
        gene_set_score(phantom.reference, ["NOT A GENE"])
    with refuses("The set holds all genes"):
        gene_set_score(phantom.reference, list(phantom.reference.var_names))


@pytest.mark.parametrize(
    ("genes", "name"),
    [("A", "score of A"), ("AB", "score of A, B"), ("ABCD", "score of A, B and 2 more")],
)
def test_a_column_names_its_set(genes: str, name: str) -> None:
    assert score_name(list(genes)) == name
