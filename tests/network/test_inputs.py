"""Principal axes to read expression by."""

import numpy as np

from napari_dpvae.network import inputs
from napari_dpvae.network.inputs import COMPONENTS, Inputs, inputs_in_turn, principal_axes


def test_a_gene_that_hardly_varies_has_little_say() -> None:
    x = np.random.default_rng(0).normal(size=(200, 40)).astype(np.float32)
    deviation = np.where(np.arange(40) < 35, 1.0, 0.01)
    says = principal_axes(x, deviation).abs().mean(dim=0).numpy()
    assert says[35:].max() < 0.05 * says[:35].min()


def test_fewer_spots_or_genes_than_components_are_read_as_well() -> None:
    x = np.random.default_rng(0).normal(size=(200, 40)).astype(np.float32)
    few = principal_axes(x[:7], np.ones(40))
    assert few.shape == (COMPONENTS, 40)
    assert few[:7].any(dim=1).sum() >= 6 and not few[7:].any()
    assert principal_axes(x[:, :5], np.ones(5)).shape == (5, 5)


def test_expression_that_is_constant_is_read_as_zero() -> None:
    constant = np.zeros((50, 40), np.float32)
    axes = principal_axes(constant, np.ones(40)).numpy()
    assert np.isfinite(axes).all()
    np.testing.assert_array_equal(constant @ axes.T, 0)


def test_components_of_the_whole_panel_are_read_where_it_is_more_than_the_core() -> None:
    components, genes = Inputs("components", 50), Inputs("genes", 50)
    assert inputs_in_turn(50, 50) == [components, genes]
    assert inputs_in_turn(50, 80) == [components, Inputs("components", 80), genes]


def test_axes_of_many_spots_and_genes_span_what_those_of_all_do() -> None:
    """Of large matrices they are found by lot: the same space, in a share of the time."""
    rng = np.random.default_rng(0)
    n = inputs.EXACT + 20
    hidden = rng.normal(size=(n, 5)) * [9, 8, 7, 6, 5]
    x = hidden @ rng.normal(size=(5, n)) + rng.normal(size=(n, n)) * 0.1
    axes = principal_axes(x.astype(np.float32), np.ones(n), 5).numpy()
    exact = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][:5]
    unit = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    np.testing.assert_allclose(np.linalg.svd(unit @ exact.T)[1], 1, atol=1e-3)
