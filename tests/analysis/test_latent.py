"""The plane of the latent space."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest
from tests.conftest import Refuses

from napari_dpvae.analysis import latent
from napari_dpvae.analysis.latent import latent_plane


def cells_in(latents: np.ndarray) -> ad.AnnData:
    cells = ad.AnnData(np.ones((len(latents), 1), np.float32))
    cells.obsm["X_dpvae"] = latents
    return cells


def test_two_dimensions_keep_their_distances() -> None:
    points = np.random.default_rng(0).normal(size=(50, 2))
    cells, plane = latent_plane(cells_in(points))
    assert list(cells) == list(range(50))
    apart = [np.linalg.norm(x[3] - x[17]) for x in (points, plane)]
    assert apart[0] == pytest.approx(apart[1])


def test_of_more_dimensions_the_widest_two_are_shown() -> None:
    points = np.random.default_rng(0).normal(size=(200, 5)) * [0.1, 9, 0.1, 3, 0.1]
    _, plane = latent_plane(cells_in(points))
    assert abs(np.corrcoef(plane[:, 0], points[:, 1])[0, 1]) > 0.99
    assert abs(np.corrcoef(plane[:, 1], points[:, 3])[0, 1]) > 0.99


def test_of_very_many_cells_some_are_shown_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latent, "MOST_SHOWN", 30)
    many = cells_in(np.random.default_rng(0).normal(size=(100, 3)))
    cells, plane = latent_plane(many)
    assert len(cells) == len(plane) == 30 and (np.diff(cells) > 0).all()
    np.testing.assert_array_equal(cells, latent_plane(many)[0])


def test_without_latent_means_it_is_refused(refuses: Refuses) -> None:
    with refuses("no latent means"):
        latent_plane(ad.AnnData(np.ones((5, 1))))
