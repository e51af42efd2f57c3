"""Where a cell lies by a linear map of its expression: smooth, and not bound to the anchors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import RidgeCV

PENALTIES = np.logspace(-4, 8, 37)
"""Tried; components have a variance of the order of 1."""


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
        (2 or 3,) float32.
    error
        Root mean square distance from the truth of spots that are left out one by one.
    """

    coefficients: np.ndarray
    intercept: np.ndarray
    error: float

    @classmethod
    def fit(cls, x: np.ndarray, coordinates: np.ndarray, axes: np.ndarray) -> Regression:
        """Ridge regression (Hoerl & Kennard 1970) on components, its penalty by leaving one out.

        Parameters
        ----------
        x
            (n, n_genes) standardised expression.
        coordinates
            (n, 2 or 3).
        axes
            (k, n_genes) that components are read by.
        """
        ridge = RidgeCV(PENALTIES).fit(x @ axes.T, coordinates)
        return cls(
            (axes.T @ ridge.coef_.T).astype(np.float32),
            ridge.intercept_.astype(np.float32),
            float(np.sqrt(-ridge.best_score_ * coordinates.shape[1])),
        )

    def predict(self, x: np.ndarray) -> np.ndarray:
        """(n, 2 or 3) of standardised expression (n, n_genes)."""
        return np.asarray(x @ self.coefficients + self.intercept)

    def share(self, spread: np.ndarray) -> np.ndarray:
        """(n,) of the regression beside another answer with this error, (n,), 0 to 1.

        Each weighs by its inverse variance.
        """
        square: np.ndarray = spread**2
        return square / (square + self.error**2)
