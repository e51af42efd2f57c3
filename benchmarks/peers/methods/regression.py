"""Coordinates regressed on principal components, with scikit-learn alone."""

from __future__ import annotations

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.peers.methods.inputs import Inputs

COMPONENTS = 30

Placement = dict[str, np.ndarray]


def knn(inputs: Inputs) -> Placement:
    """The mean of the nearest spots; their number is chosen by cross-validation."""
    neighbours = {"n_neighbors": [5, 10, 15, 30]}
    return _regress(inputs, GridSearchCV(KNeighborsRegressor(weights="distance"), neighbours))


def ridge(inputs: Inputs) -> Placement:
    """Ridge regression; the penalty is chosen by leaving one out."""
    return _regress(inputs, RidgeCV(np.logspace(-2, 6, 25)))


def mlp(inputs: Inputs) -> Placement:
    """A perceptron with two hidden layers, stopped early on a tenth of the spots."""
    network = MLPRegressor(
        hidden_layer_sizes=(128, 64),
        early_stopping=True,
        n_iter_no_change=30,
        max_iter=1000,
        random_state=inputs.seed,
    )
    scaled = TransformedTargetRegressor(network, transformer=StandardScaler())
    return _regress(inputs, make_pipeline(StandardScaler(), scaled))


def _regress(inputs: Inputs, regressor: RegressorMixin) -> Placement:
    inputs = inputs.variable()
    expression = inputs.reference.X
    pca = PCA(min(COMPONENTS, *expression.shape), random_state=inputs.seed)
    regressor.fit(pca.fit_transform(expression), inputs.coordinates)
    return {"coordinates": regressor.predict(pca.transform(inputs.query.X))}
