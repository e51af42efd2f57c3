"""Virtual in situ: genes of the placed cells drawn on the tissue, also those it never measured."""

from __future__ import annotations

from collections.abc import Sequence

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from napari_dpvae.analysis.cells import in_frame
from napari_dpvae.data.checks import check_located
from napari_dpvae.data.features import has_feature, other_values
from napari_dpvae.data.keys import RADIUS, REACH, SPATIAL, STANDARD_ERROR, STATUS
from napari_dpvae.errors import DataError
from napari_dpvae.expression.normalise import log_expression
from napari_dpvae.uncertainty.status import OUTSIDE

VIRTUAL = "virtual, from the placed cells"
"""How a gene that the reference lacks is named where it is shown."""
NEIGHBOURS = 15
"""Placed cells that each target takes its expression from."""


def virtual_expression(
    placed: ad.AnnData,
    genes: Sequence[str],
    *,
    at: ad.AnnData | np.ndarray,
    neighbours: int = NEIGHBOURS,
) -> ad.AnnData:
    """Expression at given places, from the placed cells around them.

    Each target takes the weighted mean of its nearest placed cells. A cell weighs
    ``1 / (h^2 + r^2)``, where ``r`` is the radius of its region and ``h`` the distance of the
    farthest cell taken: cells whose place is in doubt say less. Cells outside the reference say
    nothing. No cell lies in a section other than the one that cells were placed in: its targets
    get NaN.

    Parameters
    ----------
    placed
        From :meth:`napari_dpvae.DPVAE.place`: counts, or normalised values.
    genes
        Of the placed cells, whether or not the reference has them; also features of other kinds
        that travel along, by the names of :func:`napari_dpvae.data.features.other_features`.
    at
        Where: the reference (its spots), or coordinates (t, 2 or 3) such as a grid's.
    neighbours
        Cells per target.

    Returns
    -------
    anndata.AnnData
        Targets by genes. ``X`` is the mean of log-normalised expression (of values as they are
        if the cells do not hold counts); ``layers["standard_error"]`` its standard error, from the
        spread among the cells; ``obs["dpvae_reach"]`` the distance to the farthest cell taken,
        in coordinate units, which is large where no cell was placed. All three are NaN in other
        sections.

    Raises
    ------
    DataError
        When a gene is not among the placed cells', fewer than two cells belong here, or the places
        are no coordinates.

    Examples
    --------
    >>> virtual = dpv.virtual_expression(placed, ["Gene000", "Gene001"], at=reference)
    >>> virtual.shape
    (321, 2)
    """
    check_located(placed, "The placed cells")
    if neighbours < 1:
        raise DataError(f"neighbours is {neighbours}: at least one is needed.")
    unknown = [gene for gene in genes if not has_feature(placed, gene)]
    if unknown:
        raise DataError(f"The placed cells have no gene '{unknown[0]}': check its spelling.")
    cells = placed
    if STATUS in placed.obs:
        cells = placed[placed.obs[STATUS].to_numpy() != OUTSIDE]
    if cells.n_obs < 2:
        raise DataError(
            "Fewer than two placed cells belong to the reference: there is nothing to draw from."
        )
    targets = _targets(at, np.shape(cells.obsm[SPATIAL])[1])
    weights, reach = _weights(cells, targets, neighbours)
    x = _values(cells, genes)
    mean = (weights @ x).toarray()
    variance = np.maximum((weights @ x.power(2)).toarray() - mean**2, 0.0)
    # Effective number of cells (Kish 1965); one less makes the variance unbiased.
    effective = 1.0 / np.asarray(weights.power(2).sum(axis=1)).reshape(-1, 1)
    names = at.obs_names if isinstance(at, ad.AnnData) else map(str, range(len(targets)))
    virtual = ad.AnnData(
        mean.astype(np.float32),
        obs=pd.DataFrame({REACH: reach}, index=pd.Index(names, dtype=str)),
        var=pd.DataFrame(index=pd.Index(genes, dtype=str)),
    )
    error = np.sqrt(variance / np.maximum(effective - 1.0, 1e-12))
    virtual.layers[STANDARD_ERROR] = error.astype(np.float32)
    virtual.obsm[SPATIAL] = targets
    if isinstance(at, ad.AnnData):
        elsewhere = ~in_frame(at, placed)
        virtual.X[elsewhere] = virtual.layers[STANDARD_ERROR][elsewhere] = np.nan
        virtual.obs.loc[elsewhere, REACH] = np.nan
    return virtual


def _values(cells: ad.AnnData, features: Sequence[str]) -> sparse.csr_matrix:
    """(n, g) of genes and of features of other kinds, in the unit in which they are shown."""
    measured = [name for name in features if name in cells.var_names]
    x = log_expression(cells, measured).tocsc()
    if len(measured) == len(features):
        return sparse.csr_matrix(x)
    others = {name: other_values(cells, name) for name in set(features) - set(measured)}
    columns = [
        x[:, [measured.index(name)]] if found is None else sparse.csc_matrix(found[0][:, None])
        for name in features
        for found in [others.get(name)]
    ]
    return sparse.csr_matrix(sparse.hstack(columns))


def _targets(at: ad.AnnData | np.ndarray, dims: int) -> np.ndarray:
    """The places (t, dims) where expression is asked for."""
    if isinstance(at, ad.AnnData):
        check_located(at, "The reference's spots")
        at = at.obsm[SPATIAL]
    try:
        targets = np.asarray(at, float)
    except (TypeError, ValueError):
        targets = np.empty(0)
    if targets.ndim != 2 or targets.shape[1] != dims or not np.isfinite(targets).all():
        raise DataError(
            f"The places must be {dims} finite numbers for each, as those of the cells: give the "
            "reference, or coordinates."
        )
    return targets


def _weights(
    cells: ad.AnnData, targets: np.ndarray, neighbours: int
) -> tuple[sparse.csr_array, np.ndarray]:
    """Share of each cell in each target, (t, n), and the reach of each target, (t,)."""
    from sklearn.neighbors import NearestNeighbors

    k = min(neighbours, cells.n_obs)
    finder = NearestNeighbors(n_neighbors=k).fit(np.asarray(cells.obsm[SPATIAL], float))
    distances, indices = finder.kneighbors(targets)
    reach = distances[:, -1]
    radius = cells.obs[RADIUS].to_numpy(float) if RADIUS in cells.obs else np.zeros(cells.n_obs)
    doubt = np.nan_to_num(radius)[indices] ** 2 + reach[:, None] ** 2
    share = 1.0 / np.maximum(doubt, np.finfo(float).tiny)
    share /= share.sum(axis=1, keepdims=True)
    starts = np.arange(0, indices.size + 1, k)
    shape = (len(targets), cells.n_obs)
    return sparse.csr_array((share.ravel(), indices.ravel(), starts), shape=shape), reach
