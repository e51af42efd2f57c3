"""The variational autoencoder: q(z|x), p(x|z), and the scale lambda between space and latent."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

LOG_VARIANCE = (-10.0, 10.0)
"""Bounds: one extreme cell cannot overflow exp() and poison the batch."""


def _trunk(n_in: int, hidden: int, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in (n_in, hidden):
        layers += [nn.Linear(width, hidden), nn.LayerNorm(hidden), nn.SiLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers)


class Network(nn.Module):
    """Gaussian VAE on standardised expression.

    Its encoder reads the panel's core gene by gene, or principal components of the panel: what many
    genes say together is less noisy than what each says, and the two err differently. Its decoder
    gives the core.

    Parameters
    ----------
    n_genes
        Genes decoded: the panel's core.
    latent_dim
        Latent dimensions.
    hidden
        Units in each of the two hidden layers of the encoder and of the decoder.
    dropout
        Share of hidden units silenced while training.
    fixed_lambda
        Scale from space to latent; 0 makes it a learned parameter that starts at 1.
    axes
        (k, n_read) float32, that the encoder reads stabilised expression of the panel's first
        ``n_read`` genes by, which may be more than are decoded. Not given: each decoded gene by
        itself.
    """

    axes: Tensor | None

    def __init__(
        self,
        n_genes: int,
        latent_dim: int,
        *,
        hidden: int = 128,
        dropout: float = 0.3,
        fixed_lambda: float = 0.0,
        axes: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.n_genes, self.dropout = n_genes, dropout
        self.register_buffer("axes", axes)
        self.encoder = _trunk(n_genes if axes is None else len(axes), hidden, dropout)
        self.to_mean = nn.Linear(hidden, latent_dim)
        self.to_log_variance = nn.Linear(hidden, latent_dim)
        self.decoder = nn.Sequential(
            _trunk(latent_dim, hidden, dropout), nn.Linear(hidden, n_genes)
        )
        self.log_lambda = nn.Parameter(
            torch.tensor(math.log(fixed_lambda or 1.0)), requires_grad=not fixed_lambda
        )

    @property
    def scale(self) -> Tensor:
        """``lambda``: latent distance per unit of (scaled) spatial distance."""
        return self.log_lambda.exp()

    @property
    def n_read(self) -> int:
        """So many of the panel's first genes are read."""
        return self.n_genes if self.axes is None else self.axes.shape[1]

    def encode(self, x: Tensor, stabilised: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of ``q(z|x)``, each (n, latent_dim).

        Parameters
        ----------
        x
            (n, n_read or more) standardised expression, which is read gene by gene.
        stabilised
            As much, from :meth:`napari_dpvae.expression.panel.GenePanel.stabilised`, which
            components are of.
        """
        if self.axes is None:
            h = self.encoder(x[:, : self.n_genes])
        else:
            h = self.encoder(stabilised[:, : self.n_read] @ self.axes.T)
        return self.to_mean(h), self.to_log_variance(h).clamp(*LOG_VARIANCE)

    def decode(self, z: Tensor) -> Tensor:
        """Mean of ``p(x|z)``, (n, n_genes), from z (n, latent_dim)."""
        mean: Tensor = self.decoder(z)
        return mean
