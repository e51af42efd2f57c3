"""Where a cell lies by a linear map of its expression: smooth, and not bound to the anchors."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

PENALTIES = np.logspace(-2, 7, 19)
"""Tried; components have a variance of the order of 1."""
MOST_SPOTS = 20_000
"""More are thinned evenly: they hardly change a linear map."""


@dataclass(frozen=True)
class Regression:
    """Coordinates as a linear function of expression.

    Nearest anchors can only interpolate: a cell of tissue that the reference does not show is drawn
    to what it shows. A linear map goes on beyond it.

    Attributes
    ----------
    coefficients
        (n_genes, 2 or 3) float32, in coordinate units.
    intercept
        (2 or 3,); not float32, which has few digits for places far from 0.
    error
        Root mean square distance from the truth of spots that are left out one by one.
    anchors_error
        That of the anchors' answer for spots held out, as a share of their anchor spread.
    """

    coefficients: np.ndarray
    intercept: np.ndarray
    error: float
    anchors_error: float = 1.0

    @classmethod
    def fit(cls, components: np.ndarray, coordinates: np.ndarray, axes: np.ndarray) -> Regression:
        """Ridge regression (Hoerl & Kennard 1970) on components, its penalty by leaving one out.

        Parameters
        ----------
        components
            (n, k) of standardised expression.
        coordinates
            (n, 2 or 3).
        axes
            (k, n_genes) that components are read by.
        """
        from sklearn.linear_model import RidgeCV

        # Centred first: it reads places as float32, like expression.
        middle = coordinates.mean(axis=0)
        ridge = RidgeCV(PENALTIES).fit(components, coordinates - middle)
        return cls(
            (axes.T @ ridge.coef_.T).astype(np.float32),
            middle + ridge.intercept_,
            float(np.sqrt(-ridge.best_score_ * coordinates.shape[1])),
        )

    def predict(self, x: np.ndarray) -> np.ndarray:
        """(n, 2 or 3) of standardised expression (n, n_genes)."""
        return np.asarray(x @ self.coefficients + self.intercept)

    def share(self, spread: np.ndarray) -> np.ndarray:
        """(n,) of the regression beside anchors of this spread, (n,), 0 to 1.

        Each weighs by its inverse variance.
        """
        square: np.ndarray = (self.anchors_error * spread) ** 2
        return square / (square + self.error**2)

    def beside(self, errors: np.ndarray, spreads: np.ndarray) -> Regression:
        """The same, beside anchors that are so far off (h,) with such spreads (h,).

        Of clean data anchors are nearer than they are spread. Where they are farther off than
        that, so is most of the regression: it gets no more of a say.
        """
        share = np.sqrt((errors**2).mean() / max((spreads**2).mean(), np.finfo(float).tiny))
        return replace(self, anchors_error=float(min(share, 1.0)))
